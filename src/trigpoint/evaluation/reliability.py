"""Whether the confidence of answers is the fraction of them that is correct."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigpoint.evaluation.metrics import METRIC_THRESHOLDS, Threshold, finite_or_none
from trigpoint.evaluation.results import Evaluation

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of similar confidence.

    Attributes:
        low, high: bounds of the confidence; the upper one is only included in the last bin.
        count: number of answers.
        confidence: their mean confidence, NaN when there are none.
        correct: fraction of them that is correct, NaN when there are none.
    """

    low: float
    high: float
    count: int
    confidence: float
    correct: float


def reliability_bins(confidences: Sequence[float], correct: Sequence[bool], *, bins: int = BINS) -> list[ReliabilityBin]:
    """Answers in bins of equal width of their confidence (Guo et al., ICML 2017, Fig. 1).

    Args:
        confidences: one an answer, 0 to 1; what lies outside counts to the first or last bin.
        correct: whether each answer is correct.
        bins: how many.
    """
    # A confidence on a bound belongs to the bin above it; 1 has none, and stays in the last.
    values, right = np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=np.bool_)
    index = np.clip(np.floor(values * bins), 0, bins - 1).astype(int)
    result: list[ReliabilityBin] = []
    for number in range(bins):
        inside = index == number
        count = int(inside.sum())
        means = (float(values[inside].mean()), float(right[inside].mean())) if count else (math.nan, math.nan)
        result.append(ReliabilityBin(number / bins, (number + 1) / bins, count, *means))
    return result


def expected_calibration_error(confidences: Sequence[float], correct: Sequence[bool], *, bins: int = BINS) -> float:
    """Mean distance of confidence and fraction of correct answers, over bins weighted by their answers (Guo et al., Eq. 3).

    0 is perfect, 1 the worst; NaN when there are no answers. Arguments as ``reliability_bins``.
    """
    if len(confidences) == 0:
        return math.nan
    filled = [part for part in reliability_bins(confidences, correct, bins=bins) if part.count]
    return sum(part.count * abs(part.correct - part.confidence) for part in filled) / len(confidences)


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
        confidences, correct = [confidence for confidence, _ in answers], [right for _, right in answers]
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
                    "low": part.low,
                    "high": part.high,
                    "answers": part.count,
                    "confidence": finite_or_none(part.confidence),
                    "correct": finite_or_none(part.correct),
                }
                for part in self.bins
            ],
        }


def correct_within(evaluation: Evaluation) -> Threshold:
    """The error of a correct answer: the largest threshold that was given, or 0.5 m and 10 degrees by default.

    For scenes of unknown scale the default is the largest of the default thresholds.
    """
    if not evaluation.thresholds or evaluation.thresholds == METRIC_THRESHOLDS:
        return evaluation.gross_error
    return max(evaluation.thresholds, key=lambda limit: (limit.translation, limit.rotation_deg))
