"""Several presets on one scene, each with several seeds: the trials and what they come to."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigpoint.core.errors import ConfigError, TrigpointError
from trigpoint.evaluation.metrics import finite_or_none
from trigpoint.evaluation.results import Evaluation

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Range:
    """The median of some values, and the smallest and largest of them."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Range | None:
        """None when there are no values."""
        return Range(statistics.median(values), min(values), max(values)) if values else None

    def to_json(self) -> dict[str, float | None]:
        """Plain values for JSON; infinite ones become null."""
        return {key: finite_or_none(value) for key, value in vars(self).items()}


@dataclass(frozen=True, eq=False)
class Trial:
    """One map and its evaluation.

    Attributes:
        preset, seed: of the map.
        map_bytes: size of the map file, bytes; None if there is none.
        mapping_seconds: None if it is not known.
        evaluation: None if something failed.
        problem: what failed.
    """

    preset: str
    seed: int
    map_bytes: int | None = None
    mapping_seconds: float | None = None
    evaluation: Evaluation | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON, without the preset and the single images."""
        evaluation = None if self.evaluation is None else self.evaluation.numbers_json()
        numbers = {name: getattr(self, name) for name in ("seed", "map_bytes", "mapping_seconds", "problem")}
        return {**numbers, "evaluation": evaluation}


# (map file, its size, mapping seconds or None) of a preset and a seed.
Build = Callable[[str, int], tuple[Path, int, float | None]]


def run_trials(
    presets: Sequence[str], seeds: Sequence[int], build: Build, judge: Callable[[Path], Evaluation]
) -> list[Trial]:
    """Build and evaluate each preset with each seed. What fails becomes the ``problem`` of its trial.

    Args:
        presets: different names.
        seeds: different numbers.
        build: makes a map.
        judge: evaluates a map file.
    """
    trials: list[Trial] = []
    for preset in presets:
        for seed in seeds:
            _LOGGER.info(f"preset {preset}, seed {seed}")
            trials.append(_run_trial(preset, seed, build, judge))
            if trials[-1].problem:
                _LOGGER.warning(trials[-1].problem)
    return trials


def _run_trial(preset: str, seed: int, build: Build, judge: Callable[[Path], Evaluation]) -> Trial:
    trial = Trial(preset, seed)
    try:
        path, size, seconds = build(preset, seed)
        trial = Trial(preset, seed, size, seconds)
        return Trial(preset, seed, size, seconds, judge(path))
    except TrigpointError as error:
        problem = str(error)
    # Hours of the other presets must not be lost because one runs out of memory, or has a bug.
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    return Trial(preset, seed, trial.map_bytes, trial.mapping_seconds, problem=" ".join(problem.split()))


def check_choice(presets: Sequence[str], seeds: Sequence[int]) -> None:
    """Refuse lists that are no comparison.

    Raises:
        ConfigError: a preset that is named twice, or none (TP-763); the same for seeds (TP-764).
    """
    if not presets or len(set(presets)) < len(presets):
        raise ConfigError(
            "TP-763",
            "a preset is named twice" if presets else "no preset is named",
            where="--presets",
            fix="Name each preset once, such as --presets ace-compact trig.",
        )
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(
            "TP-764",
            "a seed is given twice" if seeds else "no seed is given",
            where="--seeds",
            fix="Give different numbers, such as --seeds 0 1 2.",
        )


@dataclass(frozen=True, eq=False)
class Summary:
    """The trials of one preset, those that failed included, and what they come to."""

    preset: str
    trials: tuple[Trial, ...]

    @staticmethod
    def of(preset: str, trials: Sequence[Trial]) -> Summary:
        """Of the trials of this preset among others."""
        return Summary(preset, tuple(trial for trial in trials if trial.preset == preset))

    def evaluations(self) -> list[Evaluation]:
        """Of the trials that worked."""
        return [trial.evaluation for trial in self.trials if trial.evaluation is not None]

    def problems(self) -> list[str]:
        """What failed, a line each."""
        return [f"{self.preset}, seed {trial.seed}: {trial.problem}" for trial in self.trials if trial.problem]

    def recall(self) -> list[Range]:
        """Fraction of all images within each threshold, every pose counted; empty where nothing was evaluated."""
        fractions = zip(*(evaluation.recall() for evaluation in self.evaluations()), strict=True)
        return [values for part in fractions if (values := Range.of(part)) is not None]

    def ranges(self) -> dict[str, Range | None]:
        """The median errors (unit of the scene, degrees), sizes (bytes) and times (s, ms); None where nothing is known."""
        evaluations = self.evaluations()
        values: dict[str, list[float | None]] = {
            "translation": [evaluation.medians().translation for evaluation in evaluations],
            "rotation_deg": [evaluation.medians().rotation_deg for evaluation in evaluations],
            "map_bytes": [trial.map_bytes for trial in self.trials],
            "mapping_seconds": [trial.mapping_seconds for trial in self.trials],
            "image_ms": [evaluation.median_ms() for evaluation in evaluations],
        }
        return {name: Range.of([value for value in part if value is not None]) for name, part in values.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; infinite and unknown ones are null."""
        return {
            "preset": self.preset,
            "recall": [fractions.to_json() for fractions in self.recall()],
            **{name: None if values is None else values.to_json() for name, values in self.ranges().items()},
            "trials": [trial.to_json() for trial in self.trials],
        }
