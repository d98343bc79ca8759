"""Numbers as people read them. Lengths of scenes of unknown scale never get a metric unit."""

from __future__ import annotations

import math

from trigpoint.evaluation.metrics import Threshold


def length(value: float | None, units: str) -> str:
    """A length in the unit of the scene: ``"3.2 cm"``, ``"1.25 m"``, ``"0.031 units"``; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    if units != "m":
        return f"{_short(value)} {units}"
    return f"{_short(value * 100)} cm" if value < 0.995 else f"{_short(value)} m"


def angle(degrees: float | None) -> str:
    """An angle: ``"0.42°"``; a dash when there is none."""
    return "-" if degrees is None or not math.isfinite(degrees) else f"{_short(degrees)}°"


def percent(fraction: float) -> str:
    """A fraction, 0 to 1: ``"87.5 %"``; a dash for NaN."""
    return "-" if math.isnan(fraction) else f"{100 * fraction:.1f} %"


def duration(milliseconds: float) -> str:
    """A time: ``"143 ms"``, ``"2.1 s"``; a dash for NaN."""
    if not math.isfinite(milliseconds):
        return "-"
    return f"{_short(milliseconds)} ms" if milliseconds < 1000 else f"{_short(milliseconds / 1000)} s"


def data_size(count: int) -> str:
    """A number of bytes: ``"4.20 MB"``, ``"12.3 kB"``."""
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def threshold(value: Threshold, units: str) -> str:
    """A threshold: ``"5 cm, 5°"``."""
    return f"{length(value.translation, units)}, {angle(value.rotation_deg)}"


def round_below(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive value: a length that is easy to read."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))


def _short(value: float) -> str:
    """Three significant digits, no exponent for ordinary sizes, no zeros after the last digit."""
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
