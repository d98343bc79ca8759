"""Whether the confidence of answers is the fraction of them that is correct."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trigpoint.evaluation.metrics import (
    METRIC_THRESHOLDS,
    ReliabilityBin,
    Threshold,
    expected_calibration_error,
    finite_or_none,
    reliability_bins,
)
from trigpoint.evaluation.results import Evaluation


@dataclass(frozen=True)
class Reliability:
    """Confidence and correctness of the answers that have a pose, trusted or not.

    Attributes:
        answers: how many there are.
        correct_within: the error of a correct answer is smaller.
        bins: answers by their confidence.
        ece: expected calibration error, 0 to 1; NaN without answers.
    """

    answers: int
    correct_within: Threshold
    bins: tuple[ReliabilityBin, ...]
    ece: float

    @staticmethod
    def of(evaluation: Evaluation) -> Reliability:
        """Images without a pose gave no answer, and are left out."""
        limit = correct_within(evaluation)
        answers = [
            (result.localization.confidence, result.error.within(limit))
            for result in evaluation.results
            if result.error is not None and math.isfinite(result.localization.confidence)
        ]
        confidences, correct = [each[0] for each in answers], [each[1] for each in answers]
        bins = tuple(reliability_bins(confidences, correct))
        return Reliability(len(answers), limit, bins, expected_calibration_error(confidences, correct))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "expected_calibration_error": finite_or_none(self.ece),
            "answers": self.answers,
            "correct_within": {
                "translation": finite_or_none(self.correct_within.translation),
                "rotation_deg": self.correct_within.rotation_deg,
            },
            "bins": [
                {
                    "low": each.low,
                    "high": each.high,
                    "answers": each.count,
                    "confidence": finite_or_none(each.confidence),
                    "correct": finite_or_none(each.correct),
                }
                for each in self.bins
            ],
        }


def correct_within(evaluation: Evaluation) -> Threshold:
    """The error of a correct answer: the largest threshold that was given, or 0.5 m and 10 degrees by default.

    For scenes of unknown scale the default is the largest of the default thresholds.
    """
    if not evaluation.thresholds or evaluation.thresholds == METRIC_THRESHOLDS:
        return evaluation.gross_error
    return max(evaluation.thresholds, key=lambda each: (each.translation, each.rotation_deg))
