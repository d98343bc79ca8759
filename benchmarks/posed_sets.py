"""Presets side by side on the real posed sets, alone and integrated, with photos of other places shown to each map.

    python benchmarks/posed_sets.py --data DIR [--presets trig ...] [--sets redkitchen_ace ... integrated] [--seeds 0 1 2]

Prints one line a map: time from photos to file, accuracy, size, time of a photo of the place and of another place, how many
photos of other places were accepted, expected calibration error. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from sets import NAMES, place_of_set, recalls, strangers, trust

import trigpoint
from trigpoint.core.artifact import write_json
from trigpoint.data.readers import open_scene
from trigpoint.evaluation.map_evaluation import evaluate_map
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import DEFAULT_PRESET
from trigpoint.pipeline import build_map


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--presets", nargs="+", default=[DEFAULT_PRESET])
    parser.add_argument("--sets", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--strangers", type=int, default=200, help="photos of each other place")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(
        f"trigpoint {trigpoint.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{platform.machine()} {' '.join(arguments.overrides)}"
    )
    rows = []
    for name in arguments.sets:
        for preset in arguments.presets:
            for seed in arguments.seeds:
                rows.append(run(arguments, name, preset, seed))
                if arguments.json:
                    write_json(arguments.json, rows)


def run(arguments: argparse.Namespace, name: str, preset: str, seed: int) -> dict[str, Any]:
    """One set, one preset, one seed."""
    with tempfile.TemporaryDirectory() as folder:
        place, holdout = place_of_set(arguments.data, name, Path(folder))
        path = Path(folder) / "map.trig"
        began = time.monotonic()
        build = build_map(open_scene(place), path, preset=preset, overrides=arguments.overrides, holdout=holdout, seed=seed)
        mapping_s = time.monotonic() - began
        evaluation = evaluate_map(path, place).evaluation
        others = strangers(Localizer.load(path), arguments.data, name, arguments.strangers)
    document = evaluation.to_json()
    row = {
        "set": name,
        "preset": preset,
        "seed": seed,
        "mapping_s": mapping_s,
        "stages_s": build.seconds,
        "map_bytes": build.bytes,
        "recalls": recalls(arguments.data, name, evaluation),
        **{
            key: document[key]
            for key in ("median_translation", "median_rotation_deg", "units", "counts", "photos", "median_ms")
        },
        **trust(evaluation, others),
    }
    print(line(row), flush=True)
    return row


def line(row: dict[str, Any]) -> str:
    """A row in words."""
    shares = ", ".join(f"{share:.1%}" for share in row["recalls"].values())
    return (
        f"{row['set']} {row['preset']} seed {row['seed']}: {row['mapping_s']:.0f} s, {row['map_bytes'] / 1e6:.2f} MB, "
        f"median {row['median_translation']:.4f} {row['units']} {row['median_rotation_deg']:.2f} deg, recall {shares}, "
        f"{row['counts']['ok']}/{row['photos']} ok, {row['wrong_ok']} of them wrong, {row['median_ms']:.0f} ms a photo; "
        f"other places: {row['strangers_accepted']}/{row['strangers']} accepted, {row['strangers_median_ms']:.0f} ms; "
        f"true accepts at 0.1 % false {row['true_accepts']:.1%}, calibration error {row['expected_calibration_error']:.3f}"
    )


if __name__ == "__main__":
    main()
