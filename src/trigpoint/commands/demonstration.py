"""The demo: a synthetic scene, from images to a report, without data, GPU or network."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trigpoint.build.context import BuildControl
from trigpoint.build.pipeline import BuildResult, build_map
from trigpoint.core.artifact import write_json
from trigpoint.core.errors import ConfigError
from trigpoint.core.interrupt import stop_on_signals
from trigpoint.core.localization import OK
from trigpoint.core.scene import Scene
from trigpoint.evaluation.evaluate import evaluate, localize_frame
from trigpoint.evaluation.metrics import Threshold
from trigpoint.evaluation.results import Evaluation
from trigpoint.evaluation.splits import split_frames
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import DEFAULT_PRESET, resolve_config
from trigpoint.report.blocks import Block, Table, Text
from trigpoint.report.evaluation_blocks import error_text
from trigpoint.report.evaluation_report import Pictured, map_facts, write_report
from trigpoint.report.formatting import duration, percent, threshold
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

MARKER = "trigpoint-demo.json"
# Some images of the walk are taken by night, as anybody would who wants to localize at night.
_TRAIN_NIGHT_FRACTION = 0.25
# Another kind of scene as well as another room: its images must not be found in the map.
_OUT_OF_MAP = SyntheticConfig(kind="street", n_train=4)
_SHOWN = Threshold(0.05, 5.0)


def run_demo(
    folder: Path, *, images: int, queries: int, width: int, overrides: Sequence[str] = (), seed: int = 0
) -> tuple[dict[str, Any], list[Block]]:
    """Build, map, localize and report.

    Args:
        folder: gets the scenes, the map, the report and ``trigpoint-demo.json`` with the numbers.
        images: mapping images of the room.
        queries: images of the room by day, and of a street that is not in the map; by night two thirds of them.
        width: width of the images, px.
        overrides: changed settings of the recipe, ``"section.setting=value"`` each.
        seed: seed of the scenes and the map.

    Returns:
        The numbers for JSON, and what to print.

    Raises:
        ConfigError: the folder holds something that is not a demo (TP-743); TP-731.
    """
    began = time.monotonic()
    _clear(folder)
    height = width * 3 // 4
    room = SyntheticConfig(
        seed=seed,
        n_train=images,
        n_test=queries,
        n_test_night=queries * 2 // 3,
        train_night_fraction=_TRAIN_NIGHT_FRACTION,
        width=width,
        height=height,
    )
    street = replace(_OUT_OF_MAP, seed=seed + 1, n_test=queries, width=width, height=height)
    scene, other = (write_synthetic_scene(folder / name, config) for name, config in (("room", room), ("street", street)))
    map_path = folder / "room.trig"
    config = resolve_config(DEFAULT_PRESET, overrides)
    with stop_on_signals() as stop:
        build = build_map(scene, map_path, config=config, seed=seed, control=BuildControl(stop=stop))
    localizer = Localizer.load(map_path)
    evaluation = evaluate(localizer, scene)
    negatives = _localize_negatives(localizer, other)
    page = write_report(
        folder / "report",
        evaluation,
        title="A synthetic room, mapped and found again",
        facts=map_facts(localizer, map_path),
        pictured=Pictured.of(localizer, scene, evaluation),
    )
    parts = {"day": _part(evaluation, "test-day"), "night": _part(evaluation, "test-night")}
    document = {
        "evaluation": evaluation.to_json(),
        **{name: part.numbers_json() for name, part in parts.items()},
        "negatives": negatives,
        "map_bytes": build.bytes,
        "map_id": build.map.map_id,
        "mapping_seconds": sum(build.seconds.values()),
        "total_seconds": time.monotonic() - began,
        "report": str(page),
    }
    write_json(folder / MARKER, document)
    closing = Text(f"{document['total_seconds']:.0f} s in all. The report with pictures:")
    return document, [_table(build, parts, negatives), closing]


def _localize_negatives(localizer: Localizer, scene: Scene) -> dict[str, Any]:
    """The answers about images that are not in the map, in numbers."""
    results = [localize_frame(localizer, frame) for frame in split_frames(scene, "test")]
    return {
        "images": len(results),
        "false_accepts": sum(result.status == OK for result in results),
        "median_ms": statistics.median(sum(result.timings_ms.values()) for result in results),
    }


def _part(evaluation: Evaluation, sequence: str) -> Evaluation:
    """The evaluation of one test sequence alone."""
    results = tuple(result for result in evaluation.results if f"/{sequence}/" in result.name)
    return replace(evaluation, thresholds=(_SHOWN,), results=results)


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


def _table(build: BuildResult, parts: dict[str, Evaluation], negatives: dict[str, Any]) -> Table:
    rows = [
        (
            f"by {name}",
            str(len(part.results)),
            str(part.counts[OK]),
            error_text(part.medians(), part.units),
            percent(part.recall()[0]),
            duration(part.median_ms()),
        )
        for name, part in parts.items()
    ]
    accepted, median_ms = negatives["false_accepts"], negatives["median_ms"]
    rows.append(("not in the map", str(negatives["images"]), str(accepted), "", "", duration(median_ms)))
    header = ("images", "number", "accepted", "median error", f"within {threshold(_SHOWN, 'm')}", "time of one")
    images = build.map.built_from["images"]
    title = f"{images} images mapped in {sum(build.seconds.values()):.0f} s, {build.bytes / 1e6:.2f} MB"
    return Table(header, rows, title)
