"""How wrong a pose is, and how many poses are right.

An image without a pose counts as a failure everywhere: it reaches no threshold, and in medians its error is infinite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import ConfigError
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoseError:
    """Distance of a pose from the true one.

    Attributes:
        translation: distance between the camera centres, in the unit of the scene.
        rotation_deg: angle between the orientations, degrees.
    """

    translation: float
    rotation_deg: float

    def within(self, threshold: Threshold) -> bool:
        """Whether both errors are smaller than the threshold, strictly, as published evaluations do."""
        return self.translation < threshold.translation and self.rotation_deg < threshold.rotation_deg


@dataclass(frozen=True)
class Threshold:
    """The largest error (not included) of a pose that counts as right, units as in ``PoseError``."""

    translation: float
    rotation_deg: float


METRIC_THRESHOLDS = tuple(
    Threshold(*pair) for pair in ((0.05, 5.0), (0.02, 2.0), (0.01, 1.0), (0.1, 5.0), (0.25, 2.0), (0.5, 5.0))
)
# Fractions of the scene's extent for scenes of unknown scale.
RELATIVE_THRESHOLDS = tuple(Threshold(*pair) for pair in ((0.01, 2.0), (0.005, 1.0), (0.02, 5.0), (0.05, 10.0)))
# A pose further off than this is wrong for every use.
METRIC_GROSS_ERROR = Threshold(0.5, 10.0)
RELATIVE_GROSS_ERROR = Threshold(0.25, 10.0)


def pose_errors(estimated: Pose, true: Pose) -> PoseError:
    """The error of an estimated ``cam_from_world`` pose."""
    return PoseError(centre_distance(estimated, true), rotation_angle_deg(estimated, true))


def recall(errors: Sequence[PoseError | None], thresholds: Sequence[Threshold]) -> list[float]:
    """The fraction, 0 to 1, of images within each threshold; NaN when there are no images.

    Args:
        errors: one an image, None where there is no pose.
        thresholds: compared strictly (``<``).
    """
    return [
        sum(error is not None and error.within(threshold) for error in errors) / len(errors) if errors else math.nan
        for threshold in thresholds
    ]


def recall_interval(fraction: float, count: int) -> tuple[float, float]:
    """95 % interval of a fraction of ``count`` images (Wilson's; unlike resampling it is honest about 0 % and 100 %).

    It takes images as independent; those of one walk are not, so the true interval is wider.
    """
    if count == 0:
        return 0.0, 1.0
    # The fractions p for which the one measured is z standard errors of p away: a quadratic equation in p.
    z = 1.959963984540054
    middle = (fraction + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * math.sqrt(fraction * (1 - fraction) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return max(0.0, min(fraction, middle - reach)), min(1.0, max(fraction, middle + reach))


def median(values: Sequence[float | None]) -> float:
    """The median, the mean of the two middle values for an even number. None counts as infinite; NaN when empty.

    Some published evaluations take the upper of the two middle values instead.
    """
    ordered = sorted(math.inf if value is None else value for value in values)
    if not ordered:
        return math.nan
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2


def scene_extent(centres: Array) -> float:
    """Median distance of (N, 3) camera centres to their centroid, in the unit of the scene; 0 when there are none."""
    if len(centres) == 0:
        return 0.0
    return float(np.median(np.linalg.norm(centres - centres.mean(axis=0), axis=1)))


def default_thresholds(metric: bool, centres: Array) -> tuple[Threshold, ...]:
    """Published thresholds for metric scenes; for others 0.5 % to 5 % of ``scene_extent``, with 1 to 10 degrees.

    The first is the one to name when only one is named.

    Args:
        metric: whether the unit of the scene is the metre.
        centres: (N, 3) camera centres of all images of the scene in world, in its unit.

    Raises:
        ConfigError: a scene of unknown scale whose cameras all stand at one point (TP-722).
    """
    if metric:
        return METRIC_THRESHOLDS
    extent = scene_extent(centres)
    if extent == 0:
        raise ConfigError(
            "TP-722",
            "the scale of the scene is unknown and its cameras stand at one point: there are no default thresholds",
            fix="Give --threshold DISTANCE,DEGREES.",
        )
    return tuple(Threshold(_two_digits(limit.translation * extent), limit.rotation_deg) for limit in RELATIVE_THRESHOLDS)


def gross_error_threshold(metric: bool, centres: Array) -> Threshold:
    """The error from which on a pose is wrong for every use: 0.5 m, or 25 % of ``scene_extent``; 10 degrees.

    Args:
        metric: whether the unit of the scene is the metre.
        centres: (N, 3) camera centres in world, in that unit.
    """
    if metric:
        return METRIC_GROSS_ERROR
    extent = scene_extent(centres)
    return Threshold(
        RELATIVE_GROSS_ERROR.translation * extent if extent > 0 else math.inf, RELATIVE_GROSS_ERROR.rotation_deg
    )


def parse_threshold(text: str) -> Threshold:
    """A threshold from ``"0.05,5"``: distance in the unit of the scene, degrees.

    Raises:
        ConfigError: TP-721.
    """
    parts = re.split(r"\s*,\s*|\s+", text.strip())
    try:
        translation, rotation_deg = (float(part) for part in parts)
    except ValueError:
        translation = rotation_deg = math.nan
    if not (0 < translation < math.inf and 0 < rotation_deg < math.inf):
        raise ConfigError(
            "TP-721",
            f"'{text}' is not a threshold",
            where="--threshold",
            fix="Give a distance in the unit of the scene and an angle in degrees, such as 0.05,5.",
        )
    return Threshold(translation, rotation_deg)


def finite_or_none(value: float) -> float | None:
    """The number for JSON, which has neither NaN nor infinity."""
    return value if math.isfinite(value) else None


def _two_digits(value: float) -> float:
    # Thresholds are named in tables: nobody reads 0.0473921.
    return float(f"{value:.2g}")
