"""Whether a pose can be trusted.

Noise always agrees with some pose to some degree: 4,800 random points give 12 to 18 inliers at 10 px. So the number of
inliers is compared with what noise would give for this number of points, threshold and number of tried poses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.localization.pnp import PnpResult


@dataclass(frozen=True)
class VerdictOptions:
    """When a pose is trusted.

    Attributes:
        crowding: how much likelier than under a uniform spread a wrong point falls near a keypoint: predictions for
            photos of other places crowd in parts of the map.
        false_alarms: expected number of poses from pure noise that pass, per photo.
        full_confidence_share: inlier share beyond noise at which the confidence reaches 1.
        max_rotation_std_deg: largest standard deviation of the rotation.
        max_translation_std_share: largest standard deviation of the position, as share of the distance to the inliers.
    """

    crowding: float = 6.0
    false_alarms: float = 1e-3
    full_confidence_share: float = 0.15
    max_rotation_std_deg: float = 3.0
    max_translation_std_share: float = 0.05


@dataclass(frozen=True)
class Verdict:
    """Status, reason and confidence of a pose."""

    status: str
    reason: str
    confidence: float


def noise_inliers(points: int, area_px: float, threshold_px: float, tried_poses: int, options: VerdictOptions) -> int:
    """The largest number of inliers that noise can be expected to give (a contrario test, Moisan and Stival, IJCV 2004).

    Args:
        points: number of correspondences.
        area_px: area of the image in px^2, at the scale of the threshold.
        threshold_px: inlier threshold.
        tried_poses: number of poses that were scored.
        options: crowding and accepted false alarms.
    """
    chance = min(0.5, options.crowding * np.pi * threshold_px**2 / area_px)
    # Three points fix the pose and are inliers by construction.
    return 3 + int(binom.isf(options.false_alarms / max(tried_poses, 1), max(points - 3, 1), chance))


def judge(
    result: PnpResult,
    covariance: NDArray[np.float64] | None,
    distance: float,
    noise: int,
    options: VerdictOptions,
) -> Verdict:
    """Decide about one pose.

    Args:
        result: the pose with its inliers.
        covariance: (6, 6) as ``pose_covariance`` gives it.
        distance: median distance from the camera to its inliers, in the unit of the world.
        noise: number of inliers that noise would give.
        options: thresholds.
    """
    if result.cam_from_world is None:
        return Verdict(FAILED, result.reason, 0.0)
    points = len(result.inliers)
    beyond = (result.count - noise) / max(options.full_confidence_share * points, 1.0)
    confidence = float(np.clip(beyond, 0.0, 1.0))
    if result.count <= noise:
        reason = f"{result.count} of {points} keypoints agree; noise alone can reach {noise}"
        return Verdict(REJECTED, reason, 0.0)
    if covariance is None:
        return Verdict(REJECTED, "the agreeing keypoints do not fix a pose", 0.0)
    rotation_std_deg = float(np.rad2deg(np.sqrt(covariance[:3, :3].trace())))
    translation_std = float(np.sqrt(covariance[3:, 3:].trace()))
    if rotation_std_deg > options.max_rotation_std_deg:
        return Verdict(REJECTED, f"the direction is only known to {rotation_std_deg:.1f} deg", confidence / 2)
    if translation_std > options.max_translation_std_share * distance:
        return Verdict(
            REJECTED, f"the position is only known to {translation_std / distance:.0%} of the distance", confidence / 2
        )
    return Verdict(OK, f"{result.count} of {points} keypoints agree; noise alone can reach {noise}", confidence)
