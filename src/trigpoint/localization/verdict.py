"""Whether a pose can be trusted.

Noise always agrees with some pose to some degree: 4,800 random points give 12 to 18 inliers at 10 px, and images of other
scenes give more, because floors are low and ceilings are high everywhere. So the number of inliers is compared with what
random points would give, and with what wrong images gave when the map was built.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.localization.pnp import PnpResult
from trigpoint.mapping.acceptance import Acceptance

# Below this ratio of what is typical to what is wrong a map cannot tell one from the other.
_SMALLEST_MARGIN = 1.5


@dataclass(frozen=True)
class VerdictOptions:
    """When a pose is trusted.

    Attributes:
        false_alarms: expected number of poses from pure noise that pass, per image.
        max_rotation_std_deg: largest standard deviation of the rotation.
        max_translation_std_fraction: largest standard deviation of the position, as fraction of the distance to the inliers.
    """

    false_alarms: float = 1e-3
    max_rotation_std_deg: float = 3.0
    max_translation_std_fraction: float = 0.05


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
        options: accepted false alarms.
    """
    chance = min(0.5, np.pi * threshold_px**2 / area_px)
    # Three points fix the pose and are inliers by construction.
    return 3 + int(binom.isf(options.false_alarms / max(tried_poses, 1), max(points - 3, 1), chance))


def judge(
    result: PnpResult,
    covariance: NDArray[np.float64] | None,
    distance: float,
    noise: int,
    acceptance: Acceptance,
    options: VerdictOptions,
) -> Verdict:
    """Decide about one pose.

    The confidence is a logistic function of the logarithm of the inliers: one half where wrong images can reach, 99 % at
    the map's ``sure_inlier_ratio``. How well it is calibrated is measured by ``trigpoint evaluate``.

    Args:
        result: the pose with its inliers.
        covariance: (6, 6) as ``pose_covariance`` gives it.
        distance: median distance from the camera to its inliers, in the unit of the world.
        noise: number of inliers that random points would give.
        acceptance: what the map takes for noise.
        options: thresholds.
    """
    if result.cam_from_world is None:
        return Verdict(FAILED, result.reason, 0.0)
    points = len(result.inliers)
    needed = max(noise, round(acceptance.noise_inlier_ratio * points))
    enough = acceptance.sure_inlier_ratio * points
    confidence = _confidence(result.count, needed, enough)
    counted = f"{result.count} of {points} keypoints agree"
    if result.count <= needed:
        return Verdict(REJECTED, f"{counted}; images of other scenes can reach {needed} in this map", confidence)
    doubt = _imprecision(covariance, distance, options)
    if doubt:
        return Verdict(REJECTED, doubt, confidence / 2)
    return Verdict(OK, f"{counted}; images of other scenes stay below {needed} in this map", confidence)


def _confidence(count: int, needed: int, enough: float) -> float:
    """1 / (1 + (needed / count)^s), with the slope s that makes it 99 % at ``enough``."""
    if count == 0:
        return 0.0
    slope = np.log(99) / np.log(max(enough / needed, _SMALLEST_MARGIN))
    return float(1 / (1 + (needed / count) ** slope))


def _imprecision(covariance: NDArray[np.float64] | None, distance: float, options: VerdictOptions) -> str:
    """Why a pose is too imprecise, or ``""``."""
    if covariance is None:
        return "the agreeing keypoints do not fix a pose"
    rotation_std_deg = float(np.rad2deg(np.sqrt(covariance[:3, :3].trace())))
    if rotation_std_deg > options.max_rotation_std_deg:
        return f"the direction is only known to {rotation_std_deg:.1f} deg"
    fraction = float(np.sqrt(covariance[3:, 3:].trace())) / distance
    return (
        f"the position is only known to {fraction:.0%} of the distance"
        if fraction > options.max_translation_std_fraction
        else ""
    )
