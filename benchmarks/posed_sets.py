"""Presets side by side on the real posed sets, alone and integrated, with images of other scenes shown to each map.

    python benchmarks/posed_sets.py --data DIR [--presets trig ...] [--sets redkitchen_ace ... integrated] [--seeds 0 1 2]

Prints one line a map: time from images to file, accuracy, size, time of an image of the scene and of another scene, how many
images of other scenes were accepted, expected calibration error. Nothing else should run on the machine; processor time
(all threads together) hardly depends on that.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sets import NAMES, negatives_of, recalls, scene_of_set, trust

import trigpoint
from trigpoint.build.pipeline import build_map
from trigpoint.core.artifact import write_json
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import DEFAULT_PRESET, resolve_config


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--presets", nargs="+", default=[DEFAULT_PRESET])
    parser.add_argument("--sets", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--fast", action="store_true", help="as trigpoint map --fast")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--negatives", type=int, default=200, help="images of each other scene")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    announce(["fast"] * arguments.fast + arguments.overrides)
    rows = []
    for name in arguments.sets:
        for preset in arguments.presets:
            for seed in arguments.seeds:
                rows.append(run(arguments, name, preset, seed))
                if arguments.json:
                    write_json(arguments.json, rows)


def announce(changes: Sequence[str]) -> None:
    """Print what is measured on what."""
    print(
        f"trigpoint {trigpoint.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{platform.machine()} {' '.join(changes)}"
    )


@dataclass(frozen=True)
class Built:
    """A map of a set and what it took.

    Attributes:
        numbers: set, preset, seed, seconds and bytes.
        path: the map.
        scene: what was mapped.
    """

    numbers: dict[str, Any]
    path: Path
    scene: Path


def run(arguments: argparse.Namespace, name: str, preset: str, seed: int) -> dict[str, Any]:
    """One set, one preset, one seed."""
    with tempfile.TemporaryDirectory() as folder:
        built = build(arguments.data, name, preset, seed, Path(folder), overrides=arguments.overrides, fast=arguments.fast)
        row = measured(built, arguments.data, arguments.negatives)
    print(line(row), flush=True)
    return row


def build(
    data: Path, name: str, preset: str, seed: int, folder: Path, *, overrides: Sequence[str] = (), fast: bool = False
) -> Built:
    """Map a set."""
    scene, holdout = scene_of_set(data, name, folder)
    path, config = folder / "map.trig", resolve_config(preset, overrides, fast=fast)
    began, cpu_began = time.monotonic(), time.process_time()
    result = build_map(open_scene(scene, holdout=holdout), path, config=config, seed=seed)
    numbers = {
        "set": name,
        "preset": preset,
        "seed": seed,
        "mapping_s": time.monotonic() - began,
        "mapping_cpu_s": time.process_time() - cpu_began,
        "stages_s": result.seconds,
    }
    return Built(numbers, path, scene)


def measured(built: Built, data: Path, negatives: int) -> dict[str, Any]:
    """Localize the test images of a map and so many images of each other scene."""
    evaluation = evaluate(built.path, built.scene)
    name = built.numbers["set"]
    others = negatives_of(Localizer.load(built.path), data, name, negatives)
    document = evaluation.to_json()
    keys = ("median_translation", "median_rotation_deg", "units", "counts", "images", "median_ms")
    return {
        **built.numbers,
        "map_bytes": built.path.stat().st_size,
        "recalls": recalls(data, name, evaluation),
        **{key: document[key] for key in keys},
        **trust(evaluation, others),
    }


def line(row: dict[str, Any]) -> str:
    """A row in words."""
    fractions = ", ".join(f"{fraction:.1%}" for fraction in row["recalls"].values())
    return (
        f"{row['set']} {row['preset']} seed {row['seed']}: {row['mapping_s']:.0f} s "
        f"({row['mapping_cpu_s']:.0f} s of processor), {row['map_bytes'] / 1e6:.2f} MB, "
        f"median {row['median_translation']:.4f} {row['units']} {row['median_rotation_deg']:.2f} deg, recall {fractions}, "
        f"{row['counts']['ok']}/{row['images']} ok, {row['wrong_ok']} of them wrong, {row['median_ms']:.0f} ms an image; "
        f"other scenes: {row['false_accepts']}/{row['negatives']} accepted, {row['negatives_median_ms']:.0f} ms; "
        f"true accepts at 0.1 % false {row['true_accepts']:.1%}, calibration error {row['expected_calibration_error']:.3f}"
    )


if __name__ == "__main__":
    main()
