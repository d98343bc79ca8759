"""How papers evaluate, as data: data sets, splits, thresholds, metrics, and the numbers they publish.

The numbers stand in ``protocols.json``, each with its source. Thresholds are compared strictly (``<``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from trigpoint.core.errors import SceneError, did_you_mean
from trigpoint.evaluation.metrics import Threshold, finite_or_none, median
from trigpoint.evaluation.results import Evaluation

MEAN = "mean"


@dataclass(frozen=True)
class Published:
    """What one source says about one method on one scene.

    Attributes:
        method: name of the method.
        scene: scene of the protocol, or ``"mean"`` for the mean over its scenes.
        recall: fraction, 0 to 1, of images within each threshold, the first ones if there are fewer; empty if not given.
        median_m: median position error, m; None if not given.
        median_deg: median rotation error, degrees; None if not given.
        source: where the numbers stand.
        note: what to know about them.
    """

    method: str
    scene: str
    recall: tuple[float, ...]
    median_m: float | None
    median_deg: float | None
    source: str
    note: str = ""


@dataclass(frozen=True)
class Task:
    """The images and the true poses of a protocol.

    Attributes:
        data_set: its name in the catalogue of data sets.
        scenes: names of the scenes.
        split: which images are mapped and which tested.
        truth: where the true poses come from.
        withheld: whether the true poses of the test images are kept by the organisers of a benchmark.
    """

    data_set: str
    scenes: tuple[str, ...]
    split: str
    truth: str
    withheld: bool


@dataclass(frozen=True)
class Protocol:
    """One way to evaluate.

    Attributes:
        name: key of ``protocols()``.
        title: what papers call it.
        task: images and true poses.
        thresholds: in metres and degrees.
        metric: ``"recall"`` or ``"median"``: what is compared first.
        median: ``"mean"`` of the two middle values of an even number, or the ``"upper"`` one, as ACE and GLACE do.
        note: what to know.
        published: numbers of others.
    """

    name: str
    title: str
    task: Task
    thresholds: tuple[Threshold, ...]
    metric: Literal["recall", "median"]
    median: Literal["mean", "upper"]
    note: str
    published: tuple[Published, ...]

    def scene_of(self, folder: Path) -> str:
        """The scene that a folder's name says, also with ``pgt_7scenes_`` before it; ``""`` if it says none."""
        words = _plain("/".join(folder.resolve().parts[-2:]))
        fits = [scene for scene in self.task.scenes if words.endswith(_plain(scene))]
        return max(fits, key=len, default="")

    def published_for(self, scene: str) -> tuple[Published, ...]:
        """The numbers for one scene, or for the mean over the scenes if it is ``""``."""
        return tuple(row for row in self.published if row.scene == (scene or MEAN))

    def median_of(self, values: Sequence[float | None]) -> float:
        """The median as this protocol defines it; None counts as infinite; NaN when empty."""
        if self.median != "upper" or not values:
            return median(values)
        return sorted(math.inf if value is None else value for value in values)[len(values) // 2]


@cache
def protocols() -> dict[str, Protocol]:
    """All protocols by name."""
    document = json.loads(Path(__file__).with_name("protocols.json").read_text(encoding="utf-8"))
    return {entry["name"]: _protocol(entry, document["sources"]) for entry in document["protocols"]}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        SceneError: there is none (TP-263).
    """
    known = protocols()
    if name not in known:
        raise SceneError("TP-263", f"there is no protocol '{name}'", where="--protocol", fix=did_you_mean(name, known))
    return known[name]


def require_metres(protocol: Protocol, metric: bool, where: Path) -> None:
    """Refuse to count in metres where the unit is unknown.

    Args:
        protocol: the protocol.
        metric: whether the unit of the map is the metre.
        where: the map file.

    Raises:
        SceneError: TP-262.
    """
    if not metric:
        raise SceneError(
            "TP-262",
            f"{protocol.title} is evaluated in metres and the scale of this map is unknown",
            where=where,
            fix="Build the map again with --metric True if one unit of the scene is one metre.",
        )


def our_row(protocol: Protocol, evaluation: Evaluation, scene: str, *, method: str = "trigpoint") -> Published:
    """The evaluation in the form of a published row. Every pose counts, whatever its verdict, as in the papers."""
    errors = evaluation.errors()
    fractions = dict(zip(evaluation.thresholds, evaluation.recall(), strict=True))
    translation = protocol.median_of([None if error is None else error.translation for error in errors])
    rotation = protocol.median_of([None if error is None else error.rotation_deg for error in errors])
    recall = tuple(fractions[limit] for limit in protocol.thresholds)
    return Published(method, scene, recall, translation, rotation, "this evaluation")


def comparison_json(protocol: Protocol, scene: str, ours: Published | None) -> dict[str, Any]:
    """The protocol, our numbers and the published ones as plain values for JSON."""
    return {
        "protocol": protocol.name,
        "title": protocol.title,
        "scene": scene or None,
        "split": protocol.task.split,
        "truth": protocol.task.truth,
        "metric": protocol.metric,
        "median_definition": protocol.median,
        "note": protocol.note,
        "thresholds": [[limit.translation, limit.rotation_deg] for limit in protocol.thresholds],
        "ours": None if ours is None else _row_json(ours),
        "published": [_row_json(row) for row in protocol.published if row.scene == scene or not scene or row.scene == MEAN],
    }


def _row_json(row: Published) -> dict[str, Any]:
    values = {key: finite_or_none(value) if isinstance(value, float) else value for key, value in asdict(row).items()}
    return {**values, "recall": [finite_or_none(fraction) for fraction in row.recall]}


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _protocol(entry: dict[str, Any], sources: dict[str, str]) -> Protocol:
    return Protocol(
        name=entry["name"],
        title=entry["title"],
        task=Task(entry["data_set"], tuple(entry["scenes"]), entry["split"], entry["truth"], entry["withheld"]),
        thresholds=tuple(Threshold(float(distance), float(angle)) for distance, angle in entry["thresholds"]),
        metric=entry["metric"],
        median=entry["median"],
        note=entry["note"],
        published=tuple(_published(row, sources) for row in entry["published"]),
    )


def _published(row: dict[str, Any], sources: dict[str, str]) -> Published:
    centimetres = row.get("median_cm")
    return Published(
        row["method"],
        row["scene"],
        tuple(percent / 100 for percent in row.get("recall_percent", ())),
        None if centimetres is None else centimetres / 100,
        row.get("median_deg"),
        sources[row["source"]],
        row.get("note", ""),
    )
