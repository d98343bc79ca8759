"""Axes, grid and labels of the charts, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trigpoint.report.html import escaped

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 50, 18, 12, 46
_LABEL_DISTANCE_PX = 52


class Axis(Protocol):
    """A horizontal axis."""

    @property
    def title(self) -> str:
        """What it shows."""
        ...

    @property
    def high(self) -> float:
        """Its upper end."""
        ...

    @property
    def text(self) -> Callable[[float], str]:
        """How a value is written."""
        ...

    def x(self, value: float) -> float:
        """Where a value is, px; values beyond the ends are at them."""
        ...

    def ticks(self) -> list[float]:
        """The values to label."""
        ...


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic axis, for errors and sizes."""

    low: float
    high: float
    text: Callable[[float], str]
    title: str

    def x(self, value: float) -> float:
        """Where a value is, px; values beyond the ends are at them."""
        fraction = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return LEFT + fraction * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten, as many as there is room for."""
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [step * 10.0**exponent for exponent in exponents for step in (1, 2, 5)]
        shown: list[float] = []
        for value in values:
            if self.low * 0.999 <= value <= self.high * 1.001:
                far = not shown or self.x(value) - self.x(shown[-1]) > _LABEL_DISTANCE_PX
                shown += [value] if far else []
        return shown


@dataclass(frozen=True)
class FractionAxis:
    """A linear axis from 0 to 1."""

    title: str
    high: float = 1.0
    text: Callable[[float], str] = "{:g}".format

    def x(self, value: float) -> float:
        """Where a value is, px; values beyond the ends are at them."""
        return LEFT + min(max(value, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        """Fifths."""
        return [0, 0.2, 0.4, 0.6, 0.8, 1]


def y(fraction: float) -> float:
    """Where a fraction is on the vertical axis, px."""
    return TOP + (1 - fraction) * (HEIGHT - TOP - BOTTOM)


def steps(errors: Sequence[float], total: int, axis: Axis, kind: str, *, style: str = "") -> str:
    """How errors add up: a stair of the fraction of all ``total`` images below each value.

    Args:
        errors: of the images that have one.
        total: number of all images.
        axis: of the errors.
        kind: class of the curve.
        style: of this curve alone.
    """
    path = [f"M{LEFT} {y(0):.1f}"]
    for rank, error in enumerate(sorted(errors), 1):
        if error > axis.high:
            break
        path.append(f"H{axis.x(error):.1f}V{y(rank / total):.1f}")
    styled = f' style="{escaped(style)}"' if style else ""
    return f'<path class="curve {kind}"{styled} d="{"".join(path)}H{WIDTH - RIGHT}"/>'


def percent_of(fraction: float) -> str:
    """A fraction as whole per cent, for the vertical axis."""
    return f"{100 * fraction:.0f} %"


def limits_at(axis: Axis, limits: Sequence[float]) -> str:
    """A line at each threshold."""
    path = "".join(f"M{axis.x(limit):.1f} {TOP}V{HEIGHT - BOTTOM}" for limit in sorted(set(limits)))
    return f'<path class="limit" d="{path}"/>' if path else ""


def chart(axis: Axis, label: str, content: str, fraction_text: Callable[[float], str]) -> str:
    """One SVG element.

    Args:
        axis: horizontal; the vertical one goes from 0 to 1.
        label: for those who hear the page instead of seeing it.
        content: what is drawn, as SVG.
        fraction_text: how the values of the vertical axis are written.
    """
    grid = "".join(
        f'<path class="grid" d="M{LEFT} {y(fraction):.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 8}" y="{y(fraction) + 4:.1f}" text-anchor="end">{fraction_text(fraction)}</text>'
        for fraction in (0, 0.25, 0.5, 0.75, 1)
    )
    ticks = "".join(
        f'<path class="tick" d="M{axis.x(tick):.1f} {HEIGHT - BOTTOM}v5"/>'
        f'<text x="{axis.x(tick):.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">'
        f"{escaped(axis.text(tick))}</text>"
        for tick in axis.ticks()
    )
    middle = (LEFT + WIDTH - RIGHT) / 2
    title = f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escaped(axis.title)}</text>'
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(label)}">\n'
        f"{grid}{ticks}{title}{content}\n</svg>"
    )
