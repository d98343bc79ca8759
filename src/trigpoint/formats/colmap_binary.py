"""COLMAP models as binary files: ``cameras.bin``, ``images.bin``, ``points3D.bin``, after ``colmap_layout`` checked them.

``rigs.bin`` and ``frames.bin``, which COLMAP writes since 3.12, repeat what ``images.bin`` says and are not read.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError
from trigpoint.core.regular_file import open_regular
from trigpoint.formats.colmap_entries import (
    NO_POINT,
    ModelCamera,
    ModelFiles,
    ModelImage,
    ModelPoint,
    add_camera,
    without_repeated_ids,
)
from trigpoint.formats.colmap_layout import Step, camera_model, camera_step, image_step, point_step, records

_CAMERA = struct.Struct("<IiQQ")
_IMAGE = struct.Struct("<I7dI")
_POINT = struct.Struct("<Q3d3Bd")
_POINT2D = np.dtype([("x", "<f8"), ("y", "<f8"), ("id", "<u8")])


def binary_files(folder: Path) -> ModelFiles:
    """The readers of a binary model that ``check_binary_model`` has passed."""
    cameras, images, points = (folder / name for name in ("cameras.bin", "images.bin", "points3D.bin"))
    return ModelFiles(
        partial(_cameras, cameras),
        partial(_images, images),
        partial(_points, points),
        partial(_observations, images),
        (cameras, images, points),
    )


def _read(file: Path, step: Step) -> Iterator[tuple[mmap.mmap, int, int]]:
    """(bytes of the file, start of a record, its end)."""
    with open_regular(file) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in records(data, step, file):
            yield data, start, end


def _cameras(file: Path) -> dict[str, ModelCamera]:
    cameras: dict[str, ModelCamera] = {}
    for data, start, end in _read(file, camera_step):
        number, model, width, height = _CAMERA.unpack_from(data, start)
        params = struct.unpack_from(f"<{(end - start - _CAMERA.size) // 8}d", data, start + _CAMERA.size)
        where = f"{file}, camera {number}"
        add_camera(cameras, str(number), ModelCamera((camera_model(model, where), width, height, *params), where))
    return cameras


def _images(file: Path) -> list[ModelImage]:
    return without_repeated_ids(_image(file, data, start) for data, start, _ in _read(file, image_step))


def _image(file: Path, data: mmap.mmap, start: int) -> ModelImage:
    number, *numbers, camera = _IMAGE.unpack_from(data, start)
    name = _name(data, start)
    try:
        text = name.decode()
    except UnicodeDecodeError:
        # Such a name could neither be printed nor written as JSON.
        text = name.decode(errors="backslashreplace")
        fix = "Rename the image and reconstruct again."
        error = SceneError("TP-232", "an image name in the model is not valid UTF-8", where=f"{file}, {text}", fix=fix)
        return ModelImage(str(number), text, numbers, str(camera), f"{file}, {text}", error)
    return ModelImage(str(number), text, numbers, str(camera), f"{file}, {text}")


def _name(data: mmap.mmap, start: int) -> bytes:
    return data[start + _IMAGE.size : data.find(b"\0", start + _IMAGE.size)]


def _observations(file: Path, names: frozenset[str]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    wanted = {name.encode(): name for name in names}
    result: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]] = {}
    for data, start, end in _read(file, image_step):
        raw = _name(data, start)
        if raw in wanted and wanted[raw] not in result:
            values = np.frombuffer(data[start + _IMAGE.size + len(raw) + 1 + 8 : end], dtype=_POINT2D)
            ids = np.where(values["id"] < 2**63, values["id"], 0).astype(np.int64)
            pixels = np.stack([values["x"], values["y"]], axis=1)
            result[wanted[raw]] = pixels, np.where(values["id"] < 2**63, ids, NO_POINT)
    return result


def _points(file: Path) -> Iterator[ModelPoint]:
    for data, start, _ in _read(file, point_step):
        number, x, y, z, _, _, _, error_px = _POINT.unpack_from(data, start)
        yield ModelPoint(number, (x, y, z), error_px, f"{file}, point {number}")
