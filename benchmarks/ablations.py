"""What each ingredient of GLACE and R-SCoRe is worth here: maps with and without it, side by side.

    python benchmarks/ablations.py --data DIR [--sets bonsai_colmap] [--only neighbour] [--set optimizer.steps=750]

Prints one line a map, as posed_sets.py does, after the name of the variant; ``k`` is measured on one map with different
numbers of hypotheses.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from posed_sets import announce, build, line, measured
from sets import NAMES

from trigpoint.core.artifact import write_json
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import load_map, save_map

# Name of the variant: preset, what is changed.
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "glace": ("glace-compact", ()),
    "glace without feature diffusion": ("glace-compact", ("global_encoding.noise=0",)),
    "glace with position decoder": ("glace-compact", ("head.clusters=20",)),
    "rscore": ("rscore-compact", ()),
    "rscore with retrieval descriptors": ("rscore-compact", ("global_encoding.kind=descriptor",)),
    "rscore with spectral codes": ("rscore-compact", ("global_encoding.embedding=spectral",)),
    "rscore without neighbour sampling": ("rscore-compact", ("global_encoding.neighbour_fraction=0",)),
    "rscore without depth adjustment": ("rscore-compact", ("refinement.depth_sigma=0",)),
    "rscore without refiner": ("rscore-compact", ("refinement=none",)),
    "trig-network": ("trig-network", ()),
    "trig without landmarks": ("trig-network", ("supervision=none",)),
    "trig with all keypoints": ("trig-network", ("supervision.min_samples=0",)),
    "trig without codes": ("trig-network", ("global_encoding=none",)),
    "trig without neighbour sampling": ("trig-network", ("global_encoding.neighbour_fraction=0",)),
    "trig without depth adjustment": ("trig-network", ("loss.depth_sigma=0",)),
}
HYPOTHESES = (1, 5, 10)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--sets", nargs="+", default=["bonsai_colmap"], choices=NAMES)
    parser.add_argument("--only", nargs="+", default=[""], help="variants whose names contain one of these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="for all variants")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    announce(arguments.overrides)
    chosen = {name: value for name, value in VARIANTS.items() if any(part in name for part in arguments.only)}
    rows = []
    for name in arguments.sets:
        for variant, (preset, changes) in chosen.items():
            for seed in arguments.seeds:
                with tempfile.TemporaryDirectory() as folder:
                    built = build(
                        arguments.data, name, preset, seed, Path(folder), overrides=(*arguments.overrides, *changes)
                    )
                    scene_map = load_map(built.path)
                    for count in HYPOTHESES if variant in ("rscore", "trig-network") else (None,):
                        if count is not None:
                            config = resolve_config(scene_map.config, [f"global_encoding.hypotheses={count}"])
                            save_map(replace(scene_map, config=config), built.path)
                        label = variant if count is None else f"{variant}, k = {count}"
                        row = {"variant": label, **measured(built, arguments.data, negatives=0)}
                        rows.append(row)
                        print(f"{row['variant']}: {line(row)}", flush=True)
                if arguments.json:
                    write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
