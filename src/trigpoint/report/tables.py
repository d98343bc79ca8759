"""An evaluation on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.evaluation.evaluate import Evaluation, FrameResult
from trigpoint.evaluation.protocols import Protocol, Published
from trigpoint.report.formatting import angle, duration, length, percent, threshold

STYLES = {OK: "green", REJECTED: "yellow", FAILED: "red"}
WORST_SHOWN = 8


def ranked(evaluation: Evaluation) -> list[FrameResult]:
    """The images from best to worst: by the error in multiples of the first threshold, those without a pose last."""
    limit = evaluation.thresholds[0] if evaluation.thresholds else evaluation.gross_error

    def badness(result: FrameResult) -> float:
        if result.error is None:
            return math.inf
        return max(result.error.translation / limit.translation, result.error.rotation_deg / limit.rotation_deg)

    return sorted(evaluation.results, key=badness)


def summary_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What there is to say about the evaluation as a whole: (label, value)."""
    units, counts = evaluation.units, evaluation.counts
    translation, rotation = evaluation.medians()
    translation_ok, rotation_ok = evaluation.medians_ok()
    return [
        ("images", ", ".join([str(len(evaluation.results)), *(f"{count} {status}" for status, count in counts.items())])),
        ("median error, all images", f"{length(translation, units)}, {angle(rotation)}"),
        ("median error, ok answers", f"{length(translation_ok, units)}, {angle(rotation_ok)}"),
        (
            f"called ok but wrong by more than {threshold(evaluation.gross_error, units)}",
            f"{evaluation.wrong_ok()} of {counts[OK]}",
        ),
        ("time for an image (median)", duration(evaluation.median_ms())),
    ]


def tables(evaluation: Evaluation) -> list[Table]:
    """The summary, the recall, and the worst images."""
    summary = Table(title=Text(f"Evaluation of {evaluation.scene_name}"), show_header=False)
    for label, value in summary_rows(evaluation):
        summary.add_row(Text(label), Text(value))
    fractions = Table(title="Fraction of all images within")
    for header in ("threshold", "every pose", "ok answers"):
        fractions.add_column(header, justify="right")
    rows = zip(evaluation.thresholds, evaluation.recall(), evaluation.recall(only_ok=True), strict=True)
    for limit, every, trusted in rows:
        fractions.add_row(threshold(limit, evaluation.units), percent(every), percent(trusted))
    worst = _frames_table(ranked(evaluation)[::-1][:WORST_SHOWN], evaluation)
    return [summary, fractions, worst]


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the tables."""
    for table in tables(evaluation):
        console.print(table)


def print_protocol(protocol: Protocol, scene: str, ours: Published | None, console: Console) -> None:
    """Print our numbers beside the published ones, with their sources."""
    rows = [*([] if ours is None else [ours]), *protocol.published_for(scene)]
    # A benchmark of several groups is judged elsewhere: all that is published is shown.
    if ours is None:
        rows = list(protocol.published)
    table = Table(title=Text(f"{protocol.title}{f', {scene}' if scene else ''}: median error and share within"))
    table.add_column("method")
    table.add_column("scene")
    for header in ("median", *(threshold(limit, "m") for limit in protocol.thresholds)):
        table.add_column(header, justify="right")
    table.add_column("source", justify="right")
    cited = [f"{row.source}; {row.note}" if row.note else row.source for row in rows]
    sources = list(dict.fromkeys(cited))
    for row, source in zip(rows, cited, strict=True):
        both = "-" if row.median_m is None else f"{length(row.median_m, 'm')}, {angle(row.median_deg)}"
        fractions = [
            percent(row.recall[index]) if index < len(row.recall) else "-" for index in range(len(protocol.thresholds))
        ]
        number = Text(f"[{sources.index(source) + 1}]")
        style = "bold" if row is ours else ""
        table.add_row(Text(row.method), Text(row.scene or "all"), both, *fractions, number, style=style)
    console.print(table)
    notes = [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    for text in (*notes, f"Truth: {protocol.truth}. Split: {protocol.split}.", protocol.note):
        if text:
            console.print(Text(text), soft_wrap=True)


def print_scenes(evaluations: Mapping[str, Evaluation], console: Console) -> None:
    """Print one line for each scene of a joint scene."""
    first = next(iter(evaluations.values()))
    table = Table(title="Scene by scene")
    table.add_column("scene")
    for header in ("images", "median, all images", *(threshold(limit, first.units) for limit in first.thresholds)):
        table.add_column(header, justify="right")
    for name, each in evaluations.items():
        translation, rotation = each.medians()
        both = f"{length(translation, each.units)}, {angle(rotation)}"
        table.add_row(Text(name), str(len(each.results)), both, *map(percent, each.recall()))
    console.print(table)


def _frames_table(results: Sequence[FrameResult], evaluation: Evaluation) -> Table:
    table = Table(title="Worst images")
    table.add_column("image")
    table.add_column("answer")
    for header in ("error", "inliers", "confidence"):
        table.add_column(header, justify="right")
    for result in results:
        error, answer = result.error, result.localization
        text = "-" if error is None else f"{length(error.translation, evaluation.units)}, {angle(error.rotation_deg)}"
        table.add_row(
            Text(result.name),
            Text(result.status, style=STYLES.get(result.status, "")),
            Text(text),
            f"{answer.inliers} of {answer.points}",
            f"{answer.confidence:.2f}",
        )
    return table
