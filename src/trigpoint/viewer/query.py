"""Images that were localized for the viewer, with or without a true pose beside the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import ConfigError
from trigpoint.core.localization import FAILED, OK, REJECTED, Localization
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import PoseError, Threshold, default_thresholds, gross_error_threshold
from trigpoint.report.formatting import threshold

Colour = tuple[int, int, int]

VERDICT_COLOURS: dict[str, Colour] = {OK: (15, 138, 95), REJECTED: (226, 140, 10), FAILED: (194, 53, 43)}
UNKNOWN_COLOUR: Colour = (120, 130, 142)
# From the error that is good to the error that is wrong for every use.
_ERROR_COLOURS: tuple[Colour, ...] = ((15, 138, 95), (214, 190, 30), (226, 120, 10), (194, 30, 43))


@dataclass(frozen=True, eq=False)
class Query:
    """One localized image.

    Attributes:
        name: what the viewer calls it; unique.
        image_path: the image file.
        answer: of the localizer.
        true_pose: ``cam_from_world``, where it is known.
        error: of the answer, where both are known.
        total_ms: wall-clock time, reading the file included.
    """

    name: str
    image_path: Path
    answer: Localization
    true_pose: Pose | None
    error: PoseError | None
    total_ms: float

    @property
    def shown_pose(self) -> Pose | None:
        """The estimated pose, if it is not infinitely far."""
        pose = self.answer.cam_from_world
        return pose if pose is not None and bool(np.isfinite(pose.centre()).all()) else None


@dataclass(frozen=True)
class ErrorScale:
    """Colours of errors, on a logarithmic scale.

    Attributes:
        good: errors up to here have the first colour.
        wrong: errors from here on have the last.
        units: of the distances.
    """

    good: Threshold
    wrong: Threshold
    units: str

    @staticmethod
    def of(metric: bool, centres: NDArray[np.float64]) -> ErrorScale | None:
        """The scale for a scene with cameras at (N, 3) in world; None where its size says nothing (all at one point)."""
        try:
            thresholds = default_thresholds(metric, centres)
        except ConfigError:
            return None
        good = Threshold(min(limit.translation for limit in thresholds), min(limit.rotation_deg for limit in thresholds))
        return ErrorScale(good, gross_error_threshold(metric, centres), "m" if metric else "units")

    def level(self, error: PoseError) -> float:
        """0 (good) to 1 (wrong), the worse of distance and angle."""
        return max(
            _level(error.translation, self.good.translation, self.wrong.translation),
            _level(error.rotation_deg, self.good.rotation_deg, self.wrong.rotation_deg),
        )

    def colour(self, level: float) -> Colour:
        """The colour of a level."""
        at = np.linspace(0, 1, len(_ERROR_COLOURS))
        red, green, blue = (round(float(np.interp(level, at, channel))) for channel in np.array(_ERROR_COLOURS).T)
        return red, green, blue

    def ends(self) -> tuple[str, str]:
        """Both ends in words: ``"1 cm, 1°"``, ``"50 cm, 10°"``."""
        return threshold(self.good, self.units), threshold(self.wrong, self.units)


def colour_of(query: Query, scale: ErrorScale | None) -> Colour:
    """The colour by error, or by verdict without a scale; gray where the true pose is not known."""
    if scale is None:
        return VERDICT_COLOURS[query.answer.status]
    if query.true_pose is None:
        return UNKNOWN_COLOUR
    return scale.colour(1.0 if query.error is None else scale.level(query.error))


def summary(queries: Sequence[Query]) -> str:
    """How many images have which verdict."""
    counts = {status: sum(query.answer.status == status for query in queries) for status in VERDICT_COLOURS}
    return f"{len(queries)} images: " + ", ".join(f"{count} {status}" for status, count in counts.items())


def _level(value: float, good: float, wrong: float) -> float:
    if not (math.isfinite(value) and value < wrong):
        return 1.0
    if value <= good:
        return 0.0
    return math.log(value / good) / math.log(wrong / good)
