"""The report of an evaluation as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from trigpoint.core.localization import OK
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.metrics import recall_interval
from trigpoint.evaluation.reliability import Reliability
from trigpoint.localization.correspondences import Correspondences
from trigpoint.report.charts import confidence_chart, reliability_chart, rotation_curve, translation_curve
from trigpoint.report.formatting import angle, duration, length, percent, threshold
from trigpoint.report.gallery import badge, gallery_html
from trigpoint.report.page_parts import (
    Facts,
    Section,
    document_html,
    facts_html,
    figure_html,
    legend_html,
    section_html,
    table_html,
)
from trigpoint.report.pictures import SceneDrawing, oblique_picture, outside, top_picture

MAX_ROWS = 3000


def page_html(
    title: str,
    scene: SceneDrawing,
    facts: Facts,
    images: Mapping[str, Path],
    correspondences: Mapping[str, Correspondences],
    sections: Sequence[Section],
) -> str:
    """The whole page."""
    evaluation = scene.evaluation
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_subtitle(evaluation))}</p>',
        _tiles(evaluation),
        _recall(evaluation),
        _pictures(scene),
        _charts(evaluation),
        gallery_html(scene, images, correspondences),
        *(section_html(section) for section in sections),
        *(facts_html(heading, values) for heading, values in facts.named()),
        _frames(evaluation),
        _reading(evaluation),
    ]
    return document_html(title, body)


def _subtitle(evaluation: Evaluation) -> str:
    parts = [f"{evaluation.scene_name}, {len(evaluation.results)} images"]
    parts += [f"map {evaluation.map_id}"] if evaluation.map_id else []
    parts += [] if evaluation.units == "m" else ["scale unknown: lengths are in units of the scene, not in metres"]
    return " · ".join(parts)


def _tiles(evaluation: Evaluation) -> str:
    units, counts, total = evaluation.units, evaluation.counts, len(evaluation.results)
    translation, rotation = evaluation.medians()
    stack = "".join(f'<i class="{name}" style="flex:{count}"></i>' for name, count in counts.items() if count)
    tiles = [
        _tile("Median error", length(translation, units), f"and {angle(rotation)}; infinite for an image without a pose"),
        _tile(
            "Answers",
            f"{counts[OK]} of {total} ok",
            f'<div class="stack">{stack}</div>' + ", ".join(f"{count} {escape(name)}" for name, count in counts.items()),
        ),
        _tile(
            "Called ok but wrong",
            f"{evaluation.wrong_ok()} of {counts[OK]}",
            f"beyond {threshold(evaluation.gross_error, units)}",
        ),
        _tile("Time for an image", duration(evaluation.median_ms()), "median, reading the file included"),
    ]
    if evaluation.thresholds:
        name = f"Within {threshold(evaluation.thresholds[0], units)}"
        tiles.insert(0, _tile(name, percent(evaluation.recall()[0]), "of all images, every pose counted"))
    return '<div class="tiles">\n' + "\n".join(tiles) + "\n</div>"


def _tile(label: str, value: str, note: str) -> str:
    """``note`` is HTML."""
    return (
        f'<div class="tile"><div class="label">{escape(label)}</div><div class="value">{escape(value)}</div>'
        f'<div class="note">{note}</div></div>'
    )


def _recall(evaluation: Evaluation) -> str:
    fractions, trusted = evaluation.recall(), evaluation.recall(only_ok=True)
    rows: list[list[str]] = []
    for limit, every, ok in zip(evaluation.thresholds, fractions, trusted, strict=True):
        low, high = recall_interval(every, len(evaluation.results))
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        rows.append([threshold(limit, evaluation.units), _bar(every, ""), interval, _bar(ok, "trusted")])
    if not rows:
        return ""
    table = table_html(["error below", "every pose", "95 % interval", "ok answers only"], rows)
    return f'<section><h2>Fraction of all images localized</h2><div class="card scroll">{table}</div></section>'


def _bar(fraction: float, kind: str) -> str:
    return f'{percent(fraction)}<span class="bar {kind}"><i style="width:{100 * fraction:.1f}%"></i></span>'


def _pictures(scene: SceneDrawing) -> str:
    lost = outside(scene)
    note = f" {lost} estimated positions lie outside of the picture." if lost else ""
    hidden = " What hides the cameras from above is left out." if scene.hidden else ""
    mapped = [("map images", "mapping")] if scene.mapping_poses else []
    legend = legend_html(*mapped, ("true positions", "true"), ("ok", "ok"), ("rejected", "rejected"), ("error", "failed"))
    caption = f"{legend}Red lines join true and estimated positions.{hidden}{note}"
    parts = ["<section><h2>The scene</h2>", figure_html(top_picture(scene), caption)]
    if len(scene.points):
        parts.append(figure_html(oblique_picture(scene), "The same at an angle."))
    return "\n".join(parts) + "</section>"


def _charts(evaluation: Evaluation) -> str:
    every = legend_html(("every pose", "every"), ("ok answers only (dashed)", "ok"))
    verdicts = legend_html(("ok", "ok"), ("rejected", "rejected"))
    reliability = Reliability.of(evaluation)
    figures = [
        figure_html(translation_curve(evaluation), f"{every}Fraction of all images below an error."),
        figure_html(rotation_curve(evaluation), f"{every}Fraction of all images below an error."),
        figure_html(
            confidence_chart(evaluation),
            f"{verdicts}Confidence of each pose: good ones belong to the top left, wrong ones to the bottom right."
            " What is beyond the chart is drawn at its edge.",
        ),
        figure_html(reliability_chart(reliability), _reliability_caption(reliability, evaluation.units)),
    ]
    return f'<section><h2>Errors</h2><div class="charts">{"".join(figures)}</div></section>'


def _reliability_caption(reliability: Reliability, units: str) -> str:
    if not reliability.answers:
        return "No image has a pose: the confidence cannot be judged."
    return (
        f"Expected calibration error <b>{reliability.ece:.3f}</b> over {reliability.answers} answers. Bars: fraction of "
        f"answers within {escape(threshold(reliability.correct_within, units))}, with their number; an honest confidence "
        "puts the dots on the dotted line."
    )


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
    header = ["image", "answer", "translation error", "rotation error", "inliers", "confidence", "time"]
    table = table_html(header, rows, text_columns=(0, 1))
    rest = len(evaluation.results) - len(rows)
    more = f'<p class="soft">{rest} more images are in report.json.</p>' if rest else ""
    return f'<section><h2>Every image</h2><div class="card scroll">{table}</div>{more}</section>'


def _reading(evaluation: Evaluation) -> str:
    gross_error = threshold(evaluation.gross_error, evaluation.units)
    return (
        "<section><h2>How to read this</h2>"
        "<p>The translation error is the distance between the estimated and the true camera centre, the rotation error the"
        " angle between the two orientations. An image is within a threshold if both errors are smaller (not equal).</p>"
        "<p>Every share is one of all images; those without a pose are failures. “Every pose” also counts poses that were"
        " rejected; “ok answers only” treats them as failures, which is what an application gets that trusts the verdict."
        f" “Wrong” is a pose further off than {escape(gross_error)}.</p>"
        "<p>The 95 % interval (Wilson) takes images as independent. Images of one walk are not: the true one is wider.</p>"
        "</section>"
    )
