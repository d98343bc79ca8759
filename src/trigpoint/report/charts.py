"""Charts of an evaluation as SVG: how errors add up, and whether the confidence tells them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from trigpoint.evaluation.reliability import Reliability
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.report.chart_frame import (
    BOTTOM,
    HEIGHT,
    FractionAxis,
    LogAxis,
    chart,
    limits_at,
    percent_of,
    steps,
    y,
)
from trigpoint.report.formatting import angle, length
from trigpoint.report.html import escaped


def error_curve(evaluation: Evaluation, part: Literal["translation", "rotation_deg"]) -> str:
    """Fraction of all images below each error, with every pose and with trusted ones only."""
    limits = [getattr(limit, part) for limit in evaluation.thresholds]
    every, trusted = (
        [getattr(error, part) for error in evaluation.errors(only_ok=only_ok) if error is not None]
        for only_ok in (False, True)
    )
    if part == "translation":
        axis = translation_axis(every, limits, evaluation.units)
    else:
        axis = LogAxis(*_range(every, limits), angle, "rotation error")
    curves = "".join(
        steps(errors, len(evaluation.results), axis, kind) for errors, kind in ((every, "every"), (trusted, "trusted"))
    )
    label = f"Cumulative {'translation' if part == 'translation' else 'rotation'} error"
    return chart(axis, label, limits_at(axis, limits) + curves, percent_of)


def confidence_chart(evaluation: Evaluation) -> str:
    """Confidence of each pose over its translation error."""
    limits = [threshold.translation for threshold in evaluation.thresholds]
    errors = [error.translation for error in evaluation.errors() if error is not None]
    axis = translation_axis(errors, limits, evaluation.units)
    dots = "".join(
        f'<g class="estimate {result.status}"><title>{escaped(_dot_title(result, evaluation.units))}</title>'
        f'<path class="dots" d="M{axis.x(result.error.translation):.1f} {y(result.localization.confidence):.1f}h0"/></g>'
        for result in evaluation.results
        if result.error is not None and math.isfinite(result.localization.confidence)
    )
    return chart(axis, "Confidence over translation error", limits_at(axis, limits) + dots, lambda fraction: f"{fraction:g}")


def reliability_chart(reliability: Reliability) -> str:
    """Fraction of correct answers over their confidence, a bar for each bin that has answers, and the diagonal."""
    axis = FractionAxis("confidence")
    bars: list[str] = []
    for part in reliability.bins:
        if part.count:
            left, width = axis.x(part.low) + 1, axis.x(part.high) - axis.x(part.low) - 2
            title = f"{part.count} answers of confidence {part.confidence:.2f}: {100 * part.correct:.0f} % correct"
            bars.append(
                f'<g class="bin"><title>{title}</title>'
                f'<rect x="{left:.1f}" y="{y(part.correct):.1f}" width="{width:.1f}" height="{y(0) - y(part.correct):.1f}"/>'
                f'<path class="dots" d="M{axis.x(part.confidence):.1f} {y(part.correct):.1f}h0"/>'
                f'<text x="{left + width / 2:.1f}" y="{HEIGHT - BOTTOM - 5}" text-anchor="middle">{part.count}</text></g>'
            )
    diagonal = f'<path class="limit" d="M{axis.x(0):.1f} {y(0):.1f}L{axis.x(1):.1f} {y(1):.1f}"/>'
    return chart(axis, "Reliability of the confidence", "".join(bars) + diagonal, percent_of)


def translation_axis(errors: Sequence[float], limits: Sequence[float], units: str) -> LogAxis:
    """An axis for translation errors, in the unit of the scene.

    Args:
        errors: all that will be drawn.
        limits: thresholds, which lie within.
        units: ``"m"`` or ``"units"``.
    """
    low, high = _range(errors, limits)
    if units == "m":
        return LogAxis(low, high, lambda value: length(value, "m"), "translation error")
    return LogAxis(low, high, lambda value: f"{value:g}", f"translation error ({units})")


def _dot_title(result: FrameResult, units: str) -> str:
    error = None if result.error is None else result.error.translation
    return f"{result.name}: {result.status}, confidence {result.localization.confidence:.2f}, off by {length(error, units)}"


def _range(errors: Sequence[float], limits: Sequence[float]) -> tuple[float, float]:
    """Bounds that hold the thresholds and nearly all errors, but not the wildest."""
    limits = limits or [1.0]
    finite = sorted(error for error in errors if 0 < error < math.inf)
    # The best 5 % of the errors, which may be exactly 0 on synthetic scenes, must not take most of the axis.
    low = min(min(limits) / 5, finite[len(finite) // 20]) if finite else min(limits) / 5
    high = max(limits) * 4
    return max(low, high * 1e-4), high
