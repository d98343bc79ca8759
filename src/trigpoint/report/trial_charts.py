"""Charts of a comparison of presets: accuracy over the size of the map, and how errors add up."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from trigpoint.evaluation.metrics import PoseError
from trigpoint.evaluation.trials import Summary
from trigpoint.report.chart_frame import BOTTOM, HEIGHT, WIDTH, LogAxis, chart, limits_at, steps, y
from trigpoint.report.charts import translation_axis
from trigpoint.report.formatting import percent, threshold

# Okabe and Ito's colours, which most colour-blind people can tell apart, without yellow and black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8a8a8a")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}path{fill:none}.grid{stroke:#ddd}.tick{stroke:#666}"
    ".limit{stroke:#888;stroke-dasharray:2 4}.curve{stroke-width:2.2}.dots{stroke-linecap:round;stroke-width:8}"
)


def size_chart(summaries: Sequence[Summary]) -> str:
    """Fraction of images within the first threshold over the size of the map, a dot for each map."""
    limit = _first_threshold(summaries)
    found = [
        (index, trial.preset, trial.seed, trial.map_bytes / 1e6, trial.evaluation.recall()[0])
        for index, each in enumerate(summaries)
        for trial in each.trials
        if trial.evaluation is not None and trial.map_bytes and trial.evaluation.thresholds
    ]
    sizes = [size for *_, size, _ in found] or [1.0]
    axis = LogAxis(min(sizes) / 2, max(sizes) * 2, lambda value: f"{value:g} MB", "map size")
    dots = "".join(
        f"<g><title>{html.escape(preset)}, seed {seed}: {size:.2f} MB, {percent(fraction)}</title>"
        f'<path class="dots" style="stroke:{colour(index)};stroke-width:9" d="M{axis.x(size):.1f} {y(fraction):.1f}h0"/></g>'
        for index, preset, seed, size, fraction in found
    )
    # At the bottom, where hardly any map is.
    at = f'x="{WIDTH - 22}" y="{HEIGHT - BOTTOM - 8}" text-anchor="end"'
    label = f"<text {at}>images within {html.escape(limit)}</text>" if limit else ""
    return chart(axis, "Accuracy over map size", label + dots, _fraction)


def recall_chart(summaries: Sequence[Summary]) -> str:
    """Fraction of the images of all seeds below each translation error, a curve for each preset."""
    evaluations = [[trial.evaluation for trial in each.trials if trial.evaluation is not None] for each in summaries]
    everything = [evaluation for group in evaluations for evaluation in group]
    limits = [limit.translation for limit in everything[0].thresholds] if everything else []
    units = everything[0].units if everything else "m"
    errors = [_translations(each.errors()) for each in everything]
    axis = translation_axis([error for group in errors for error in group], limits, units)
    curves = "".join(
        steps(
            [error for each in group for error in _translations(each.errors())],
            sum(len(each.results) for each in group),
            axis,
            "preset",
            style=f"stroke:{colour(index)}",
        )
        for index, group in enumerate(evaluations)
        if group
    )
    return chart(axis, "Cumulative translation error", limits_at(axis, limits) + curves, _fraction)


def figure_svg(summaries: Sequence[Summary]) -> str:
    """Both charts and their legend as one SVG file that needs no style sheet."""
    rows = math.ceil(len(summaries) / 4)
    height = HEIGHT + 20 * rows + 10
    legend = "".join(
        f'<path class="dots" style="stroke:{colour(index)}" d="M{20 + index % 4 * 200} {14 + index // 4 * 20}h0"/>'
        f'<text x="{30 + index % 4 * 200}" y="{18 + index // 4 * 20}">{html.escape(each.preset)}</text>'
        for index, each in enumerate(summaries)
    )
    charts = "".join(
        each.replace("<svg ", f'<svg x="{offset}" y="{20 * rows + 6}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for offset, each in ((0, size_chart(summaries)), (WIDTH + 20, recall_chart(summaries)))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH + 20} {height}" width="{2 * WIDTH + 20}"'
        f' height="{height}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{legend}{charts}</svg>\n'
    )


def swatches(summaries: Sequence[Summary]) -> str:
    """What the colours mean, as HTML."""
    spans = "".join(
        f'<span style="--swatch:{colour(index)}">{html.escape(each.preset)}</span>' for index, each in enumerate(summaries)
    )
    return f'<div class="legend">{spans}</div>'


def colour(index: int) -> str:
    """The colour of a preset by its place in the list."""
    return _COLOURS[index % len(_COLOURS)]


def _first_threshold(summaries: Sequence[Summary]) -> str:
    for each in summaries:
        for trial in each.trials:
            if trial.evaluation is not None and trial.evaluation.thresholds:
                return threshold(trial.evaluation.thresholds[0], trial.evaluation.units)
    return ""


def _translations(errors: Sequence[PoseError | None]) -> list[float]:
    return [error.translation for error in errors if error is not None]


def _fraction(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"
