"""How far `ok` can be trusted when images change: light, blur, noise, compression, crops, turns, wrong cameras.

    python benchmarks/light.py --data DIR --maps FOLDER [--sets redkitchen_ace ...] [--presets trig ...] [--images 20]

Maps are taken from the folder (SET-PRESET-SEED.trig) or built into it. Test images of each set, evenly chosen, go through
each change of ``changes.py`` and are localized. Wrong is beyond 0.5 m (metric sets) or 5 % of the extent of the mapping
cameras, or 10 deg; answers that are `ok` and wrong are counted by how many times the bound they are off. *Right* counts
all answers within the bound, *of them ok* is what the verdict keeps of these.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from changes import CHANGES, Query
from posed_sets import announce
from sets import SINGLE

from trigpoint.build.pipeline import build_map
from trigpoint.core.artifact import write_json
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.localization import OK
from trigpoint.core.scene import Frame, Scene
from trigpoint.evaluation.metrics import pose_errors
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.own_images import wrong_distance
from trigpoint.mapping.presets import DEFAULT_PRESET, resolve_config

SETS = {posed.name: posed.holdout for posed in SINGLE}
_WRONG_DEG = 10.0
# Wrong answers are counted up to these multiples of the bound.
_SIZES = (2.0, 5.0, np.inf)


@dataclass(frozen=True)
class Row:
    """Answers about the images of one set under one change.

    Attributes:
        set: folder of the set.
        preset: of the map.
        seed: of the map.
        change: what was done to the images.
        images: how many.
        right: answers with a pose within the bound.
        right_ok: those of them that are ``ok``.
        wrong_ok: answers that are ``ok`` and beyond the bound: up to 2, up to 5, and more times.
        cpu_ms: processor time of an image, all threads, ms.
    """

    set: str
    preset: str
    seed: int
    change: str
    images: int
    right: int
    right_ok: int
    wrong_ok: tuple[int, ...]
    cpu_ms: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--maps", type=Path, default=Path("out/light"))
    parser.add_argument("--presets", nargs="+", default=[DEFAULT_PRESET])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=CHANGES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--images", type=int, default=20, help="test images of each set, evenly chosen")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.maps.mkdir(parents=True, exist_ok=True)
    announce([])
    rows: list[Row] = []
    for name in arguments.sets:
        scene = open_scene(arguments.data / name, holdout=SETS[name])
        for preset in arguments.presets:
            for seed in arguments.seeds:
                localizer = Localizer.load(map_of(arguments.maps, scene, preset, seed))
                for change in arguments.changes:
                    rows.append(measured(localizer, scene, change, arguments.images, (name, preset, seed)))
                    print(line(rows[-1]), flush=True)
                    if arguments.json:
                        write_json(arguments.json, [asdict(row) for row in rows])
    print(table(rows, arguments.changes))


def map_of(folder: Path, scene: Scene, preset: str, seed: int) -> Path:
    """The map of a scene; built if it is not there."""
    path = folder / f"{scene.root.name}-{preset}-{seed}.trig"
    if not path.exists():
        build_map(scene, path, config=resolve_config(preset), seed=seed)
    return path


def measured(localizer: Localizer, scene: Scene, change: str, images: int, labels: tuple[str, str, int]) -> Row:
    """Localize the changed test images of a scene."""
    bound = wrong_distance(scene.for_mapping(), metric=scene.metric)
    assert bound is not None  # the cameras of a set stand at several spots
    frames = scene.subset("test").posed()
    chosen = [frames[index] for index in evenly(len(frames), images).tolist()]
    right = right_ok = 0
    wrong_ok = [0] * len(_SIZES)
    seconds = 0.0
    for frame in chosen:
        query = CHANGES[change](query_of(frame))
        began = time.process_time()
        answer = localizer.localize(query.pixels, camera=query.camera)
        seconds += time.process_time() - began
        if answer.cam_from_world is None:
            continue
        error = pose_errors(answer.cam_from_world, query.cam_from_world)
        excess = max(error.translation / bound, error.rotation_deg / _WRONG_DEG)
        if excess <= 1:
            right += 1
            right_ok += answer.status == OK
        elif answer.status == OK:
            wrong_ok[next(index for index, size in enumerate(_SIZES) if excess <= size)] += 1
    return Row(*labels, change, len(chosen), right, right_ok, tuple(wrong_ok), 1000 * seconds / len(chosen))


def query_of(frame: Frame) -> Query:
    """A test image with its true camera."""
    image = read_image(frame.image_path, color=True)
    assert image.rgb is not None
    return Query(frame.name, image.rgb, frame.camera, frame.pose())


def line(row: Row) -> str:
    """A row in words."""
    return (
        f"{row.set} {row.preset} seed {row.seed}, {row.change}: {row.right}/{row.images} right, {row.right_ok} of them ok; "
        f"ok and wrong {'/'.join(str(count) for count in row.wrong_ok)}; {row.cpu_ms:.0f} ms"
    )


def table(rows: Sequence[Row], changes: Iterable[str]) -> str:
    """All sets, presets and seeds together, one line a change, as Markdown."""
    lines = [
        "| change | images | right | of them `ok` | `ok` and wrong, up to 2, 5, more times the bound |",
        "|---|---|---|---|---|",
    ]
    for change in changes:
        chosen = [row for row in rows if row.change == change]
        images, right = sum(row.images for row in chosen), sum(row.right for row in chosen)
        kept = sum(row.right_ok for row in chosen)
        wrong = ", ".join(str(sum(row.wrong_ok[index] for row in chosen)) for index in range(len(_SIZES)))
        lines.append(f"| {change} | {images} | {right / images:.0%} | {kept / max(right, 1):.0%} | {wrong} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
