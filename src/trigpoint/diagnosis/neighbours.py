"""Nearest images in pose: position and view direction in one distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose

Array = NDArray[np.float64]

# A turn by one radian counts as much as a move by twice the reach. The reach is ten steps between nearest images, which
# fits both a video and single images, but at most a quarter of the scene.
_STEPS, _FRACTION = 10.0, 0.25


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest images of each image, nearest first.

    Attributes:
        index: (N, K) int64 indices.
        distance: (N, K) distances in pose, without unit.
        step: (N, K) distances between the camera centres, in the unit of the scene.
        angle_deg: (N, K) angles between the rotations.
    """

    index: NDArray[np.int64]
    distance: Array
    step: Array
    angle_deg: Array


def from_one_spot(centres: Array) -> bool:
    """Whether (N, 3) camera centres, in any unit, are the same point, up to the last digits of their numbers."""
    # Relative, as coordinates may be those of the whole earth, whose last digits are noise.
    return float(centres.std(axis=0).max()) < 1e-9 * max(1.0, float(np.abs(centres).max()))


def nearest_images(poses: Sequence[Pose], count: int) -> Neighbours:
    """The ``count`` nearest others of each of the N poses (``cam_from_world``, N >= 2), fewer if there are fewer."""
    from scipy.spatial import KDTree

    count = min(count, len(poses) - 1)
    centres = np.array([pose.centre() for pose in poses])
    rotations = np.array([pose.rotation for pose in poses])
    # The Frobenius distance of two rotations is about sqrt(2) times their angle in radians.
    embedding = np.hstack([centres / (2 * _reach(centres)), rotations.reshape(-1, 9) / np.sqrt(2)])
    distance, index = KDTree(embedding).query(embedding, k=count + 1)
    index, distance = _without_self(np.asarray(index, dtype=np.int64), np.asarray(distance))
    step = np.linalg.norm(centres[:, None] - centres[index], axis=2)
    trace = np.einsum("nij,nkij->nk", rotations, rotations[index])
    return Neighbours(index, distance, step, np.rad2deg(np.arccos(((trace - 1) / 2).clip(-1, 1))))


def _without_self(index: NDArray[np.int64], distance: Array) -> tuple[NDArray[np.int64], Array]:
    """Drop each row's own image; where equal poses pushed it out of the row, drop the last."""
    itself = index == np.arange(len(index))[:, None]
    itself[~itself.any(axis=1), -1] = True
    shape = (len(index), index.shape[1] - 1)
    return index[~itself].reshape(shape), distance[~itself].reshape(shape)


def _reach(centres: Array) -> float:
    from scipy.spatial import KDTree

    size = float(np.linalg.norm(np.ptp(centres, axis=0)))
    steps = np.asarray(KDTree(centres).query(centres, k=2)[0])[:, 1]
    limits = [_STEPS * float(np.median(steps)), _FRACTION * size]
    return min([limit for limit in limits if limit > 0], default=1.0)
