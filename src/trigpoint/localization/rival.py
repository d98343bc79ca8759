"""Rivals: another pose, elsewhere, that explains nearly as many keypoints. Places that look alike, and networks that fail.

The keypoints that disagree with a pose are noise where it is right, and hardly agree with any other pose. Where a scene has
look-alikes, some of the keypoints are taken for points of the one and some for points of the other; and where a network
has not understood an image, what it predicts is right in patches that do not fit together. A map of landmarks is asked as
well what the keypoints are in those of the retrieved images that show nothing of what agrees with the pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.localization.hypotheses import solve_known
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PnpOptions, PnpResult

# Of the inliers of the best pose. On held-out images of fox, RedKitchen and the office, changed in 18 ways, rivals of right
# poses had less in 97 of 100 cases, those of wrong ones more in half of the cases.
SHARE_OF_OTHERS = 0.4
# Landmarks of another place are matched with all keypoints, and then have less than this where the place does not look alike
# (0.2 at most for fox and RedKitchen), and more where it does (8 of 9 wrong answers in three rooms that are the same).
SHARE_ELSEWHERE = 0.25
# What can be checked on the landmarks around it is worth a look before that. By chance a dozen keypoints agree with a pose.
SUSPICIOUS_SHARE = 0.12
# Nearer than both, poses are the same one, found with other keypoints: fractions of the distance to what is seen, and angle.
_SAME_PLACE, _SAME_ANGLE_DEG = 0.1, 10.0
_ITERATIONS = 500


@dataclass(frozen=True)
class Rival:
    """A pose elsewhere that many keypoints agree with.

    Attributes:
        cam_from_world: the pose.
        inliers: number of keypoints that agree with it.
        distance: to the best pose, in the unit of the world.
        angle_deg: to the best pose.
    """

    cam_from_world: Pose
    inliers: int
    distance: float
    angle_deg: float


def rival_among_others(
    keypoints: UndistortedKeypoints,
    points_world: NDArray[np.float64],
    best: PnpResult,
    seen_at: float,
    options: PnpOptions,
    share: float = SHARE_OF_OTHERS,
) -> Rival | None:
    """The pose elsewhere that the keypoints agree with which disagree with the best pose, if many do; None: there is none.

    It takes no time where so many keypoints agree with the best pose that there is no room for a rival.

    Args:
        keypoints: (N,) of the query.
        points_world: (N, 3) points in world; NaN where a keypoint has none.
        best: the best pose, with its inliers.
        seen_at: median distance from the camera to its inliers, in the unit of the world.
        options: of the pose solver.
        share: of the inliers of the best pose that it must have.
    """
    others = np.where(best.inliers[:, None], np.nan, points_world)
    return _rival(keypoints, others, best, seen_at, _limited(options), share)


def rival_elsewhere(
    keypoints: UndistortedKeypoints,
    points_world: NDArray[np.float64],
    best: PnpResult,
    seen_at: float,
    options: PnpOptions,
    share: float = SHARE_ELSEWHERE,
) -> Rival | None:
    """The pose elsewhere that the keypoints agree with as parts of another place, if many do; None: there is none.

    Args:
        keypoints: (N,) of the query.
        points_world: (N, 3) points in world, of places that show nothing of what agrees with the best pose; NaN where a
            keypoint has none.
        best, seen_at, options, share: as in ``rival_among_others``.
    """
    return _rival(keypoints, points_world, best, seen_at, _limited(options), share)


def _limited(options: PnpOptions) -> PnpOptions:
    return replace(options, max_iterations=min(options.max_iterations, _ITERATIONS))


def _rival(
    keypoints: UndistortedKeypoints,
    points_world: NDArray[np.float64],
    best: PnpResult,
    seen_at: float,
    options: PnpOptions,
    share: float,
) -> Rival | None:
    """The pose that most (N, 3) points agree with, if it is elsewhere and they are a ``share`` of the best one's inliers."""
    assert best.cam_from_world is not None
    if np.isfinite(points_world).all(axis=1).sum() < share * best.count:
        return None
    second = solve_known(keypoints.view_px, points_world, keypoints.intrinsics, options)
    if second.cam_from_world is None or second.count < share * best.count:
        return None
    if not is_elsewhere(second.cam_from_world, best.cam_from_world, seen_at):
        return None
    distance = centre_distance(second.cam_from_world, best.cam_from_world)
    return Rival(
        second.cam_from_world, second.count, distance, rotation_angle_deg(second.cam_from_world, best.cam_from_world)
    )


def is_elsewhere(pose: Pose, best: Pose, seen_at: float) -> bool:
    """Whether a pose is not the best one, found with other keypoints; distances in the unit of the world."""
    return centre_distance(pose, best) > _SAME_PLACE * seen_at or rotation_angle_deg(pose, best) > _SAME_ANGLE_DEG
