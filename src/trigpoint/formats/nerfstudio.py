"""``transforms.json`` of nerfstudio and instant-ngp: camera-to-world poses in OpenGL axes, scale unknown.

Poses are used as they stand; ``applied_transform`` is not undone. Frames are named by their path below the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from trigpoint.core.errors import SceneError
from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.axes import pose_from_opengl
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.nerfstudio_camera import camera_of, flag
from trigpoint.formats.textfiles import is_file, read_json, to_numbers

FILE_NAME = "transforms.json"
_SPLIT_KEYS = ("train_filenames", "val_filenames", "test_filenames")


def sniff(path: Path) -> bool:
    """Whether this is a JSON file called transforms, or a folder that holds ``transforms.json``."""
    return is_file(path / FILE_NAME) or (path.suffix == ".json" and path.name.startswith("transforms") and is_file(path))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read a ``transforms.json`` or the folder that holds it.

    Raises:
        SceneError: not valid JSON (TP-213); a number that is none (TP-214); a key is missing or of a wrong type (TP-219).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    file = path if is_file(path) else path / FILE_NAME
    document = read_json(file)
    # No program but ours writes this key; without it the scale is unknown.
    builder = SceneBuilder(file.parent, "nerfstudio", metric=flag(document, "metric", str(file)) is True, options=options)
    if "applied_transform" in document or "applied_scale" in document:
        builder.note("The poses are in the turned frame of transforms.json (applied_transform), which is kept.")
    splits = _splits(document, file)
    unused = add_frames(builder, file, document, splits.get).count(None)
    if splits and unused:
        builder.note(f"Images in no list of training or test images, not used: {unused}.")
    return builder.build()


def add_frames(
    builder: SceneBuilder, file: Path, document: dict[str, Any], split_of: Callable[[str], str | None]
) -> list[str | None]:
    """Add the frames of a ``transforms.json``.

    Args:
        builder: the scene under construction.
        file: the file, for errors; ``file_path`` is relative to its folder.
        document: its content.
        split_of: the split of a frame by its name in the file.

    Returns:
        The splits of the frames that have an image.

    Raises:
        SceneError: no frames, or a frame that names no image (TP-219).
    """
    frames = document.get("frames")
    if not isinstance(frames, list) or not frames:
        raise SceneError("TP-219", "the list 'frames' is missing or empty", where=file, fix="Export it again.")
    splits: list[str | None] = []
    for index, values in enumerate(frames):
        where = f"{file}, frame {index}"
        if not isinstance(values, dict):
            raise SceneError("TP-219", "this frame is not an object", where=where, fix="Export it again.")
        listed, place = _locate(values, file, where)
        name = builder.frame_name(listed, place)
        with builder.image(name):
            image = builder.locate(name, place, listed=listed)
            if image is not None:
                camera = camera_of(builder, {**document, **values}, image, f"{file}, frame {name}")
                splits.append(split_of(listed))
                pose = _pose(values, f"{file}, frame {name}")
                builder.add(Frame(name, image, camera, pose, splits[-1], depth_path=_depth(values, file)))
    return splits


def _locate(values: dict[str, Any], file: Path, where: str) -> tuple[str, Path]:
    given = values.get("file_path")
    if not isinstance(given, str) or not given.strip():
        raise SceneError("TP-219", "'file_path' is missing", where=where, fix="Every frame names its image.")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise SceneError("TP-219", "'file_path' is not valid Unicode", where=where, fix="Rename the image.") from None
    image = file.parent / _normal(given)
    if not is_file(image):
        # Blender exports and early instant-ngp files leave the suffix out.
        candidates = [Path(f"{image}{suffix}") for suffix in IMAGE_SUFFIXES]
        image = next((candidate for candidate in candidates if is_file(candidate)), image)
    name = image.relative_to(file.parent) if image.is_relative_to(file.parent) else image
    return name.as_posix(), image


def _depth(values: dict[str, Any], file: Path) -> Path | None:
    given = values.get("depth_file_path")
    depth = file.parent / _normal(given) if isinstance(given, str) and given.strip() else None
    return depth if depth is not None and is_file(depth) else None


def _normal(given: str) -> str:
    return PurePosixPath(given.replace("\\", "/")).as_posix()


def _pose(values: dict[str, Any], where: str) -> Pose:
    rows = values.get("transform_matrix")
    if rows is None:
        raise SceneError("TP-204", "this image has no pose: no 'transform_matrix'", where=where, fix="Give --skip-invalid.")
    if not isinstance(rows, list) or len(rows) not in (3, 4) or any(not isinstance(r, list) or len(r) != 4 for r in rows):
        raise SceneError("TP-214", "'transform_matrix' is not a 4x4 matrix", where=where, fix="Export it again.")
    return pose_from_opengl(Pose.from_matrix([to_numbers(row, where) for row in rows], where=where))


def _splits(document: dict[str, Any], file: Path) -> dict[str, str]:
    """Split by frame name. Validation images serve as test images where there are no others."""
    lists: dict[str, list[str]] = {}
    for key in _SPLIT_KEYS:
        given = document.get(key)
        if given is None:
            continue
        if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
            raise SceneError("TP-219", f"'{key}' is not a list of file names", where=file, fix="Export it again.")
        lists[key] = [_locate({"file_path": item}, file, f"{file}, {key}")[0] for item in given]
    test = lists.get("test_filenames") or lists.get("val_filenames") or []
    return dict.fromkeys(lists.get("train_filenames", []), TRAIN) | dict.fromkeys(test, TEST)


READER = Reader("nerfstudio", sniff, read, "transforms.json", poses="opengl-c2w")
