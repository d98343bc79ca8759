"""An evaluation as a folder to look at: report.html, and the same as report.md and report.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json, write_text
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, Scene
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.reliability import Reliability
from trigpoint.localization.correspondences import Correspondences
from trigpoint.report.formatting import angle, length, percent, threshold
from trigpoint.report.page import page_html
from trigpoint.report.page_parts import Facts, Section
from trigpoint.report.pictures import SceneDrawing
from trigpoint.report.tables import ranked, summary_rows

WORST_LISTED = 10


def write_report(
    folder: Path,
    evaluation: Evaluation,
    *,
    title: str,
    scene: Scene | None,
    facts: Facts,
    points: tuple[NDArray[np.floating[Any]], NDArray[np.uint8]] | None,
    images: Mapping[str, Path],
    correspondences: Mapping[str, Correspondences] | None = None,
    extra_sections: Sequence[Section] = (),
) -> Path:
    """Write the report.

    Args:
        folder: made if it does not exist; files of an earlier report are replaced.
        evaluation: at least one image.
        title: heading of the page.
        scene: the images of the scene; those that are not test images are drawn as cameras of the map.
        facts: what to say about the map, its settings and the machine.
        points: (N, 3) map points in world and their (N, 3) uint8 colours, or None.
        images: image file of each evaluated image, by name, for the gallery.
        correspondences: keypoints to draw into images of the gallery, by name.
        extra_sections: additions, shown before the table of images.

    Returns:
        The path of the HTML page.

    Raises:
        OutputError: TP-801.
    """
    shown = None if points is None else (np.asarray(points[0], dtype=np.float64), points[1])
    view = SceneDrawing.of(evaluation, _mapping_poses(scene, evaluation), shown)
    page = folder / "report.html"
    write_json(folder / "report.json", _document(title, evaluation, facts, extra_sections))
    write_text(folder / "report.md", _markdown(title, evaluation, facts, extra_sections))
    write_text(page, page_html(title, view, facts, images, correspondences or {}, extra_sections))
    return page


def _mapping_poses(scene: Scene | None, evaluation: Evaluation) -> list[Pose]:
    if scene is None:
        return []
    evaluated = {result.name for result in evaluation.results}
    return [frame.pose() for frame in scene.posed() if frame.split != TEST and frame.name not in evaluated]


def _document(title: str, evaluation: Evaluation, facts: Facts, sections: Sequence[Section]) -> dict[str, Any]:
    return {
        "title": title,
        "map": {key: str(value) for key, value in facts.map.items()},
        "settings": dict(facts.settings),
        "machine": dict(facts.machine),
        "reliability": Reliability.of(evaluation).to_json(),
        "sections": [
            {"title": each.title, "text": each.text, "header": each.header, "rows": each.rows} for each in sections
        ],
        "evaluation": evaluation.to_json(),
    }


def _markdown(title: str, evaluation: Evaluation, facts: Facts, sections: Sequence[Section]) -> str:
    units = evaluation.units
    reliability = Reliability.of(evaluation)
    fractions = zip(evaluation.thresholds, evaluation.recall(), evaluation.recall(only_ok=True), strict=True)
    worst = [
        (
            result.name,
            result.status,
            "-" if result.error is None else length(result.error.translation, units),
            "-" if result.error is None else angle(result.error.rotation_deg),
            result.localization.reason,
        )
        for result in ranked(evaluation)[::-1][:WORST_LISTED]
    ]
    parts = [
        f"# {_plain(title)}",
        markdown_table(("Evaluation of", evaluation.scene_name), summary_rows(evaluation)),
        "## Fraction of all images localized",
        markdown_table(
            ("error below", "every pose", "ok answers only"),
            [(threshold(limit, units), percent(every), percent(ok)) for limit, every, ok in fractions],
        ),
        "## Reliability of the confidence",
        f"Expected calibration error {_number(reliability.ece)} over {reliability.answers} answers;"
        f" correct are those within {threshold(reliability.correct_within, units)}.",
        markdown_table(("confidence", "answers", "mean confidence", "correct"), _bins(reliability)),
        "## Worst images",
        markdown_table(("image", "answer", "translation error", "rotation error", "reason"), worst),
    ]
    for section in sections:
        parts += [f"## {_plain(section.title)}", *map(_plain, section.paragraphs())]
        parts += [markdown_table(section.header, section.rows)] if section.header else []
    for heading, values in facts.named():
        parts += [f"## {heading}", markdown_table(("", ""), [(str(key), str(value)) for key, value in values.items()])]
    return "\n\n".join(parts) + "\n"


def _bins(reliability: Reliability) -> list[tuple[str, ...]]:
    return [
        (f"{each.low:g} to {each.high:g}", str(each.count), _number(each.confidence), percent(each.correct))
        for each in reliability.bins
        if each.count
    ]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that stays what it is in a Markdown table."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
