"""COLMAP models, binary or text, of any version since 3.8, with their images.

Frames are named as in the model. The folder part of a name, if any, is the frame's sequence.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.image import IMAGE_SUFFIXES
from trigpoint.core.scene import Frame, Scene
from trigpoint.core.tracks import TrackSource
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.colmap_entries import ModelFiles, good_points, read_tracks
from trigpoint.formats.colmap_model import announced_images, find_models, fullest_model, is_binary, model_files
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_json

SCENE_FILE = "trigpoint.json"


def sniff(path: Path) -> bool:
    """Whether a model is in the folder, or below in sparse or colmap/sparse, or in a numbered folder of these."""
    return bool(find_models(path))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the model with the most images, and the images of ``images`` beside it.

    Raises:
        SceneError: the model cannot be used, as ``model_files``; only reduced copies of the images (TP-224); a
            ``trigpoint.json`` that is malformed (TP-213) or does not say whether the scene is metric (TP-219).
        TrigpointError: an image, pose or camera cannot be used, as ``SceneBuilder.build``.
    """
    models = find_models(path)
    model = fullest_model(models)
    builder = SceneBuilder(path, "colmap", metric=_is_metric(model), options=options)
    if len(models) > 1:
        used = model.relative_to(path).as_posix()
        builder.note(f"There are {len(models)} partial models; {used} is used, which has the most images.")
    files = model_files(model)
    images, cameras = files.images(), files.cameras()
    _check_announced(builder, model, len(images))
    folder = _image_folder(model, [image.name for image in images])
    for image in images:
        name = image.name
        with builder.image(name):
            image.check()
            if builder.exists(name, folder / name):
                listed = image.camera(cameras)
                camera = builder.camera(*listed.intrinsics(), listed.where)
                builder.add(Frame(name, folder / name, camera, image.pose(), sequence=name.rpartition("/")[0]))
    _note_unregistered(builder, folder, {image.name for image in images})
    add_tracks(builder, files)
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


def add_tracks(builder: SceneBuilder, files: ModelFiles) -> None:
    """Give the scene the points of a model, which are read when they are asked for, and now only checked.

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
    builder.tracks_of = lambda names: TrackSource(partial(read_tracks, files, names, skip_invalid=skip_invalid), paths)


def _check_announced(builder: SceneBuilder, model: Path, count: int) -> None:
    announced = None if is_binary(model) else announced_images(model)
    if announced is not None and announced != count:
        builder.warn(f"images.txt announces {announced} images and lists {count}: it may be cut short.")


def _image_folder(model: Path, names: list[str]) -> Path:
    """Of ``images`` and the folder itself, from the model upwards, the one that holds most of the images."""
    above = [model.absolute(), *model.absolute().parents[:3]]
    candidates = [folder / child for folder in above for child in ("images", "")]
    counts = [sum(is_file(folder / name) for name in names) if folder.is_dir() else 0 for folder in candidates]
    if names and max(counts) == 0:
        raise _no_images(model, above, names)
    return candidates[counts.index(max(counts))]


def _no_images(model: Path, above: list[Path], names: list[str]) -> SceneError:
    reduced = sorted({item.name for folder in above for item in folder.glob("images_*") if item.is_dir()})
    if reduced:
        return SceneError(
            "TP-224",
            f"the full-size images are missing; there are only reduced copies ({', '.join(reduced)})",
            where=model,
            fix="Put the images that the model was computed from into 'images' beside 'sparse'.",
        )
    return SceneError(
        "TP-206",
        f"none of the {len(names)} images of the model exists (first: {names[0]})",
        where=model,
        fix="Put them into 'images' beside 'sparse'.",
    )


def _note_unregistered(builder: SceneBuilder, images: Path, names: set[str]) -> None:
    if images.name != "images":
        return
    files = (file for file in images.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
    others = [file.relative_to(images).as_posix() for file in files]
    extra = sorted(name for name in others if name not in names)
    if extra:
        builder.note(
            f"Images that are not part of the model: {len(extra)} (first: {extra[0]}). COLMAP did not register them."
        )


READER = Reader("colmap", sniff, read, "cameras and images (.bin or .txt) in sparse/0 or sparse")
