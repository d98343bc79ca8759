"""COLMAP models, binary or text, of any version since 3.8, with their images.

Frames are named as in the model. The folder part of a name, if any, is the frame's sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from trigpoint.core.colmap import images_from_colmap, intrinsics_from_colmap, pose_from_colmap, tracks_from_colmap
from trigpoint.core.errors import SceneError
from trigpoint.core.image import IMAGE_SUFFIXES
from trigpoint.core.scene import Frame, Scene
from trigpoint.core.tracks import Tracks, TrackSource
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.colmap_model import announced_images, find_models, fullest_model, is_binary, load_model
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_json

SCENE_FILE = "trigpoint.json"


def sniff(path: Path) -> bool:
    """Whether a model is in the folder, or below in sparse or colmap/sparse, or in a numbered folder of these."""
    return bool(find_models(path))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the model with the most images, and the images of ``images`` beside it.

    Raises:
        SceneError: the model cannot be used, as ``load_model``; only reduced copies of the images (TP-224); a
            ``trigpoint.json`` that is malformed (TP-213) or does not say whether the scene is metric (TP-219).
        TrigpointError: an image, pose or camera cannot be used, as ``SceneBuilder.build``.
    """
    models = find_models(path)
    model = fullest_model(models)
    builder = SceneBuilder(path, "colmap", metric=_is_metric(model), options=options)
    if len(models) > 1:
        used = model.relative_to(path).as_posix()
        builder.note(f"There are {len(models)} partial models; {used} is used, which has the most images.")
    images = images_from_colmap(load_model(model), str(model))
    _check_announced(builder, model, len(images))
    folder = _image_folder(model, [name for name, _ in images])
    for name, image in images:
        with builder.image(name):
            if builder.exists(name, folder / name):
                camera = builder.camera(*intrinsics_from_colmap(image.camera), f"{model}, camera {image.camera_id}")
                pose = pose_from_colmap(image, f"{model}, {name}")
                builder.add(Frame(name, folder / name, camera, pose, sequence=name.rpartition("/")[0]))
    _note_unregistered(builder, folder, {name for name, _ in images})
    builder.tracks_of = partial(model_tracks, model)
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


def model_tracks(model: Path, names: Sequence[str]) -> TrackSource:
    """The points of a model folder and their observations in the named images, read when they are asked for."""
    files = sorted(path for path in model.iterdir() if path.suffix in (".bin", ".txt"))
    return TrackSource(partial(_read_tracks, model, names), files)


def _read_tracks(model: Path, names: Sequence[str]) -> Tracks | None:
    return tracks_from_colmap(load_model(model), names, str(model))


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
