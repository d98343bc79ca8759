"""Byte layout of a binary COLMAP model, checked before anything reads it.

Readers trust the counts in these files: with a damaged one pycolmap asks for terabytes of memory or loops for hours. Walking
over the records, without looking inside them, costs a fraction of a second and finds every cut or shifted file.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from trigpoint.core.camera import parameter_names
from trigpoint.core.errors import GeometryError, SceneError
from trigpoint.core.regular_file import open_regular

_CAMERA = struct.Struct("<IiQQ")
_COUNT64 = struct.Struct("<Q")
_COUNT32 = struct.Struct("<I")
_SENSOR_BYTES, _POSE_BYTES = 8, 56
# Id, quaternion and translation, camera id; the name follows.
_IMAGE_BYTES = 4 + _POSE_BYTES + 4
_POINT2D_BYTES = 24
# Id, position, colour, error; the length of the track follows.
_POINT3D_BYTES = 8 + 24 + 3 + 8
_TRACK_ELEMENT_BYTES = 8
# Frame id, rig id, pose; the number of data ids follows.
_FRAME_BYTES = 4 + 4 + _POSE_BYTES
_DATA_ID_BYTES = 16
_FIX = "Copy or export the model again."

# Moves over one record: (bytes, position of the record, file) -> position after it. May point beyond the end.
Step = Callable[[mmap.mmap, int, Path], int]


def check_binary_model(folder: Path) -> None:
    """Refuse a binary model whose files do not hold exactly the records they announce.

    Raises:
        SceneError: a file is missing (TP-210), empty (TP-211), or cut short or damaged (TP-231).
        GeometryError: unknown camera model (TP-311).
    """
    for name, step in _STEPS.items():
        path = folder / name
        if name in _OPTIONAL and not path.exists():
            continue
        _check_file(path, step)


def _check_file(path: Path, step: Step) -> None:
    try:
        stream = open_regular(path)
    except OSError as error:
        raise SceneError("TP-210", f"the file cannot be read ({error.strerror})", where=path, fix=_FIX) from error
    with stream:
        size = path.stat().st_size
        if size == 0:
            raise SceneError("TP-211", "the file is empty", where=path, fix=_FIX)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            count, done, position = _walk(data, step, path)
    if position > size or done < count:
        raise SceneError("TP-231", f"the file is cut short or damaged (record {done} of {count})", where=path, fix=_FIX)
    if position < size:
        extra = f"the file is damaged: {size - position} bytes follow its {count} records"
        raise SceneError("TP-231", extra, where=path, fix=_FIX)


def _walk(data: mmap.mmap, step: Step, path: Path) -> tuple[int, int, int]:
    """(records announced, records passed, position after them, beyond the end for a file that is cut short)."""
    done, position = 0, _COUNT64.size
    try:
        for _, end in records(data, step, path):
            done, position = done + 1, end
    except struct.error:
        position = len(data) + 1
    return _COUNT64.unpack_from(data, 0)[0] if len(data) >= _COUNT64.size else 0, done, position


def records(data: mmap.mmap, step: Step, path: Path) -> Iterator[tuple[int, int]]:
    """(start, end) of each record of a file, as far as they lie inside it.

    Raises:
        struct.error: the file ends inside a number.
        GeometryError: unknown camera model (TP-311).
    """
    position = _COUNT64.size
    for _ in range(_COUNT64.unpack_from(data, 0)[0]):
        if position > len(data):
            return
        start, position = position, step(data, position, path)
        yield start, position


def camera_step(data: mmap.mmap, position: int, path: Path) -> int:
    """Position after the record of a camera that begins at ``position``, bytes. Raises as ``records``."""
    camera_id, model_id, _, _ = _CAMERA.unpack_from(data, position)
    return position + _CAMERA.size + 8 * len(parameter_names(camera_model(model_id, f"{path}, camera {camera_id}")))


def camera_model(model_id: int, where: str) -> str:
    """Name of the camera model of a number. Raises GeometryError TP-311 for an unknown one."""
    import pycolmap

    names = {int(value): name for name, value in pycolmap.CameraModelId.__members__.items()}
    name = names.get(model_id, "INVALID")
    if name == "INVALID":
        known = ", ".join(f"{number} {name}" for number, name in sorted(names.items()) if number >= 0)
        raise GeometryError("TP-311", f"unknown camera model with id {model_id}", where=where, fix=f"Known: {known}.")
    return name


def image_step(data: mmap.mmap, position: int, path: Path) -> int:
    """Position after the record of an image that begins at ``position``, bytes. Raises as ``records``."""
    end = data.find(b"\0", position + _IMAGE_BYTES)
    if end < 0:
        return len(data) + 1
    return end + 1 + _COUNT64.size + _POINT2D_BYTES * _COUNT64.unpack_from(data, end + 1)[0]


def point_step(data: mmap.mmap, position: int, path: Path) -> int:
    """Position after the record of a 3D point that begins at ``position``, bytes. Raises as ``records``."""
    track = _COUNT64.unpack_from(data, position + _POINT3D_BYTES)[0]
    return position + _POINT3D_BYTES + _COUNT64.size + _TRACK_ELEMENT_BYTES * track


def _rig(data: mmap.mmap, position: int, path: Path) -> int:
    sensors = _COUNT32.unpack_from(data, position + 4)[0]
    position += 8 + (_SENSOR_BYTES if sensors else 0)
    for _ in range(max(sensors, 1) - 1):
        if position + _SENSOR_BYTES >= len(data):
            return len(data) + 1
        has_pose = data[position + _SENSOR_BYTES]
        position += _SENSOR_BYTES + 1 + (_POSE_BYTES if has_pose else 0)
    return position


def _frame(data: mmap.mmap, position: int, path: Path) -> int:
    items = _COUNT32.unpack_from(data, position + _FRAME_BYTES)[0]
    return position + _FRAME_BYTES + _COUNT32.size + _DATA_ID_BYTES * items


_STEPS: dict[str, Step] = {
    "cameras.bin": camera_step,
    "images.bin": image_step,
    "points3D.bin": point_step,
    "rigs.bin": _rig,
    "frames.bin": _frame,
}
# COLMAP writes these since 3.12.
_OPTIONAL = {"rigs.bin", "frames.bin"}
