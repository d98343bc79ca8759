"""Presets side by side on one scene: a map and an evaluation for each preset and seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trigpoint.build.kept_maps import kept_map
from trigpoint.build.pipeline import mapping_frames
from trigpoint.core.errors import OutputError
from trigpoint.evaluation.circumstances import machine_facts
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.map_evaluation import evaluate_map, split_frames
from trigpoint.evaluation.metrics import parse_threshold
from trigpoint.evaluation.trials import Summary, check_choice, run_trials
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.presets import preset_config


@dataclass(frozen=True)
class ComparisonTask:
    """What to compare; the fields are the options of ``trigpoint compare``."""

    scene: Path
    output: Path
    presets: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()
    holdout: str | None = None
    thresholds: tuple[str, ...] = ()
    device: str | None = None
    format: str | None = None
    skip_invalid: bool = False
    metric: bool | None = None


def run_comparison(task: ComparisonTask) -> tuple[list[Summary], dict[str, dict[str, str]]]:
    """Build what is missing in ``OUTPUT/PRESET-SEED.trig`` and evaluate everything; (a summary for each preset, facts).

    Raises:
        ConfigError: presets or seeds that are no comparison (TP-763, TP-764), and as ``preset_config``, ``open_scene``
            and ``parse_threshold``: all options are looked at before anything is built.
        OutputError: the output is a file (TP-824).
        TrigpointError: the scene cannot be mapped or has no test images.
        Interrupted: stopped on request; finished maps are kept and the same task continues.
    """
    check_choice(task.presets, task.seeds)
    for preset in task.presets:
        preset_config(preset, task.overrides)
    for text in task.thresholds:
        parse_threshold(text)
    if task.output.is_file():
        raise OutputError("TP-824", "this is a file, a folder is needed", where=task.output, fix="Name a folder with -o.")
    reading = {"skip_invalid": task.skip_invalid, "metric": task.metric}
    scene = open_scene(task.scene, format=task.format, holdout=task.holdout, **reading)
    counts = {"mapping images": str(len(mapping_frames(scene))), "test images": str(len(split_frames(scene, "test")))}

    def build(preset: str, seed: int) -> tuple[Path, int, float | None]:
        kept = kept_map(
            scene,
            task.output / f"{preset}-{seed}.trig",
            preset=preset,
            overrides=task.overrides,
            holdout=task.holdout,
            seed=seed,
            device=task.device,
        )
        return kept.path, kept.bytes, kept.seconds

    def judge(path: Path) -> Evaluation:
        return evaluate_map(
            path, task.scene, thresholds=task.thresholds, format=task.format, skip_invalid=task.skip_invalid
        ).evaluation

    trials = run_trials(task.presets, task.seeds, build, judge)
    facts = {
        "task": {
            "scene": task.scene.resolve().name,
            **counts,
            "holdout": task.holdout or "the scene's own",
            "seeds": ", ".join(map(str, task.seeds)),
            "changed settings": ", ".join(task.overrides) or "none",
        },
        "machine": machine_facts(),
    }
    return [Summary.of(preset, trials) for preset in task.presets], facts
