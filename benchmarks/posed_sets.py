"""Map and evaluate the real posed sets, and show photos of other places to each map.

    python benchmarks/posed_sets.py --data DIR [--sets redkitchen_ace fox_nerfstudio] [--seeds 0 1 2] [--json FILE]

Prints one line a set and seed: mapping time from photos to file, accuracy, time of a photo of the place and of another
place, and how many photos of other places were accepted. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import trigpoint
from trigpoint.core.artifact import write_json
from trigpoint.core.image import IMAGE_SUFFIXES, image_size
from trigpoint.data.readers import open_scene
from trigpoint.evaluation.map_evaluation import evaluate_map
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import DEFAULT_PRESET
from trigpoint.pipeline import build_map


@dataclass(frozen=True)
class PosedSet:
    """A set with the split and the threshold that its results are reported at."""

    name: str
    holdout: str | None
    threshold: str


SETS = {
    item.name: item
    for item in (
        PosedSet("redkitchen_ace", None, "0.05,5"),
        PosedSet("fox_nerfstudio", "every:5:2", "0.1,2"),
        PosedSet("bonsai_colmap", "every:8:0", "0.32,3"),
    )
}
OTHER_PLACES = ("redkitchen_ace", "fox_nerfstudio", "bonsai_colmap", "ie_tower_retrieval", "sacre_coeur_unposed")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--preset", default=DEFAULT_PRESET)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--strangers", type=int, default=100, help="photos of each other place")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(
        f"trigpoint {trigpoint.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{platform.machine()}, preset {arguments.preset} {' '.join(arguments.overrides)}"
    )
    rows = [run(arguments, SETS[name], seed) for name in arguments.sets for seed in arguments.seeds]
    if arguments.json:
        write_json(arguments.json, rows)


def run(arguments: argparse.Namespace, posed: PosedSet, seed: int) -> dict[str, Any]:
    """One set, one seed."""
    place = arguments.data / posed.name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.trig"
        began = time.monotonic()
        scene = open_scene(place)
        build = build_map(
            scene, path, preset=arguments.preset, overrides=arguments.overrides, holdout=posed.holdout, seed=seed
        )
        mapping_s = time.monotonic() - began
        evaluation = evaluate_map(path, place, thresholds=(posed.threshold,)).evaluation
        strangers = localize_strangers(Localizer.load(path), arguments.data, posed.name, arguments.strangers)
    document = evaluation.to_json()
    document.pop("frames")
    row = {"set": posed.name, "seed": seed, "mapping_s": mapping_s, "map_bytes": build.bytes, **document, **strangers}
    recall = document["recall"][0]["share"]
    print(
        f"{posed.name} seed {seed}: {mapping_s:.0f} s, {build.bytes / 1e6:.2f} MB, "
        f"median {document['median_translation']:.4f} {document['units']} {document['median_rotation_deg']:.2f} deg, "
        f"{recall:.1%} within {posed.threshold}, {document['counts']['ok']}/{document['photos']} ok, "
        f"{document['wrong_ok']} ok but wrong, {document['median_ms']:.0f} ms a photo; "
        f"other places: {strangers['strangers_accepted']}/{strangers['strangers']} accepted, "
        f"{strangers['strangers_median_ms']:.0f} ms",
        flush=True,
    )
    return row


def localize_strangers(localizer: Localizer, data: Path, own: str, count: int) -> dict[str, Any]:
    """Photos of all other places, evenly chosen, with a guessed focal length."""
    accepted, times = [], []
    for name in OTHER_PLACES:
        photos = [path for path in sorted((data / name).rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
        chosen = np.unique(np.linspace(0, len(photos) - 1, count).astype(int)) if name != own and photos else []
        for index in chosen:
            width, height = image_size(photos[index])
            camera = trigpoint.Camera.pinhole(width, height, guess_focal_px(width, height))
            began = time.perf_counter()
            answer = localizer.localize(photos[index], camera=camera)
            times.append(1e3 * (time.perf_counter() - began))
            if answer.status == "ok":
                accepted.append(str(photos[index].relative_to(data)))
    return {
        "strangers": len(times),
        "strangers_accepted": len(accepted),
        "accepted": accepted,
        "strangers_median_ms": float(np.median(times)),
    }


if __name__ == "__main__":
    main()
