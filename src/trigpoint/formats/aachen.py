"""Aachen Day-Night: ``images_upright``, ``3D-models`` and ``queries``.

Mapping images and their poses come from ``3D-models/aachen_cvpr2018_db.nvm`` (the data set of 2018) or from a COLMAP model
below ``3D-models`` (v1.1). ``database_intrinsics.txt``, if it is in either folder, gives their cameras. The queries of the
``*_with_intrinsics.txt`` lists are the test images; their poses are not public, so they have none. Metric.
"""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.camera import Camera, camera_model_names
from trigpoint.core.errors import SceneError
from trigpoint.core.folders import matching
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.colmap import add_tracks
from trigpoint.formats.colmap_model import find_models, model_files
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.nvm import nvm_camera, read_nvm
from trigpoint.formats.textfiles import is_file, read_rows, to_numbers, to_whole_px

IMAGES, MODELS, QUERIES = "images_upright", "3D-models", "queries"
_NVM = "aachen_cvpr2018_db.nvm"
_INTRINSICS = "database_intrinsics.txt"


def sniff(path: Path) -> bool:
    """Whether the folders of images and models are there."""
    return (path / IMAGES).is_dir() and (path / MODELS).is_dir()


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the mapping images and the queries.

    Raises:
        SceneError: no model (TP-210); a line of a list that is not an image with its camera (TP-214).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "aachen", metric=True, options=options)
    known = _database_cameras(builder)
    if is_file(path / MODELS / _NVM):
        _read_nvm_images(builder, known)
    else:
        _read_colmap_images(builder, known)
    lists = matching(path / QUERIES, "*_with_intrinsics.txt")
    if not lists:
        builder.warn(f"There are no queries: no {QUERIES}/*_with_intrinsics.txt.")
    for file in lists:
        sequence = "night" if file.name.startswith("night") else "day"
        for name, (words, where) in _camera_lines(builder, file).items():
            with builder.image(name):
                image = builder.locate(name, path / IMAGES / name)
                if image is not None:
                    camera = _listed_camera(builder, words, where)
                    builder.add_query(Frame(name, image, camera, None, TEST, sequence))
    return builder.build()


def _database_cameras(builder: SceneBuilder) -> dict[str, tuple[list[str], str]]:
    files = (folder / _INTRINSICS for folder in (builder.root, builder.root / MODELS))
    file = next((file for file in files if is_file(file)), None)
    return {} if file is None else _camera_lines(builder, file)


def _camera_lines(builder: SceneBuilder, file: Path) -> dict[str, tuple[list[str], str]]:
    """(words after the name, where) of each image of a list ``image MODEL width height parameters``."""
    result: dict[str, tuple[list[str], str]] = {}
    models = set(camera_model_names())
    for number, words in read_rows(file):
        where = f"{file}, line {number}"
        if len(words) < 6:
            raise SceneError(
                "TP-214",
                "an image, a camera model, its size and its parameters were expected",
                where=where,
                fix="Copy the file again.",
            )
        # The name may have spaces; the model is the first word behind it.
        model = next((index for index, word in enumerate(words) if index and word in models), 1)
        name = " ".join(words[:model])
        with builder.image(name):
            if name in result:
                what = f"this image is listed twice, here and at {result[name][1]}"
                raise SceneError("TP-205", what, where=where, fix="Remove one of the lines.")
            result[name] = (words[model:], where)
    return result


def _listed_camera(builder: SceneBuilder, words: list[str], where: str) -> Camera:
    return builder.camera(words[0], to_whole_px(words[1:3], where), tuple(to_numbers(words[3:], where)), where)


def _read_nvm_images(builder: SceneBuilder, known: dict[str, tuple[list[str], str]]) -> None:
    for entry in read_nvm(builder.root / MODELS / _NVM):
        with builder.image(entry.name):
            image = builder.locate(entry.name, builder.root / IMAGES / entry.name)
            if image is not None:
                listed = known.get(entry.name)
                camera = _listed_camera(builder, *listed) if listed else nvm_camera(builder, entry, image)
                _add(builder, entry.name, image, camera, entry.pose())


def _read_colmap_images(builder: SceneBuilder, known: dict[str, tuple[list[str], str]]) -> None:
    folders = [builder.root / MODELS, *sorted(item for item in (builder.root / MODELS).iterdir() if item.is_dir())]
    model = next((models[0] for folder in folders if (models := find_models(folder))), None)
    if model is None:
        raise SceneError(
            "TP-210",
            f"there is neither {_NVM} nor a COLMAP model",
            where=builder.root / MODELS,
            fix="Copy the 3D models of the data set there.",
        )
    builder.note(f"Poses come from the COLMAP model {model.relative_to(builder.root).as_posix()}.")
    files = model_files(model)
    cameras = files.cameras()
    names: list[str] = []
    for image in files.images():
        with builder.image(image.name):
            image.check()
            file = builder.locate(image.name, builder.root / IMAGES / image.name)
            if file is not None:
                if image.name in known:
                    camera = _listed_camera(builder, *known[image.name])
                else:
                    listed = image.camera(cameras)
                    camera = builder.camera(*listed.intrinsics(), listed.where)
                _add(builder, image.name, file, camera, image.pose())
                names.append(image.name)
    add_tracks(builder, files, {name: name for name in names})


def _add(builder: SceneBuilder, name: str, image: Path, camera: Camera, pose: Pose | None) -> None:
    builder.add(Frame(name, image, camera, pose, TRAIN, name.rpartition("/")[0]))


READER = Reader("aachen", sniff, read, "images_upright beside 3D-models")
