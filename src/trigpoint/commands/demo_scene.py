"""The demo: a synthetic scene, from images to a report, without data, GPU or network."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from trigpoint.build.pipeline import build_map
from trigpoint.commands.describe import stdout_console
from trigpoint.commands.options import note
from trigpoint.core.artifact import write_json
from trigpoint.core.errors import ConfigError
from trigpoint.core.localization import OK
from trigpoint.core.scene import Scene
from trigpoint.evaluation.evaluate import Evaluation, evaluate
from trigpoint.evaluation.map_evaluation import MapEvaluation, split_frames
from trigpoint.evaluation.metrics import default_thresholds
from trigpoint.localization.localizer import Localizer
from trigpoint.report.map_report import report_evaluation
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

MARKER = "trigpoint-demo.json"
OVERRIDES = ("buffer.views_per_image=3", "optimizer.steps=1000")
_N_TRAIN, _N_DAY, _N_NIGHT, _N_ELSEWHERE = 60, 15, 10, 15
# Some images of the walk are taken by night, as anybody would who wants to localize at night.
_TRAIN_NIGHT_FRACTION = 0.25


@dataclass(frozen=True, eq=False)
class _Elsewhere:
    """How images of another scene were answered."""

    images: int
    accepted: int
    median_ms: float


def run_demo(folder: Path, seed: int) -> dict[str, Any]:
    """Build, map, localize and report.

    Args:
        folder: gets the scene, the map, the report and ``trigpoint-demo.json`` with the numbers.
        seed: seed of the scene and of the map.

    Returns:
        The numbers that are printed.

    Raises:
        ConfigError: the folder holds something that is not a demo (TP-743).
    """
    began = time.monotonic()
    _clear(folder)
    config = SyntheticConfig(
        seed=seed, n_train=_N_TRAIN, n_test=_N_DAY, n_test_night=_N_NIGHT, train_night_fraction=_TRAIN_NIGHT_FRACTION
    )
    scene = write_synthetic_scene(folder / "room", config)
    # Another kind of scene as well as another room: the images must not be found in the map.
    elsewhere = write_synthetic_scene(
        folder / "elsewhere", SyntheticConfig(kind="street", seed=seed + 1, n_train=4, n_test=_N_ELSEWHERE)
    )
    map_path = folder / "room.trig"
    build = build_map(scene, map_path, overrides=OVERRIDES, seed=seed)
    localizer = Localizer.load(map_path)
    evaluation = _evaluate(localizer, scene)
    negatives = _elsewhere(localizer, elsewhere)
    run = MapEvaluation(evaluation, localizer, scene, map_path)
    page = report_evaluation(run, folder / "report", title="A synthetic room, mapped and found again")
    seconds = time.monotonic() - began
    document = {
        "evaluation": evaluation.to_json(),
        "day": _numbers(_only(evaluation, "test-day")),
        "night": _numbers(_only(evaluation, "test-night")),
        "elsewhere": vars(negatives),
        "map_bytes": build.bytes,
        "map_id": build.map.map_id,
        "mapping_seconds": sum(build.seconds.values()),
        "total_seconds": seconds,
        "report": str(page),
    }
    write_json(folder / MARKER, document)
    _print(document, page, seconds)
    return document


def _evaluate(localizer: Localizer, scene: Scene) -> Evaluation:
    return evaluate(
        localizer,
        split_frames(scene, "test"),
        thresholds=default_thresholds(scene.metric, scene.centres()),
        units=localizer.units,
        scene_name="synthetic room",
    )


def _elsewhere(localizer: Localizer, scene: Scene) -> _Elsewhere:
    frames = split_frames(scene, "test")
    results = list(localizer.localize_batch([frame.image_path for frame in frames], frames[0].camera))
    times = sorted(sum(result.timings_ms.values()) for result in results)
    return _Elsewhere(len(results), sum(result.status == OK for result in results), times[len(times) // 2])


def _only(evaluation: Evaluation, sequence: str) -> Evaluation:
    chosen = tuple(result for result in evaluation.results if f"/{sequence}/" in result.name)
    return Evaluation(sequence, evaluation.units, evaluation.map_id, evaluation.thresholds, evaluation.gross_error, chosen)


def _numbers(evaluation: Evaluation) -> dict[str, Any]:
    document = evaluation.to_json()
    return {key: value for key, value in document.items() if key != "frames"}


def _clear(folder: Path) -> None:
    """Remove an earlier demo, finished or not; refuse to touch any other folder."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        write_json(folder / MARKER, {})
        return
    if not (folder / MARKER).is_file():
        raise ConfigError("TP-743", "the folder is not empty and not a demo", where=folder, fix="Name a new folder with -o.")
    for item in folder.iterdir():
        if item.is_dir():
            shutil.rmtree(item)
        elif item.name != MARKER:
            item.unlink()


def _print(document: dict[str, Any], page: Path, seconds: float) -> None:
    table = Table(title=f"60 images mapped in {document['mapping_seconds']:.0f} s, {document['map_bytes'] / 1e6:.2f} MB")
    for column in ("images", "number", "accepted", "median error", "within 5 cm, 5 deg", "time of one"):
        table.add_column(column, justify="left" if column == "images" else "right")
    for name, key in (("by day", "day"), ("by night", "night")):
        numbers = document[key]
        fraction = next(
            item["fraction"] for item in numbers["recall"] if item["translation"] == 0.05 and item["rotation_deg"] == 5
        )
        error = f"{100 * numbers['median_translation']:.1f} cm, {numbers['median_rotation_deg']:.2f} deg"
        accepted = str(numbers["counts"]["ok"])
        table.add_row(name, str(numbers["images"]), accepted, error, f"{fraction:.0%}", f"{numbers['median_ms']:.0f} ms")
    other = document["elsewhere"]
    table.add_row("elsewhere", str(other["images"]), str(other["accepted"]), "", "", f"{other['median_ms']:.0f} ms")
    stdout_console().print(table)
    note(f"{seconds:.0f} s in all. The report with pictures:")
    print(page)
