"""Rivals: another pose, elsewhere, that explains nearly as many keypoints. Places that look alike, and networks that fail.

The keypoints that disagree with a pose are noise where it is right, and hardly agree with any other pose. Where a scene has
look-alikes, some of the keypoints are taken for points of the one and some for points of the other; and where a network
has not understood an image, what it predicts is right in patches that do not fit together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import MIN_POINTS, PnpOptions, PnpResult, solve_pnp

# Of the inliers of the pose. On held-out images of fox, RedKitchen and the office, changed in 18 ways, rivals of right poses
# had less in 97 of 100 cases, those of wrong ones more in half of the cases.
SMALLEST_SHARE = 0.4
# Nearer than both, poses are the same one, found with other keypoints: fractions of the distance to what is seen, and angle.
_SAME_PLACE, _SAME_ANGLE_DEG = 0.1, 10.0
_ITERATIONS = 500


@dataclass(frozen=True)
class Rival:
    """A pose that keypoints agree with which disagree with the best one.

    Attributes:
        cam_from_world: the pose.
        inliers: number of these keypoints.
        distance: to the best pose, in the unit of the world.
        angle_deg: to the best pose.
    """

    cam_from_world: Pose
    inliers: int
    distance: float
    angle_deg: float


def find_rival(
    keypoints: UndistortedKeypoints,
    points_world: NDArray[np.float64],
    result: PnpResult,
    seen_at: float,
    options: PnpOptions,
) -> Rival | None:
    """The pose elsewhere that most of the other keypoints agree with, if these are many; None: the best pose has no rival.

    It takes no time where so many keypoints agree with the best pose that there is no room for a rival.

    Args:
        keypoints: (N,) of the query.
        points_world: (N, 3) points in world; NaN where a keypoint has none.
        result: the best pose, with its inliers.
        seen_at: median distance from the camera to its inliers, in the unit of the world.
        options: of the pose solver.
    """
    assert result.cam_from_world is not None
    others: NDArray[np.bool_] = np.asarray(np.isfinite(points_world).all(axis=1)) & ~result.inliers
    least = SMALLEST_SHARE * result.count
    if others.sum() < max(least, MIN_POINTS):
        return None
    limits = replace(options, max_iterations=min(options.max_iterations, _ITERATIONS))
    second = solve_pnp(keypoints.view_px[others], points_world[others], keypoints.intrinsics, limits)
    if second.cam_from_world is None or second.count < least:
        return None
    distance = centre_distance(second.cam_from_world, result.cam_from_world)
    angle_deg = rotation_angle_deg(second.cam_from_world, result.cam_from_world)
    if distance <= _SAME_PLACE * seen_at and angle_deg <= _SAME_ANGLE_DEG:
        return None
    return Rival(second.cam_from_world, second.count, distance, angle_deg)
