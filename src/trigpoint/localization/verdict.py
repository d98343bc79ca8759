"""Whether a pose can be trusted.

Noise always agrees with some pose to some degree: 4,800 random points give 12 to 18 inliers at 10 px, and images of other
scenes give more, because floors are low and ceilings are high everywhere. So the number of inliers must exceed two bounds:
what random points would give, and what negatives (images that are not in the map) gave when the map was built. A pose must
also be known precisely enough, have no rival elsewhere, and come from a map that has not misplaced its own images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.localization.pnp import PnpResult
from trigpoint.localization.rival import Rival
from trigpoint.mapping.acceptance import Acceptance, ValidationImages

# Below this ratio of what is sure to what negatives reach a map cannot tell one from the other.
_SMALLEST_MARGIN = 1.5


@dataclass(frozen=True)
class VerdictOptions:
    """When a pose is trusted.

    Attributes:
        false_alarms: expected number of poses from pure noise that pass, per image.
        max_rotation_std_deg: largest standard deviation of the rotation.
        max_translation_std_fraction: largest standard deviation of the position, as fraction of the distance to the inliers.
        max_translation_std_tolerance: the same, as fraction of the distance beyond which the map takes a pose for wrong.
    """

    false_alarms: float = 1e-3
    max_rotation_std_deg: float = 3.0
    max_translation_std_fraction: float = 0.05
    max_translation_std_tolerance: float = 0.5


@dataclass(frozen=True)
class Verdict:
    """Status, reason and confidence of a pose."""

    status: str
    reason: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Precision:
    """How well a pose is known.

    Attributes:
        covariance: (6, 6) of the pose: rad, then the unit of the world; None where the inliers do not fix it.
        distance: median distance from the camera to its inliers, in the unit of the world.
        units: name of that unit.
    """

    covariance: NDArray[np.float64] | None
    distance: float
    units: str


def no_rival() -> None:
    """For poses whose rivals are not sought."""


def noise_inliers(points: int, area_px: float, threshold_px: float, tried_poses: int, options: VerdictOptions) -> int:
    """The largest number of inliers that noise can be expected to give (a contrario test, Moisan and Stival, IJCV 2004).

    Args:
        points: number of correspondences.
        area_px: area of the image in px^2, at the scale of the threshold.
        threshold_px: inlier threshold.
        tried_poses: number of poses that were scored.
        options: accepted false alarms.
    """
    # Under the null hypothesis points project anywhere in the image; a pose that sees them all at one spot is no better.
    chance = min(0.5, np.pi * threshold_px**2 / area_px)
    # Three points fix the pose and are inliers by construction. Each pose that was tried is one more chance to be lucky.
    return 3 + binomial_bound(max(points - 3, 1), chance, options.false_alarms / max(tried_poses, 1))


def binomial_bound(trials: int, chance: float, tail: float) -> int:
    """The smallest count that a binomial variable exceeds with at most the probability ``tail``.

    Args:
        trials: number of trials, 1 or more.
        chance: probability of success, between 0 and 1.
        tail: probability, between 0 and 1.
    """
    successes = np.arange(1, trials + 1)
    # log P(k) by the ratio of neighbours, P(k) / P(k - 1) = (n - k + 1) / k * p / (1 - p): no factorial overflows.
    # scipy.stats has the same as binom.isf, and takes longer to import than an image takes to localize.
    steps = np.log((trials - successes + 1) / successes) + np.log(chance / (1 - chance))
    log_probability = trials * np.log1p(-chance) + np.concatenate([[0.0], np.cumsum(steps)])
    # P(X > k), summed from the smallest terms on.
    exceeded = np.cumsum(np.exp(log_probability)[::-1])[::-1][1:]
    return int(np.argmax(np.append(exceeded, 0.0) <= tail))


def judge(
    result: PnpResult,
    precision: Precision,
    noise: int,
    acceptance: Acceptance,
    options: VerdictOptions,
    find_rival: Callable[[], Rival | None] = no_rival,
) -> Verdict:
    """Decide about one pose.

    The confidence is a logistic function of the logarithm of the inliers: one half at the larger bound, 99 % at the map's
    ``sure_inlier_ratio``. How well it is calibrated is measured by ``trigpoint evaluate``.

    Args:
        result: the pose with its inliers.
        precision: how well it is known.
        noise: number of inliers that random points would give.
        acceptance: of the map: what inlier ratio negatives can reach, and whether it knows its own images.
        options: thresholds.
        find_rival: looks for a rival of the pose; only asked where all else speaks for it.
    """
    if result.cam_from_world is None:
        return Verdict(FAILED, result.reason, 0.0)
    points = len(result.inliers)
    negatives = round(acceptance.noise_inlier_ratio * points)
    bound = max(noise, negatives)
    confidence = _confidence(result.count, bound, acceptance.sure_inlier_ratio * points)
    counted = f"{result.count} of {points} keypoints agree"
    # The larger bound is the one that decides, so it is the one to name.
    source = "images out of the map" if negatives > noise else "random points"
    if result.count <= bound:
        return Verdict(REJECTED, f"{counted}; {source} can reach {bound}", confidence)
    imprecision = _imprecision(precision, acceptance.tolerance, options)
    if imprecision:
        usual = (
            f"; errors in this map are {acceptance.error_scale:.2g} times the usual" if acceptance.error_scale > 1 else ""
        )
        return Verdict(REJECTED, imprecision + usual, confidence / 2)
    rival = find_rival()
    if rival is not None:
        return Verdict(REJECTED, f"ambiguous: {counted}, {_named(rival, precision.units)}", confidence / 2)
    if acceptance.misled is not None:
        reason = f"this map cannot be trusted: {misled_in_words(acceptance.misled)}"
        return Verdict(REJECTED, reason, confidence * (1 - acceptance.misled.wrong / acceptance.misled.accepted))
    return Verdict(OK, f"{counted}; {source} reach {bound} at most", confidence)


def misled_in_words(found: ValidationImages) -> str:
    """What a map that cannot be trusted did with its own images."""
    return f"of {found.accepted} of its own images that it was sure of, {found.wrong} were put where they were not taken"


def _named(rival: Rival, units: str) -> str:
    x, y, z = rival.cam_from_world.centre()
    away = f"{rival.distance:.3g} {units} away and turned by {rival.angle_deg:.0f} deg"
    return f"but {rival.inliers} agree with a pose at ({x:.4g}, {y:.4g}, {z:.4g}), {away}"


def _confidence(inliers: int, bound: int, sure: float) -> float:
    """1 / (1 + (bound / inliers)^s), with the slope s that makes it 99 % at ``sure`` inliers."""
    if inliers == 0:
        return 0.0
    slope = np.log(99) / np.log(max(sure / bound, _SMALLEST_MARGIN))
    return float(1 / (1 + (bound / inliers) ** slope))


def _imprecision(precision: Precision, tolerance: float | None, options: VerdictOptions) -> str:
    """Why a pose is too imprecise, or ``""``."""
    covariance, distance = precision.covariance, precision.distance
    if covariance is None:
        return "the agreeing keypoints do not fix a pose"
    rotation_std_deg = float(np.rad2deg(np.sqrt(covariance[:3, :3].trace())))
    if rotation_std_deg > options.max_rotation_std_deg:
        return f"the direction is only known to {rotation_std_deg:.1f} deg"
    position_std = float(np.sqrt(covariance[3:, 3:].trace()))
    if position_std > options.max_translation_std_fraction * distance:
        return f"the position is only known to {position_std / distance:.0%} of the distance"
    if tolerance is not None and position_std > options.max_translation_std_tolerance * tolerance:
        return f"the position is only known to {position_std:.3g} {precision.units}"
    return ""
