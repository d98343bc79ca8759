"""Charts as SVG: how errors add up, and whether the confidence tells them."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trigpoint.evaluation.evaluate import Evaluation, FrameResult
from trigpoint.evaluation.formatting import angle, length
from trigpoint.evaluation.metrics import PoseError

_WIDTH, _HEIGHT = 400, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 18, 12, 46
_LABELS_APART_PX = 52


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis of errors."""

    low: float
    high: float
    text: Callable[[float], str]
    title: str

    def x(self, value: float) -> float:
        share = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def ticks(self) -> list[float]:
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [step * 10.0**exponent for exponent in exponents for step in (1, 2, 5)]
        shown: list[float] = []
        for value in values:
            if self.low * 0.999 <= value <= self.high * 1.001:
                far = not shown or self.x(value) - self.x(shown[-1]) > _LABELS_APART_PX
                shown += [value] if far else []
        return shown


def translation_curve(evaluation: Evaluation) -> str:
    """Share of all photos below each translation error, every pose and only trusted ones."""
    limits = [threshold.translation for threshold in evaluation.thresholds]
    axis = _translation_axis(evaluation)
    return _curves(evaluation, axis, lambda error: error.translation, limits, "Cumulative translation error")


def rotation_curve(evaluation: Evaluation) -> str:
    """Share of all photos below each rotation error, every pose and only trusted ones."""
    limits = [threshold.rotation_deg for threshold in evaluation.thresholds]
    errors = [error.rotation_deg for error in evaluation.errors() if error is not None]
    axis = _Axis(*_range(errors, limits), angle, "rotation error")
    return _curves(evaluation, axis, lambda error: error.rotation_deg, limits, "Cumulative rotation error")


def confidence_chart(evaluation: Evaluation) -> str:
    """Confidence of each pose over its translation error."""
    axis = _translation_axis(evaluation)
    dots = "".join(
        f'<g class="estimate {result.status}"><title>{html.escape(_dot_title(result, evaluation.units))}</title>'
        f'<path class="dots" d="M{axis.x(result.error.translation):.1f} {_y(result.localization.confidence):.1f}h0"/></g>'
        for result in evaluation.results
        if result.error is not None and math.isfinite(result.localization.confidence)
    )
    limits = [threshold.translation for threshold in evaluation.thresholds]
    return _frame(axis, "Confidence over translation error", _markers(axis, limits) + dots, lambda share: f"{share:g}")


def _dot_title(result: FrameResult, units: str) -> str:
    error = None if result.error is None else result.error.translation
    return f"{result.name}: {result.status}, confidence {result.localization.confidence:.2f}, off by {length(error, units)}"


def _translation_axis(evaluation: Evaluation) -> _Axis:
    errors = [error.translation for error in evaluation.errors() if error is not None]
    limits = [threshold.translation for threshold in evaluation.thresholds]
    low, high = _range(errors, limits)
    if evaluation.units == "m":
        return _Axis(low, high, lambda value: length(value, "m"), "translation error")
    return _Axis(low, high, lambda value: f"{value:g}", f"translation error ({evaluation.units})")


def _range(errors: Sequence[float], limits: Sequence[float]) -> tuple[float, float]:
    """Bounds that hold the thresholds and nearly all errors, but not the wildest."""
    limits = limits or [1.0]
    finite = sorted(error for error in errors if 0 < error < math.inf)
    low = min(min(limits) / 5, finite[len(finite) // 20]) if finite else min(limits) / 5
    high = max(limits) * 4
    return max(low, high * 1e-4), high


def _curves(
    evaluation: Evaluation, axis: _Axis, value: Callable[[PoseError], float], limits: Sequence[float], label: str
) -> str:
    lines = "".join(
        _steps([value(error) for error in evaluation.errors(only_ok=only_ok) if error is not None], evaluation, axis, kind)
        for only_ok, kind in ((False, "every"), (True, "trusted"))
    )
    return _frame(axis, label, _markers(axis, limits) + lines, lambda share: f"{100 * share:.0f} %")


def _steps(errors: Sequence[float], evaluation: Evaluation, axis: _Axis, kind: str) -> str:
    total = len(evaluation.results)
    path = [f"M{_LEFT} {_y(0):.1f}"]
    for rank, error in enumerate(sorted(errors), 1):
        if error > axis.high:
            break
        path.append(f"H{axis.x(error):.1f}V{_y(rank / total):.1f}")
    return f'<path class="curve {kind}" d="{"".join(path)}H{_WIDTH - _RIGHT}"/>'


def _markers(axis: _Axis, limits: Sequence[float]) -> str:
    """A line at each threshold."""
    path = "".join(f"M{axis.x(limit):.1f} {_TOP}V{_HEIGHT - _BOTTOM}" for limit in sorted(set(limits)))
    return f'<path class="limit" d="{path}"/>' if path else ""


def _frame(axis: _Axis, label: str, content: str, share_text: Callable[[float], str]) -> str:
    grid = "".join(
        f'<path class="grid" d="M{_LEFT} {_y(share):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{_y(share) + 4:.1f}" text-anchor="end">{share_text(share)}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    ticks = "".join(
        f'<path class="tick" d="M{axis.x(tick):.1f} {_HEIGHT - _BOTTOM}v5"/>'
        f'<text x="{axis.x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 19}" text-anchor="middle">'
        f"{html.escape(axis.text(tick))}</text>"
        for tick in axis.ticks()
    )
    title = (
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(axis.title)}</text>'
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">\n'
        f"{grid}{ticks}{title}{content}\n</svg>"
    )


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)
