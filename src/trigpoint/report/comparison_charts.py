"""Charts of a comparison of presets: accuracy over the size of the map, and how errors add up."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trigpoint.evaluation.results import Evaluation
from trigpoint.evaluation.trials import Summary
from trigpoint.report.chart_frame import BOTTOM, HEIGHT, WIDTH, LogAxis, chart, limits_at, percent_of, steps, y
from trigpoint.report.charts import translation_axis
from trigpoint.report.formatting import percent, threshold
from trigpoint.report.html import escaped

# Okabe and Ito's colours, which most colour-blind people can tell apart, without yellow and black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8a8a8a")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}path{fill:none}.grid{stroke:#ddd}.tick{stroke:#666}"
    ".limit{stroke:#888;stroke-dasharray:2 4}.curve{stroke-width:2.2}.dots{stroke-linecap:round;stroke-width:8}"
)


def size_chart(summaries: Sequence[Summary]) -> str:
    """Fraction of images within the first threshold over the size of the map, a dot for each map."""
    limit = _first_threshold(summaries)
    maps = [
        (index, trial.preset, trial.seed, trial.map_bytes / 1e6, trial.evaluation.recall()[0])
        for index, summary in enumerate(summaries)
        for trial in summary.trials
        if trial.evaluation is not None and trial.map_bytes and trial.evaluation.thresholds
    ]
    sizes = [size for *_, size, _ in maps] or [1.0]
    axis = LogAxis(min(sizes) / 2, max(sizes) * 2, lambda value: f"{value:g} MB", "map size")
    dots = "".join(
        f"<g><title>{escaped(preset)}, seed {seed}: {size:.2f} MB, {percent(fraction)}</title>"
        f'<path class="dots" style="stroke:{colour(index)};stroke-width:9" d="M{axis.x(size):.1f} {y(fraction):.1f}h0"/></g>'
        for index, preset, seed, size, fraction in maps
    )
    # At the bottom, where hardly any map is.
    at = f'x="{WIDTH - 22}" y="{HEIGHT - BOTTOM - 8}" text-anchor="end"'
    label = f"<text {at}>images within {escaped(limit)}</text>" if limit else ""
    return chart(axis, "Accuracy over map size", label + dots, percent_of)


def recall_chart(summaries: Sequence[Summary]) -> str:
    """Fraction of the images of all seeds below each translation error, a curve for each preset."""
    groups = [summary.evaluations() for summary in summaries]
    evaluations = [evaluation for group in groups for evaluation in group]
    limits = [limit.translation for limit in evaluations[0].thresholds] if evaluations else []
    units = evaluations[0].units if evaluations else "m"
    axis = translation_axis([error for evaluation in evaluations for error in _translations(evaluation)], limits, units)
    curves = "".join(
        steps(
            [error for evaluation in group for error in _translations(evaluation)],
            sum(len(evaluation.results) for evaluation in group),
            axis,
            "preset",
            style=f"stroke:{colour(index)}",
        )
        for index, group in enumerate(groups)
        if group
    )
    return chart(axis, "Cumulative translation error", limits_at(axis, limits) + curves, percent_of)


def figure_svg(summaries: Sequence[Summary]) -> str:
    """Both charts and their legend as one SVG file that needs no style sheet."""
    rows = math.ceil(len(summaries) / 4)
    height = HEIGHT + 20 * rows + 10
    legend = "".join(
        f'<path class="dots" style="stroke:{colour(index)}" d="M{20 + index % 4 * 200} {14 + index // 4 * 20}h0"/>'
        f'<text x="{30 + index % 4 * 200}" y="{18 + index // 4 * 20}">{escaped(summary.preset)}</text>'
        for index, summary in enumerate(summaries)
    )
    charts = "".join(
        svg.replace("<svg ", f'<svg x="{offset}" y="{20 * rows + 6}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for offset, svg in ((0, size_chart(summaries)), (WIDTH + 20, recall_chart(summaries)))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH + 20} {height}" width="{2 * WIDTH + 20}"'
        f' height="{height}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{legend}{charts}</svg>\n'
    )


def colour(index: int) -> str:
    """The colour of a preset by its index in the list."""
    return _COLOURS[index % len(_COLOURS)]


def _first_threshold(summaries: Sequence[Summary]) -> str:
    for summary in summaries:
        for evaluation in summary.evaluations():
            if evaluation.thresholds:
                return threshold(evaluation.thresholds[0], evaluation.units)
    return ""


def _translations(evaluation: Evaluation) -> list[float]:
    return [error.translation for error in evaluation.errors() if error is not None]
