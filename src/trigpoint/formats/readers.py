"""Any folder of posed images as a scene: its format is recognised from file names, then read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shlex import quote

from trigpoint.core.errors import ConfigError, SceneError, did_you_mean
from trigpoint.core.file_errors import file_error
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.core.plugins import load_plugin, plugin_names
from trigpoint.core.scene import Problem, Scene
from trigpoint.formats import (
    aachen,
    ace,
    acezero,
    blender,
    bundler,
    cambridge,
    colmap,
    euroc,
    joint,
    kapture,
    kitti,
    llff,
    mvsnet,
    nerfstudio,
    opensfm,
    polycam,
    record3d,
    scannerapp,
    scannet,
    sevenscenes,
    tum,
    twelvescenes,
    visualsfm,
)
from trigpoint.formats.damaged import without_damaged_images
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.splits import Holdout, apply_holdout, parse_holdout
from trigpoint.formats.unread import ARCHIVES, unread_layout

# The order decides where several formats fit: from layouts that only one program writes to those that other programs
# leave behind as a by-product (nerfstudio folders keep the COLMAP model that their transforms.json was made from).
READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        joint.READER,
        ace.READER,
        sevenscenes.READER,
        twelvescenes.READER,
        cambridge.READER,
        aachen.READER,
        kapture.READER,
        tum.READER,
        euroc.READER,
        kitti.READER,
        scannet.READER,
        polycam.READER,
        record3d.READER,
        scannerapp.READER,
        nerfstudio.READER,
        blender.READER,
        mvsnet.READER,
        opensfm.READER,
        acezero.READER,
        visualsfm.READER,
        bundler.READER,
        colmap.READER,
        llff.READER,
    )
}

# Entry points of this group are ``Reader`` values, by the name that ``--format`` gives them. They are tried after ours.
PLUGINS = "trigpoint.formats"

_LOOKED_AT = 20_000
_NESTED = 200


def open_scene(
    path: Path | str,
    *,
    format: str | None = None,
    holdout: Holdout | str | None = None,
    skip_invalid: bool = False,
    metric: bool | None = None,
    images: Path | str | None = None,
    scale_intrinsics: bool = False,
) -> Scene:
    """Read a scene: images with poses and cameras.

    Where several formats fit, the first in ``READERS`` is taken and a note in ``Scene.problems`` names the others. Formats
    of other packages (entry points ``trigpoint.formats``) are tried where none of ours fits.

    Args:
        path: the folder, or the file or subfolder that holds the poses (``transforms.json``, ``sparse/0``).
        format: name of the format, from ``READERS`` or of another package; None finds out.
        holdout: rule for the test split, as a value or as text such as ``"every:8:0"``; None keeps the split of the format.
        skip_invalid: leave out images that cannot be used and list them in ``Scene.problems``, instead of raising. All
            images are decoded then, as the header of one that was cut short is whole.
        metric: whether one unit of the poses is one metre; None takes what the format says.
        images: the folder that the images are in, where it is not the one that the files name: as given, or below ``path``.
            None looks for them below ``path`` by file name, and says in ``Scene.problems`` what was found elsewhere.
        scale_intrinsics: fit the cameras to images that are resized copies of those that the poses were computed from.

    Raises:
        SceneError: no such folder (TP-201), no format recognised (TP-202), not of the named format (TP-203), TP-2xx.
        GeometryError: an impossible pose or camera (TP-3xx).
        ImageError: an image whose header cannot be read (TP-1xx).
        ConfigError: a hold-out rule that is none or does not fit the scene (TP-715 to TP-719); a format of another package
            that cannot be loaded (TP-720) or is none (TP-726); ``images`` for a format that names none (TP-728).
        OutputError: a folder that may not be listed, or a disk that fails (TP-806).
    """
    rule = parse_holdout(holdout) if isinstance(holdout, str) else holdout
    folder = Path(path)
    if not _exists(folder):
        raise SceneError("TP-201", "there is no such file or folder", where=folder, fix="Check the path.")

    def open_part(part: Path, name: str | None, text: str | None) -> Scene:
        return open_scene(part, format=name, holdout=text, skip_invalid=skip_invalid, scale_intrinsics=scale_intrinsics)

    options = ReadOptions(skip_invalid, metric, open_part, _image_folder(images, folder), scale_intrinsics)
    try:
        scene = _recognised(folder, options) if format is None else _named(format, folder).read(folder, options)
    except OSError as error:
        raise file_error(error, folder) from error
    scene = scene if rule is None else apply_holdout(scene, rule)
    # After the split, which counts images: a rule holds out the same images, whether a damaged one is left out or not.
    # The parts of a joint scene have been looked at by ``open_part``.
    return without_damaged_images(scene) if skip_invalid and scene.format != joint.READER.name else scene


def _image_folder(images: Path | str | None, scene: Path) -> Path | None:
    if images is None:
        return None
    folder = next((folder for folder in (Path(images), scene / images) if _exists(folder) and folder.is_dir()), None)
    if folder is None:
        fix = "Name the folder that holds the images."
        raise SceneError("TP-201", "there is no such folder of images", where=Path(images), fix=fix)
    return folder


def _recognised(folder: Path, options: ReadOptions) -> Scene:
    matches = [reader for reader in READERS.values() if reader.sniff(folder)]
    if not matches:
        # What other packages bring is imported only here, so that it costs scenes of our formats nothing.
        plugins = {name: _plugin(name) for name in plugin_names(PLUGINS) if name not in READERS}
        matches = [reader for reader in plugins.values() if reader.sniff(folder)]
        if not matches:
            raise _not_recognised(folder, [*READERS.values(), *plugins.values()])
    scene = matches[0].read(folder, options)
    if len(matches) == 1:
        return scene
    others = " and ".join(reader.name for reader in matches[1:])
    note = Problem("note", f"Read as {scene.format}; there is also a {others} scene here: choose with --format.")
    return replace(scene, problems=(note, *scene.problems))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _named(name: str, path: Path) -> Reader:
    others = plugin_names(PLUGINS)
    if name not in READERS and name not in others:
        known = did_you_mean(name, {*READERS, *others})
        raise SceneError("TP-203", f"unknown scene format '{name}'", where=path, fix=known)
    reader = READERS[name] if name in READERS else _plugin(name)
    if not reader.sniff(path):
        raise SceneError("TP-203", f"this is not a scene in {name} format", where=path, fix=f"It needs {reader.looks_for}.")
    return reader


def _plugin(name: str) -> Reader:
    reader = load_plugin(PLUGINS, name)
    if not isinstance(reader, Reader):
        raise ConfigError(
            "TP-726",
            f"'{name}' is no format: it must be a value of trigpoint.formats.format.Reader",
            where=PLUGINS,
            fix="Mend its package: see 'Your own format' in the documentation of formats.",
        )
    return reader


def _not_recognised(path: Path, readers: Sequence[Reader]) -> SceneError:
    known = f"Looked for {'; '.join(f'{reader.looks_for} ({reader.name})' for reader in readers)}."
    nested = None if path.is_file() else _nested(path, readers)
    if nested is not None:
        return SceneError("TP-202", "there is no scene here, but below", where=path, fix=f"Did you mean {nested}?")
    unread = unread_layout(path)
    if unread is not None:
        return SceneError("TP-202", unread[0], where=path, fix=unread[1])
    if path.is_file():
        return SceneError("TP-202", "this file does not describe a scene", where=path, fix=known)
    files = sorted(islice((file for file in path.rglob("*") if file.is_file()), _LOOKED_AT))
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    closed = unread_images(files)
    archives = [file.name for file in files if file.suffix.lower() in ARCHIVES]
    if images:
        names = ", ".join(reader.name for reader in readers)
        find = f"Find them by structure from motion: 'trigpoint reconstruct {quote(str(path))} -o SCENE'."
        fix = f"{find} Poses that are there already can be read as {names}. {closed}".strip()
        return SceneError("TP-202", f"a folder with {len(images)} images but no poses", where=path, fix=fix)
    if archives:
        return SceneError("TP-202", f"only packed files ({archives[0]})", where=path, fix="Unpack them first.")
    if closed:
        fix = f"{closed} Then find poses by structure from motion: 'trigpoint reconstruct {quote(str(path))} -o SCENE'."
        return SceneError("TP-202", "images that cannot be read, and no poses", where=path, fix=fix)
    content = f"{len(files)} files, none of them an image (first: {files[0].name})" if files else "an empty folder"
    return SceneError("TP-202", content, where=path, fix=known)


def _nested(path: Path, readers: Sequence[Reader]) -> Path | None:
    """The first folder in this one that is a scene, or file that describes one."""
    entries = sorted(islice(path.iterdir(), _LOOKED_AT), key=lambda entry: (entry.is_file(), entry.name))
    found = (entry for entry in entries[:_NESTED] if any(reader.sniff(entry) for reader in readers))
    return next(found, None)
