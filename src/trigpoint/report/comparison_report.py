"""A comparison of presets as a table, a figure, and a folder: comparison.html, .md, .json and .svg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trigpoint.core.artifact import write_json, write_text
from trigpoint.evaluation.results import Evaluation
from trigpoint.evaluation.trials import Range, Summary
from trigpoint.report.blocks import Block, Figure, Figures, Picture, Report, Section, Table, Text
from trigpoint.report.comparison_charts import colour, figure_svg, recall_chart, size_chart
from trigpoint.report.evaluation_blocks import UNKNOWN_SCALE
from trigpoint.report.evaluation_report import FactsByHeading, facts_sections
from trigpoint.report.formatting import angle, duration, length, percent, threshold
from trigpoint.report.html import html
from trigpoint.report.markdown import markdown

_SHOWN_ON_TERMINAL = 1
_READING = (
    "Medians over the seeds, the smallest and largest value in brackets. Fractions are of all images, every pose counted;"
    " the median error is infinite (-) where most images have no pose. Mapping times are unknown for maps that were"
    " interrupted or made elsewhere."
)


def comparison_blocks(summaries: Sequence[Summary], title: str) -> list[Block]:
    """What the terminal shows: the table with the first threshold, and the reasons of what failed."""
    table = presets_table(summaries, thresholds=_SHOWN_ON_TERMINAL, title=title)
    return [table, *_problems(summaries)]


def presets_table(summaries: Sequence[Summary], *, thresholds: int | None = None, title: str = "") -> Table:
    """A row for each preset: medians over the seeds, with the smallest and largest value in brackets.

    Args:
        summaries: one a preset.
        thresholds: of how many the recall is shown; None: of all.
        title: heading.
    """
    evaluations = _evaluations(summaries)
    units = evaluations[0].units if evaluations else "m"
    limits = evaluations[0].thresholds[:thresholds] if evaluations else ()
    within = [f"within {threshold(limit, units)}" for limit in limits]
    # What it costs before the further thresholds, which may need scrolling.
    header = ["preset", *within[:1], "median error", "map", "mapping", "image", *within[1:]]
    return Table(header, [_cells(summary, len(limits), units) for summary in summaries], title)


def comparison_document(summaries: Sequence[Summary], facts: FactsByHeading) -> dict[str, Any]:
    """Everything as plain values for JSON."""
    first = next(iter(_evaluations(summaries)), None)
    return {
        "units": None if first is None else first.units,
        "thresholds": [] if first is None else [vars(limit) for limit in first.thresholds],
        **{name: dict(values) for name, values in facts.items()},
        "presets": [summary.to_json() for summary in summaries],
    }


def write_comparison(folder: Path, summaries: Sequence[Summary], *, title: str, facts: FactsByHeading) -> Path:
    """Write all files; returns the path of the HTML page.

    Args:
        folder: made if it does not exist.
        summaries: one a preset.
        title: heading.
        facts: what else to tell.

    Raises:
        OutputError: TP-801.
    """
    report = _report(summaries, title, facts)
    write_json(folder / "comparison.json", comparison_document(summaries, facts))
    write_text(folder / "comparison.svg", figure_svg(summaries))
    write_text(folder / "comparison.md", markdown(report))
    page = folder / "comparison.html"
    write_text(page, html(report))
    return page


def _report(summaries: Sequence[Summary], title: str, facts: FactsByHeading) -> Report:
    evaluations = _evaluations(summaries)
    sections = [
        Section("The presets", [presets_table(summaries), Text(_READING)]),
        Section("What failed", _problems(summaries)),
        Section("Accuracy, and what it costs", [_charts(summaries)] if evaluations else []),
        *facts_sections(facts),
    ]
    return Report(title, _subtitle(evaluations), sections)


def _charts(summaries: Sequence[Summary]) -> Figures:
    legend = [(summary.preset, colour(index)) for index, summary in enumerate(summaries)]
    sizes, errors = size_chart(summaries), recall_chart(summaries)
    best = "A dot for each map: the best stand at the top left."
    below = "Fraction of the images of all seeds below an error, every pose counted."
    # Both charts are in the one file.
    figures = [Figure([Picture(sizes)], [best], legend, file="comparison.svg"), Figure([Picture(errors)], [below], legend)]
    return Figures(figures, "charts")


def _subtitle(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return "Nothing could be evaluated."
    scale = "" if evaluations[0].units == "m" else f", {UNKNOWN_SCALE}"
    return f"{len(evaluations[0].results)} images, {len(evaluations)} maps{scale}"


def _evaluations(summaries: Sequence[Summary]) -> list[Evaluation]:
    return [evaluation for summary in summaries for evaluation in summary.evaluations()]


def _problems(summaries: Sequence[Summary]) -> list[Text]:
    return [Text(problem) for summary in summaries for problem in summary.problems()]


def _cells(summary: Summary, limits: int, units: str) -> list[str]:
    ranges, failed = summary.ranges(), len(summary.problems())
    recall = [_range(fractions, percent) for fractions in summary.recall()[:limits]]
    within = recall + ["-"] * (limits - len(recall))
    error = "-"
    if ranges["translation"] is not None:
        translation = _range(ranges["translation"], lambda value: length(value, units))
        error = f"{translation}, {_range(ranges['rotation_deg'], angle)}"
    is_untimed = ranges["mapping_seconds"] is None and ranges["map_bytes"] is not None
    return [
        summary.preset + (f" ({failed} of {len(summary.trials)} failed)" if failed else ""),
        *within[:1],
        error,
        _range(ranges["map_bytes"], lambda value: f"{value / 1e6:.2f} MB"),
        "unknown" if is_untimed else _range(ranges["mapping_seconds"], lambda value: duration(1000 * value)),
        _range(ranges["image_ms"], duration),
        *within[1:],
    ]


def _range(values: Range | None, text: Callable[[float], str]) -> str:
    if values is None:
        return "-"
    middle, low, high = text(values.median), text(values.low), text(values.high)
    return middle if low == high else f"{middle} ({low} to {high})"
