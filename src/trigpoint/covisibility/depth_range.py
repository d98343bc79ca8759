"""Depth range of a scene: given, from triangulated points, or guessed from the poses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.core.tracks import Tracks

Array = NDArray[np.float64]

# Of the depths of triangulated points; a few points far behind the scene would make every image overlap every other.
_NEAR_FRACTION, _FAR_FRACTION = 0.02, 0.95
# Where axes meet is about the middle of what is seen. Measured on scenes with known depths, see docs/covisibility.md.
_NEAR_FACTOR, _FAR_FACTOR = 0.2, 2.0
_PAIRS = 20_000
_MIN_ANGLE_DEG, _MAX_GAP, _MIN_MEETINGS = 10.0, 0.25, 10


@dataclass(frozen=True)
class DepthRange:
    """Depths along the optical axis between which images are taken to see something, in world units.

    Attributes:
        near, far: the limits, 0 < near < far.
        source: ``"given"``, ``"points"`` (triangulated points), ``"axes"`` (where the optical axes of two images come
            closest) or ``"extent"`` (distances between the cameras).

    Raises:
        MappingError: impossible limits (TP-621).
    """

    near: float
    far: float
    source: Literal["given", "points", "axes", "extent"] = "given"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.far) and 0 < self.near < self.far):
            raise MappingError(
                "TP-621",
                f"impossible depth range: {self.near:g} to {self.far:g}",
                fix="Give a nearest depth above 0 and a farthest one above it.",
            )


def depth_range(frames: Sequence[Frame], tracks: Tracks | None, seed: int) -> DepthRange:
    """The depth range of a scene: from triangulated points if there are any, otherwise guessed from the poses.

    Args:
        frames: posed frames.
        tracks: the points of the scene, if it has any.
        seed: decides which pairs of images are looked at.

    Raises:
        MappingError: all cameras stand on one spot, so that no depth can be guessed (TP-622).
    """
    return from_points(frames, tracks) or from_axes(frames, seed) or from_extent(frames)


def from_points(frames: Sequence[Frame], tracks: Tracks | None) -> DepthRange | None:
    """The 2nd and 95th percentile of the depths at which points are observed; None without points."""
    if tracks is None:
        return None
    depths = [_depths_of_points(frame, tracks) for frame in frames if frame.name in tracks.images]
    pooled = np.concatenate([np.zeros(0), *depths])
    pooled = pooled[pooled > 0]
    if len(pooled) < _MIN_MEETINGS:
        return None
    near, far = (float(value) for value in np.quantile(pooled, (_NEAR_FRACTION, _FAR_FRACTION)))
    return DepthRange(near, far, "points") if near < far else None


def _depths_of_points(frame: Frame, tracks: Tracks) -> Array:
    return frame.pose().apply(tracks.points[tracks.images[frame.name].point])[:, 2]


def from_axes(frames: Sequence[Frame], seed: int) -> DepthRange | None:
    """Around the median depth at which the optical axes of two images meet; None where too few do.

    Two axes meet if they come closest in front of both cameras, at an angle of at least 10 degrees, and pass each other at
    less than a quarter of the distance to the nearer camera.
    """
    centres = np.array([frame.pose().centre() for frame in frames]).reshape(-1, 3)
    axes = np.array([frame.pose().rotation[2] for frame in frames]).reshape(-1, 3)
    first, second = _pairs(len(frames), seed)
    cosine = (axes[first] * axes[second]).sum(axis=1)
    # The depth at which nearly parallel axes meet is all noise.
    crossing = np.abs(cosine) < math.cos(math.radians(_MIN_ANGLE_DEG))
    first, second, cosine = first[crossing], second[crossing], cosine[crossing]
    between = centres[second] - centres[first]
    # Closest points of two lines with unit directions; the determinant of the normal equations is the squared sine.
    along_first, along_second = (axes[first] * between).sum(axis=1), (axes[second] * between).sum(axis=1)
    sine2 = 1 - cosine**2
    depth = np.stack([along_first - cosine * along_second, cosine * along_first - along_second]) / sine2
    gap = np.linalg.norm(
        centres[first] + depth[0][:, None] * axes[first] - centres[second] - depth[1][:, None] * axes[second], axis=1
    )
    meets = (depth.min(axis=0) > 0) & (gap < _MAX_GAP * depth.min(axis=0))
    if meets.sum() < _MIN_MEETINGS:
        return None
    typical = float(np.median(depth[:, meets]))
    return DepthRange(_NEAR_FACTOR * typical, _FAR_FACTOR * typical, "axes")


def _pairs(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if count * (count - 1) // 2 <= _PAIRS:
        first, second = np.triu_indices(count, 1)
        return first.astype(np.int64), second.astype(np.int64)
    generator = numpy_generator(seed, "covisibility", "pairs")
    first = generator.integers(0, count, _PAIRS)
    return first, (first + generator.integers(1, count, _PAIRS)) % count


def from_extent(frames: Sequence[Frame]) -> DepthRange:
    """From the root mean square distance of the cameras from their centre.

    Raises:
        MappingError: all cameras stand on one spot (TP-622).
    """
    centres = np.array([frame.pose().centre() for frame in frames]).reshape(-1, 3)
    extent = float(np.sqrt(np.square(centres - centres.mean(axis=0)).sum(axis=1).mean())) if len(centres) else 0.0
    if extent <= 1e-9 * max(1.0, float(np.abs(centres).max(initial=0.0))):
        raise MappingError(
            "TP-622",
            "all images were taken from the same spot, so how far they see cannot be guessed",
            fix="Take images from several positions.",
        )
    return DepthRange(_NEAR_FACTOR * extent, _FAR_FACTOR * extent, "extent")
