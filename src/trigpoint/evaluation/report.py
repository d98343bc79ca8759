"""An evaluation as a folder to look at: report.html, report.md and evaluation.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json, write_text
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, Scene
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.formatting import angle, length, percent, threshold
from trigpoint.evaluation.page import Section, page_html
from trigpoint.evaluation.pictures import Place
from trigpoint.evaluation.tables import ranked, summary_rows

WORST_LISTED = 10


def write_report(
    folder: Path,
    evaluation: Evaluation,
    *,
    title: str,
    scene: Scene | None,
    map_summary: Mapping[str, Any],
    points: tuple[NDArray[np.floating[Any]], NDArray[np.uint8]] | None,
    images: Mapping[str, Path],
    extra_sections: Sequence[Section] = (),
) -> Path:
    """Write the report.

    Args:
        folder: made if it does not exist; files of an earlier report are replaced.
        evaluation: at least one photo.
        title: heading of the page.
        scene: the photos of the place; those that are not test photos are drawn as cameras of the map.
        map_summary: what to say about the map, label to value.
        points: (N, 3) map points in world and their (N, 3) uint8 colours, or None.
        images: image file of each evaluated photo, by name, for the gallery.
        extra_sections: additions, shown before the table of photos.

    Returns:
        The path of the HTML page.

    Raises:
        OutputError: TP-801.
    """
    shown = None if points is None else (np.asarray(points[0], dtype=np.float64), points[1])
    place = Place.of(evaluation, _mapping_poses(scene, evaluation), shown)
    page = folder / "report.html"
    write_json(folder / "evaluation.json", evaluation.to_json())
    write_text(folder / "report.md", _markdown(title, evaluation, map_summary, extra_sections))
    write_text(page, page_html(title, place, map_summary, images, extra_sections))
    return page


def _mapping_poses(scene: Scene | None, evaluation: Evaluation) -> list[Pose]:
    if scene is None:
        return []
    evaluated = {result.name for result in evaluation.results}
    return [frame.pose() for frame in scene.posed() if frame.split != TEST and frame.name not in evaluated]


def _markdown(title: str, evaluation: Evaluation, map_summary: Mapping[str, Any], sections: Sequence[Section]) -> str:
    units = evaluation.units
    shares = zip(evaluation.thresholds, evaluation.recall(), evaluation.recall(only_ok=True), strict=True)
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
        _table(("Evaluation of", evaluation.scene_name), summary_rows(evaluation)),
        "## Share of all photos localized",
        _table(
            ("error below", "every pose", "ok answers only"),
            [(threshold(limit, units), percent(every), percent(ok)) for limit, every, ok in shares],
        ),
        "## Worst photos",
        _table(("photo", "answer", "translation error", "rotation error", "reason"), worst),
    ]
    for section in sections:
        parts += [f"## {_plain(section.title)}", *map(_plain, section.paragraphs())]
        parts += [_table(section.header, section.rows)] if section.header else []
    if map_summary:
        parts += ["## The map", _table(("", ""), [(str(key), str(value)) for key, value in map_summary.items()])]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that stays what it is in a Markdown table."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
