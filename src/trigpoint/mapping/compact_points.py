"""Points in 16 bits a coordinate: as fine as images can tell near the cameras, coarser with the square of the distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 32767


def pack_points(points: NDArray[np.floating], radius: float) -> NDArray[np.int16]:
    """(M, 3) points in the normalised frame as (M, 3) int16.

    Space beyond the radius is contracted to the shell between 1 and 2 (mip-NeRF 360, Eq. 10), so that no point is too far.

    Args:
        points: all finite.
        radius: distance from the origin up to which all points are equally fine, in the unit of the points: a step is
            radius / 16,384.
    """
    scaled = np.asarray(points, dtype=np.float64) / radius
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    outside = np.maximum(length, 1)
    return np.round((2 - 1 / outside) / outside * scaled * (_STEPS / 2)).astype(np.int16)


def unpack_points(packed: NDArray[np.int16], radius: float) -> NDArray[np.float32]:
    """The inverse of ``pack_points``: (M, 3) float32 points in the normalised frame from (M, 3) int16."""
    contracted = packed.astype(np.float64) * (2 / _STEPS)
    length = np.linalg.norm(contracted, axis=1, keepdims=True)
    # Rounding can put what is very far a little outside of the sphere of radius 2, where nothing is.
    beyond = np.minimum(np.maximum(length, 1), 2 - 1 / _STEPS)
    return np.asarray(contracted / np.maximum(length, 1) * radius / (2 - beyond), dtype=np.float32)
