"""Posed images as a COLMAP model: ``sparse/0/*.bin`` as every version of COLMAP reads them, and ``images``.

Whether the scene is metric stands in ``trigpoint.json``, because COLMAP's files have no room for it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_bytes, write_json
from trigpoint.core.camera import Camera
from trigpoint.core.scene import Frame
from trigpoint.formats.export.image_files import ImageFiles, check_paths, put_image_files

Points = tuple[NDArray[np.floating[Any]], NDArray[np.uint8]]

_POINT = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])


def write_colmap(folder: Path, frames: Sequence[Frame], metric: bool, points: Points | None, images: ImageFiles) -> None:
    """Write model and images into an existing folder.

    Args:
        folder: gets ``sparse/0``, ``images`` and ``trigpoint.json``.
        frames: images with poses.
        metric: whether the unit of the poses is the metre.
        points: (N, 3) points in world and their (N, 3) colours, or None. They get no tracks.
        images: what to do with the image files.

    Raises:
        OutputError: an image name that the format cannot hold (TP-822).
    """
    check_paths([frame.name for frame in frames], "COLMAP")
    put_image_files(frames, folder / "images", images)
    write_json(folder / "trigpoint.json", {"metric": metric})
    for name, data in model_files(frames, points).items():
        write_bytes(folder / "sparse" / "0" / name, data)


def model_files(frames: Sequence[Frame], points: Points | None) -> dict[str, bytes]:
    """``cameras.bin``, ``images.bin`` and ``points3D.bin``."""
    cameras: dict[Camera, int] = {}
    images = [struct.pack("<Q", len(frames))]
    for number, frame in enumerate(frames, 1):
        pose = frame.pose()
        camera = cameras.setdefault(frame.camera, len(cameras) + 1)
        images.append(struct.pack("<I7dI", number, *pose.quaternion_wxyz(), *pose.translation, camera))
        # The last number is that of its keypoints.
        images.append(frame.name.encode() + b"\0" + struct.pack("<Q", 0))
    return {
        "cameras.bin": struct.pack("<Q", len(cameras)) + b"".join(_camera(*item) for item in cameras.items()),
        "images.bin": b"".join(images),
        "points3D.bin": _points(points),
    }


def _camera(camera: Camera, number: int) -> bytes:
    import pycolmap

    model = int(pycolmap.CameraModelId.__members__[camera.model])
    head = struct.pack("<IiQQ", number, model, camera.width, camera.height)
    return head + struct.pack(f"<{len(camera.params)}d", *camera.params)


def _points(points: Points | None) -> bytes:
    xyz, rgb = (np.zeros((0, 3)), np.zeros((0, 3), np.uint8)) if points is None else points
    records = np.zeros(len(xyz), _POINT)
    records["id"] = np.arange(1, len(xyz) + 1)
    records["xyz"], records["rgb"] = xyz, rgb
    # COLMAP's value for an error that is not known.
    records["error"] = -1.0
    return struct.pack("<Q", len(xyz)) + records.tobytes()
