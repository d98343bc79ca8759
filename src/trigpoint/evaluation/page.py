"""The report as one HTML page that needs nothing else: no script, no address outside of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from trigpoint.core.localization import OK
from trigpoint.evaluation.charts import confidence_chart, rotation_curve, translation_curve
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.formatting import angle, duration, length, percent, threshold
from trigpoint.evaluation.gallery import badge, gallery_html
from trigpoint.evaluation.metrics import recall_interval
from trigpoint.evaluation.pictures import Place, oblique_picture, outside, top_picture

MAX_ROWS = 3000


@dataclass(frozen=True)
class Section:
    """An addition to a report: a heading with text, a table, or both. All of it is plain text.

    Attributes:
        title: heading.
        text: paragraphs, separated by empty lines.
        header: column names of the table; the first column is left-aligned.
        rows: cells of the table.
    """

    title: str
    text: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def paragraphs(self) -> list[str]:
        """The text, one string a paragraph."""
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]


def page_html(
    title: str, place: Place, map_summary: Mapping[str, Any], images: Mapping[str, Path], sections: Sequence[Section]
) -> str:
    """The whole page."""
    evaluation = place.evaluation
    style = resources.files("trigpoint.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_subtitle(evaluation))}</p>',
        _tiles(evaluation),
        _recall(evaluation),
        _pictures(place),
        _charts(evaluation),
        gallery_html(place, images),
        *(_section(section) for section in sections),
        _map(map_summary),
        _frames(evaluation),
        _reading(evaluation),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: Sequence[int] = (0,)) -> str:
    """A table of cells that are HTML already."""
    kinds = [' class="text"' if index in text_columns else "" for index in range(len(header))]
    head = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, header, strict=True))
    lines = ("".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _subtitle(evaluation: Evaluation) -> str:
    parts = [f"{evaluation.scene_name}, {len(evaluation.results)} photos"]
    parts += [f"map {evaluation.map_id}"] if evaluation.map_id else []
    parts += [] if evaluation.units == "m" else ["scale unknown: lengths are in units of the scene, not in metres"]
    return " · ".join(parts)


def _tiles(evaluation: Evaluation) -> str:
    units, counts, total = evaluation.units, evaluation.counts, len(evaluation.results)
    translation, rotation = evaluation.medians()
    stack = "".join(f'<i class="{name}" style="flex:{count}"></i>' for name, count in counts.items() if count)
    tiles = [
        _tile("Median error", length(translation, units), f"and {angle(rotation)}; infinite for a photo without a pose"),
        _tile(
            "Answers",
            f"{counts[OK]} of {total} ok",
            f'<div class="stack">{stack}</div>' + ", ".join(f"{count} {escape(name)}" for name, count in counts.items()),
        ),
        _tile(
            "Called ok but wrong",
            f"{evaluation.wrong_ok()} of {counts[OK]}",
            f"beyond {threshold(evaluation.blunder, units)}",
        ),
        _tile("Time for a photo", duration(evaluation.median_ms()), "median, reading the file included"),
    ]
    if evaluation.thresholds:
        name = f"Within {threshold(evaluation.thresholds[0], units)}"
        tiles.insert(0, _tile(name, percent(evaluation.recall()[0]), "of all photos, every pose counted"))
    return '<div class="tiles">\n' + "\n".join(tiles) + "\n</div>"


def _tile(label: str, value: str, note: str) -> str:
    """``note`` is HTML."""
    return (
        f'<div class="tile"><div class="label">{escape(label)}</div><div class="value">{escape(value)}</div>'
        f'<div class="note">{note}</div></div>'
    )


def _recall(evaluation: Evaluation) -> str:
    shares, trusted = evaluation.recall(), evaluation.recall(only_ok=True)
    rows: list[list[str]] = []
    for limit, every, ok in zip(evaluation.thresholds, shares, trusted, strict=True):
        low, high = recall_interval(every, len(evaluation.results))
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        rows.append([threshold(limit, evaluation.units), _bar(every, ""), interval, _bar(ok, "trusted")])
    if not rows:
        return ""
    table = table_html(["error below", "every pose", "95 % interval", "ok answers only"], rows)
    return f'<section><h2>Share of all photos localized</h2><div class="card scroll">{table}</div></section>'


def _bar(share: float, kind: str) -> str:
    return f'{percent(share)}<span class="bar {kind}"><i style="width:{100 * share:.1f}%"></i></span>'


def _pictures(place: Place) -> str:
    lost = outside(place)
    note = f" {lost} estimated positions lie outside of the picture." if lost else ""
    hidden = " What hides the cameras from above is left out." if place.hidden else ""
    legend = _legend(
        ("map photos", "mapping"), ("true positions", "true"), ("ok", "ok"), ("rejected", "rejected"), ("error", "failed")
    )
    caption = f"{legend}Red lines join true and estimated positions.{hidden}{note}"
    parts = ["<section><h2>The place</h2>", _figure(top_picture(place), caption)]
    if len(place.points):
        parts.append(_figure(oblique_picture(place), "The same at an angle."))
    return "\n".join(parts) + "</section>"


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _legend(*entries: tuple[str, str]) -> str:
    spans = "".join(f'<span style="--swatch:var(--{colour})">{escape(name)}</span>' for name, colour in entries)
    return f'<div class="legend">{spans}</div>'


def _charts(evaluation: Evaluation) -> str:
    every = _legend(("every pose", "every"), ("ok answers only (dashed)", "ok"))
    verdicts = _legend(("ok", "ok"), ("rejected", "rejected"))
    figures = [
        _figure(translation_curve(evaluation), f"{every}Share of all photos below an error."),
        _figure(rotation_curve(evaluation), f"{every}Share of all photos below an error."),
        _figure(
            confidence_chart(evaluation),
            f"{verdicts}Confidence of each pose: good ones belong to the top left, wrong ones to the bottom right."
            " What is beyond the chart is drawn at its edge.",
        ),
    ]
    return f'<section><h2>Errors</h2><div class="charts">{"".join(figures)}</div></section>'


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs()]
    if section.header:
        rows = [[escape(cell) for cell in row] for row in section.rows]
        table = table_html([escape(cell) for cell in section.header], rows)
        parts.append(f'<div class="card scroll">{table}</div>')
    return "".join(parts) + "</section>"


def _map(summary: Mapping[str, Any]) -> str:
    if not summary:
        return ""
    entries = "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in summary.items())
    return f'<section><h2>The map</h2><div class="card"><dl>{entries}</dl></div></section>'


def _frames(evaluation: Evaluation) -> str:
    rows: list[list[str]] = []
    for result in sorted(evaluation.results, key=lambda result: result.name)[:MAX_ROWS]:
        error, answer = result.error, result.localization
        rows.append(
            [
                escape(result.name),
                badge(result, evaluation),
                "-" if error is None else length(error.translation, evaluation.units),
                "-" if error is None else angle(error.rotation_deg),
                f"{answer.inliers} of {answer.points}",
                f"{answer.confidence:.2f}",
                duration(result.total_ms),
            ]
        )
    header = ["photo", "answer", "translation error", "rotation error", "inliers", "confidence", "time"]
    table = table_html(header, rows, text_columns=(0, 1))
    rest = len(evaluation.results) - len(rows)
    more = f'<p class="soft">{rest} more photos are in evaluation.json.</p>' if rest else ""
    return f'<section><h2>Every photo</h2><div class="card scroll">{table}</div>{more}</section>'


def _reading(evaluation: Evaluation) -> str:
    blunder = threshold(evaluation.blunder, evaluation.units)
    return (
        "<section><h2>How to read this</h2>"
        "<p>The translation error is the distance between the estimated and the true camera centre, the rotation error the"
        " angle between the two orientations. A photo is within a threshold if both errors are smaller (not equal).</p>"
        "<p>Every share is one of all photos; those without a pose are failures. “Every pose” also counts poses that were"
        " rejected; “ok answers only” treats them as failures, which is what an application gets that trusts the verdict."
        f" “Wrong” is a pose further off than {escape(blunder)}.</p>"
        "<p>The 95 % interval (Wilson) takes photos as independent. Photos of one walk are not: the true one is wider.</p>"
        "</section>"
    )
