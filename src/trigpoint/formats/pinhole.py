"""Pinhole cameras from calibration matrices, which do not say what size of image they are for."""

from __future__ import annotations

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.formats.builder import SceneBuilder

# Principal points of real lenses lie within a few percent of the image centre; those for images of another size far outside.
_MAX_OFF_CENTRE = 0.2


def pinhole_params(matrix: np.ndarray, where: str) -> tuple[float, float, float, float]:
    """(fx, fy, cx, cy), px, of a (3, 3) calibration matrix, px.

    Raises:
        SceneError: a skewed matrix, or none of the form fx 0 cx / 0 fy cy / 0 0 1 (TP-214).
    """
    rest = [matrix[0, 1], matrix[1, 0], matrix[2, 0], matrix[2, 1], matrix[2, 2] - 1]
    if not max(abs(value) for value in rest) < 1e-3:
        raise SceneError(
            "TP-214",
            "the calibration is not of the form fx 0 cx / 0 fy cy / 0 0 1",
            where=where,
            fix="Write such a matrix, in pixels.",
        )
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])


def pinhole_camera(builder: SceneBuilder, matrix: np.ndarray, size: tuple[int, int], where: str) -> Camera:
    """The camera of an image of (width, height) px from a (3, 3) calibration matrix, px.

    Raises:
        SceneError: as ``pinhole_params``; a matrix for images of another size (TP-221).
        GeometryError: TP-313.
    """
    params = pinhole_params(matrix, where)
    off_centre = max(abs(centre / side - 0.5) for centre, side in zip(params[2:], size, strict=True))
    if off_centre > _MAX_OFF_CENTRE:
        raise SceneError(
            "TP-221",
            f"the image has {size[0]}x{size[1]} px, its calibration a principal point of {params[2]:g}, {params[3]:g} px: "
            "it is for images of another size",
            where=where,
            fix="Put the full-size images there, or the calibration of these.",
        )
    return builder.camera("PINHOLE", size, params, where)
