"""Presets side by side on one scene: a map and an evaluation for each preset and seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trigpoint.build.context import BuildControl
from trigpoint.build.kept_maps import kept_map
from trigpoint.build.pipeline import mapping_frames
from trigpoint.core.interrupt import stop_on_signals
from trigpoint.core.scene import Scene
from trigpoint.diagnosis.pose_verdict import require_fitting_poses
from trigpoint.evaluation.circumstances import machine_facts
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.evaluation.learned import refuse_learned
from trigpoint.evaluation.metrics import Threshold
from trigpoint.evaluation.results import Evaluation
from trigpoint.evaluation.splits import split_frames
from trigpoint.evaluation.trials import Summary, check_choice, run_trials
from trigpoint.mapping.learned_images import LearnedImages
from trigpoint.mapping.presets import resolve_config


@dataclass(frozen=True)
class ComparisonTask:
    """What to compare.

    Attributes:
        presets: names of recipes.
        seeds: of the maps of each preset.
        overrides: changed settings of all recipes, ``"section.setting=value"`` each.
        thresholds: for the recall; none: the defaults for the scene.
        device: to map with; None: CUDA if there is one. Images are localized on the CPU.
    """

    presets: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    device: str | None = None

    def check(self) -> None:
        """Refuse what is no comparison before anything is built.

        Raises:
            ConfigError: TP-763, TP-764, and as ``resolve_config``.
        """
        check_choice(self.presets, self.seeds)
        for preset in self.presets:
            resolve_config(preset, self.overrides)


def run_comparison(scene: Scene, output: Path, task: ComparisonTask) -> tuple[list[Summary], dict[str, dict[str, str]]]:
    """Build what is missing in ``OUTPUT/PRESET-SEED.trig`` and evaluate everything; (a summary for each preset, facts).

    Raises:
        TrigpointError: the scene cannot be mapped or has no test images.
        Interrupted: stopped on request; finished maps stay and the same task continues.
    """
    frames, tested = mapping_frames(scene), split_frames(scene, "test")
    counts = {"mapping images": len(frames), "test images": len(tested)}

    # Before the first preset, not in each of them.
    require_fitting_poses(scene, frames)
    refuse_learned(tested, LearnedImages.of(frames), scene.root)

    def build(preset: str, seed: int) -> tuple[Path, int, float | None]:
        path, config = output / f"{preset}-{seed}.trig", resolve_config(preset, task.overrides)
        with stop_on_signals() as stop:
            control = BuildControl(stop=stop)
            built = kept_map(scene, path, config=config, seed=seed, device=task.device, control=control)
        return built.path, built.bytes, built.seconds

    def judge(path: Path) -> Evaluation:
        return evaluate(path, scene, thresholds=task.thresholds)

    trials = run_trials(task.presets, task.seeds, build, judge)
    facts = {
        "task": {
            "scene": scene.root.resolve().name,
            **{label: str(count) for label, count in counts.items()},
            "holdout": scene.holdout or "the scene's own",
            "seeds": ", ".join(map(str, task.seeds)),
            "changed settings": ", ".join(task.overrides) or "none",
        },
        "machine": machine_facts(),
    }
    return [Summary.of(preset, trials) for preset in task.presets], facts
