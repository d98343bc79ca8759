"""COLMAP models, binary or text, of any version since 3.8, with their images.

Frames are named as in the model. The folder part of a name, if any, is the frame's sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.folders import files_below
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.core.scene import Frame, Scene
from trigpoint.core.tracks import Tracks, TrackSource
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.colmap_entries import ModelFiles, good_points, read_tracks
from trigpoint.formats.colmap_model import announced_images, find_models, fullest_model, is_binary, model_files
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_json

SCENE_FILE = "trigpoint.json"


def sniff(path: Path) -> bool:
    """Whether a model is in the folder, or below in sparse or colmap/sparse, or in a numbered folder of these."""
    return bool(find_models(path))


def read(root: Path, options: ReadOptions) -> Scene:
    """Read the model with the most images, and the images of ``images`` beside it.

    Raises:
        SceneError: the model cannot be used, as ``model_files``; a ``trigpoint.json`` that is malformed
            (TP-213) or does not say whether the scene is metric (TP-219).
        TrigpointError: an image, pose or camera cannot be used, as ``SceneBuilder.build``.
    """
    models = find_models(root)
    model = fullest_model(models)
    builder = SceneBuilder(root, "colmap", metric=_is_metric(model), options=options)
    if len(models) > 1:
        used = model.relative_to(root).as_posix()
        builder.note(f"There are {len(models)} partial models; {used} is used, which has the most images.")
    files = model_files(model)
    images, cameras = files.images(), files.cameras()
    _check_announced(builder, model, len(images))
    builder.search_below(_scene_folder(root))
    folder = options.images or _image_folder(model, [image.name for image in images])
    listed_as: dict[str, str] = {}
    taken: set[Path] = set()
    for image in images:
        name = builder.frame_name(image.name, folder / image.name)
        with builder.image(name):
            image.check()
            path = builder.locate(name, folder / image.name, listed=image.name)
            if path is not None:
                taken.add(path)
                listed = image.camera(cameras)
                camera = builder.camera(*listed.intrinsics(), listed.where)
                builder.add(Frame(name, path, camera, image.pose(), sequence=name.rpartition("/")[0]))
                listed_as[name] = image.name
    _note_unregistered(builder, folder, taken)
    add_tracks(builder, files, listed_as)
    return builder.build()


def _is_metric(model: Path) -> bool:
    """What ``trigpoint.json`` in the folder of the scene says; COLMAP's own files say nothing."""
    above = [model.absolute(), *model.absolute().parents[:3]]
    file = next((folder / SCENE_FILE for folder in above if is_file(folder / SCENE_FILE)), None)
    if file is None:
        return False
    metric = read_json(file).get("metric")
    if not isinstance(metric, bool):
        raise SceneError("TP-219", "'metric' is neither true nor false", where=file, fix='Write {"metric": true}.')
    return metric


def add_tracks(builder: SceneBuilder, files: ModelFiles, listed_as: Mapping[str, str]) -> None:
    """Give the scene the points of a model, which are read when they are asked for, and now only checked.

    Args:
        builder: the scene under construction.
        files: the model.
        listed_as: names in the model by the names of the frames.

    Raises:
        SceneError: a point that cannot be used (TP-214, TP-232), unless such are to be left out.
    """
    skip_invalid = builder.options.skip_invalid
    _, errors = good_points(files.points())
    if errors and not skip_invalid:
        raise errors[0]
    if errors:
        builder.warn(f"3D points left out: {len(errors)}. The first: {errors[0].what} [{errors[0].where}].")
    paths = sorted(path for path in files.paths[0].parent.iterdir() if path.suffix in (".bin", ".txt"))

    def read(names: Sequence[str]) -> Tracks | None:
        tracks = read_tracks(files, [listed_as[name] for name in names], skip_invalid=skip_invalid)
        return None if tracks is None else replace(tracks, images={name: tracks.images[listed_as[name]] for name in names})

    builder.tracks_of = lambda names: TrackSource(partial(read, names), paths)


def _check_announced(builder: SceneBuilder, model: Path, count: int) -> None:
    announced = None if is_binary(model) else announced_images(model)
    if announced is not None and announced != count:
        builder.warn(f"images.txt announces {announced} images and lists {count}: it may be cut short.")


def _scene_folder(path: Path) -> Path:
    """The folder of the scene, of which the user may have named the folder of the models or one of them."""
    folder = path.absolute()
    folder = folder.parent if folder.name.isdecimal() and folder.parent.name == "sparse" else folder
    folder = folder.parent if folder.name == "sparse" else folder
    return folder.parent if folder.name in ("colmap", "dense") else folder


def _image_folder(model: Path, names: list[str]) -> Path:
    """Of ``images`` and the folder itself, from the model upwards, the one that holds most of the images."""
    above = [model.absolute(), *model.absolute().parents[:3]]
    candidates = [folder / child for folder in above for child in ("images", "") if (folder / child).is_dir()]
    # Of equals that of the usual name: its images may be spelled otherwise.
    return max(candidates, key=lambda folder: (sum(is_file(folder / name) for name in names), folder.name == "images"))


def _note_unregistered(builder: SceneBuilder, images: Path, taken: set[Path]) -> None:
    if images.name != "images":
        return
    files = [file for file in files_below(images) if file not in taken]
    extra = sorted(file.relative_to(images).as_posix() for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
    unread = unread_images(files)
    if unread:
        builder.note(f"Beside the images of the model: {unread}")
    if extra:
        builder.note(
            f"Images that are not part of the model: {len(extra)} (first: {extra[0]}). COLMAP did not register them."
        )


READER = Reader("colmap", sniff, read, "cameras and images (.bin or .txt) in sparse/0 or sparse")
