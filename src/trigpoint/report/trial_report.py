"""A comparison of presets as a table, a figure, and a folder: comparison.html, .md, .json and .svg."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trigpoint.core.artifact import write_json, write_text
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.trials import Spread, Summary
from trigpoint.report.formatting import angle, duration, length, percent, threshold
from trigpoint.report.page_parts import Section, document_html, facts_html, figure_html, section_html
from trigpoint.report.report import markdown_table
from trigpoint.report.trial_charts import figure_svg, recall_chart, size_chart, swatches

_SHOWN_ON_TERMINAL = 1


def print_comparison(summaries: Sequence[Summary], title: str, console: Console) -> None:
    """Print the table, with the reasons of what failed."""
    header, rows = table_rows(summaries, thresholds=_SHOWN_ON_TERMINAL)
    table = Table(title=Text(title))
    for index, name in enumerate(header):
        table.add_column(Text(name), justify="right" if index else "left", no_wrap=index == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for line in problems(summaries):
        console.print(Text(line), soft_wrap=True)


def table_rows(summaries: Sequence[Summary], *, thresholds: int | None = None) -> tuple[list[str], list[list[str]]]:
    """Column names and cells: medians over the seeds, with the smallest and largest value in brackets.

    Args:
        summaries: one a preset.
        thresholds: of how many the recall is shown; None: of all.
    """
    first = next((trial.evaluation for each in summaries for trial in each.trials if trial.evaluation is not None), None)
    units = "m" if first is None else first.units
    limits = () if first is None else first.thresholds[:thresholds]
    within = [f"within {threshold(limit, units)}" for limit in limits]
    # What it costs before the further thresholds, which may need scrolling.
    header = ["preset", *within[:1], "median error", "map", "mapping", "image", *within[1:]]
    return header, [_cells(each, len(limits), units) for each in summaries]


def problems(summaries: Sequence[Summary]) -> list[str]:
    """What failed, a line each."""
    return [f"{each.preset}, {problem}" for each in summaries for problem in each.problems]


def _cells(summary: Summary, limits: int, units: str) -> list[str]:
    fractions: list[Spread | None] = [*summary.recall[:limits], *[None] * (limits - len(summary.recall))]
    error = f"{_spread(summary.translation, lambda value: length(value, units))}, {_spread(summary.rotation_deg, angle)}"
    known = [trial for trial in summary.trials if trial.mapping_seconds is not None]
    unknown = "unknown" if summary.map_bytes is not None and not known else "-"
    within = [_spread(fraction, percent) for fraction in fractions]
    return [
        summary.preset + (f" ({len(summary.problems)} of {len(summary.trials)} failed)" if summary.problems else ""),
        *within[:1],
        error if summary.translation is not None else "-",
        _spread(summary.map_bytes, lambda value: f"{value / 1e6:.2f} MB"),
        _spread(summary.mapping_seconds, lambda value: duration(1000 * value)) if known else unknown,
        _spread(summary.image_ms, duration),
        *within[1:],
    ]


def _spread(spread: Spread | None, text: Callable[[float], str]) -> str:
    if spread is None:
        return "-"
    middle, low, high = text(spread.median), text(spread.low), text(spread.high)
    return middle if low == high else f"{middle} ({low} to {high})"


def comparison_document(summaries: Sequence[Summary], facts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Everything as plain values for JSON."""
    first = next((trial.evaluation for each in summaries for trial in each.trials if trial.evaluation is not None), None)
    return {
        "units": None if first is None else first.units,
        "thresholds": [] if first is None else [vars(limit) for limit in first.thresholds],
        **{name: dict(values) for name, values in facts.items()},
        "presets": [summary.to_json() for summary in summaries],
    }


def write_comparison(
    folder: Path, summaries: Sequence[Summary], *, title: str, facts: Mapping[str, Mapping[str, str]]
) -> Path:
    """Write all files; returns the path of the HTML page.

    Args:
        folder: made if it does not exist.
        summaries: one a preset.
        title: heading.
        facts: what else to tell, by heading: label to value.

    Raises:
        OutputError: TP-801.
    """
    write_json(folder / "comparison.json", comparison_document(summaries, facts))
    write_text(folder / "comparison.svg", figure_svg(summaries))
    write_text(folder / "comparison.md", _markdown(summaries, title, facts))
    page = folder / "comparison.html"
    write_text(page, _html(summaries, title, facts))
    return page


_READING = (
    "Medians over the seeds, the smallest and largest value in brackets. Shares are of all images, every pose counted; the"
    " median error is infinite (-) where most images have no pose. Mapping times are unknown for maps that were interrupted"
    " or made elsewhere."
)


def _markdown(summaries: Sequence[Summary], title: str, facts: Mapping[str, Mapping[str, str]]) -> str:
    header, rows = table_rows(summaries)
    parts = [f"# {title}", markdown_table(header, rows), _READING, "![Accuracy and map size](comparison.svg)"]
    failed = problems(summaries)
    parts += ["## What failed", markdown_table(("reason",), [(line,) for line in failed])] if failed else []
    for heading, values in facts.items():
        parts += [f"## {heading.capitalize()}", markdown_table(("", ""), list(values.items()))]
    return "\n\n".join(parts) + "\n"


def _html(summaries: Sequence[Summary], title: str, facts: Mapping[str, Mapping[str, str]]) -> str:
    header, rows = table_rows(summaries)
    sections = [Section("The presets", _READING, tuple(header), tuple(map(tuple, rows)))]
    failed = problems(summaries)
    sections += [Section("What failed", "\n\n".join(failed))] if failed else []
    evaluated = [trial.evaluation for each in summaries for trial in each.trials if trial.evaluation is not None]
    charts = "".join(figure_html(*pair) for pair in _charts(summaries)) if evaluated else ""
    body = [f"<h1>{escape(title)}</h1>", f'<p class="soft">{escape(_subtitle(evaluated))}</p>']
    body += [section_html(sections[0])]
    body += [f'<section><h2>Accuracy, and what it costs</h2><div class="charts">{charts}</div></section>'] if charts else []
    body += [section_html(section) for section in sections[1:]]
    for heading, values in facts.items():
        body.append(facts_html(heading.capitalize(), values))
    return document_html(title, body)


def _charts(summaries: Sequence[Summary]) -> list[tuple[str, str]]:
    legend = swatches(summaries)
    return [
        (size_chart(summaries), f"{legend}A dot for each map: the best stand at the top left."),
        (recall_chart(summaries), f"{legend}Fraction of the images of all seeds below an error, every pose counted."),
    ]


def _subtitle(evaluated: Sequence[Evaluation]) -> str:
    if not evaluated:
        return "Nothing could be evaluated."
    scale = "" if evaluated[0].units == "m" else ", scale unknown: lengths are in units of the scene, not in metres"
    return f"{len(evaluated[0].results)} images, {len(evaluated)} maps{scale}"
