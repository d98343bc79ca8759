"""LLFF: ``poses_bounds.npy`` beside ``images``, one row for each image in the order of their names. Scale unknown.

A row holds a 3x5 matrix and two depths. The matrix is camera-to-world with the axes down, right, backward, and its last
column height, width and focal length, px.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pairing import images_by_stem
from trigpoint.formats.textfiles import is_file, read_bytes

FILE_NAME = "poses_bounds.npy"


def sniff(path: Path) -> bool:
    """Whether ``poses_bounds.npy`` exists."""
    return is_file(path / FILE_NAME)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images of ``images``.

    Raises:
        SceneError: not an array of 17 columns (TP-214); another number of images than rows (TP-215).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "llff", metric=False, options=options)
    file = path / FILE_NAME
    rows = _rows(file)
    images = sorted(images_by_stem(path / "images").values())
    if len(images) != len(rows):
        # Rows belong to images by their order alone: with one missing, all behind it would have a wrong pose.
        what = f"{len(images)} images and {len(rows)} rows of poses do not pair up"
        raise SceneError("TP-215", what, where=file, fix="Copy the full-size images to 'images', no more and no less.")
    for number, (image, row) in enumerate(zip(images, rows, strict=True)):
        name, where = f"images/{image.name}", f"{file}, row {number}"
        with builder.image(name):
            matrix = row[:15].reshape(3, 5)
            height, width, focal = (float(value) for value in matrix[:, 4])
            if not (np.isfinite(matrix[:, 4]).all() and 1 <= min(height, width) <= max(height, width) < 1e5):
                raise SceneError("TP-214", "the row holds no image size", where=where, fix="Export it again.")
            camera = builder.camera("SIMPLE_PINHOLE", (round(width), round(height)), (focal, width / 2, height / 2), where)
            # OpenCV's axes are right, down, forward.
            world_from_cam = np.column_stack([matrix[:, 1], matrix[:, 0], -matrix[:, 2], matrix[:, 3]])
            builder.add(Frame(name, image, camera, Pose.from_matrix(world_from_cam, where=where).inverse()))
    return builder.build()


def _rows(file: Path) -> np.ndarray:
    """(N, 17) float64."""
    from io import BytesIO

    try:
        rows = np.load(BytesIO(read_bytes(file)), allow_pickle=False)
    except SceneError:
        raise
    except Exception as error:
        # NumPy evaluates the header as an expression, and a damaged one raises nearly anything.
        raise SceneError("TP-214", f"this is not a NumPy array ({error})", where=file, fix="Export it again.") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != 17 or rows.dtype.kind != "f":
        raise SceneError("TP-214", "an array of numbers with 17 columns was expected", where=file, fix="Export it again.")
    return rows.astype(np.float64)


READER = Reader("llff", sniff, read, "poses_bounds.npy beside images", poses="opencv-c2w")
