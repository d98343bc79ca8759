"""Accuracy over bytes: networks, landmarks, both, and the published methods at the size for two cores, on every set.

    python benchmarks/bytes.py --data DIR --json FILE [--sets redkitchen_ace ...] [--only landmarks ...] [--seeds 0 1 2]
    python benchmarks/bytes.py --json FILE --draw FIGURE.svg

Each map is built and evaluated on the test images of its set; FILE holds one row a map, and a second run adds those that are
not in it. Processor time is that of all threads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from posed_sets import announce, build
from sets import NAMES, recalls

from trigpoint.core.artifact import write_json, write_text
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.report.chart_frame import HEIGHT, WIDTH, LogAxis, chart, y

_BUDGETS_KB = (26, 50, 100, 250, 500, 1000)
# Name of the curve: preset and changes of each of its maps.
CURVES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "landmarks": tuple(("direct", (f"budget_kb={budget}",)) for budget in _BUDGETS_KB),
    "hierarchical": (("hierarchical-compact", ()), ("hierarchical", ())),
    "network": tuple(("ace-compact", (f"head.width={width}",)) for width in (64, 128, 256, 512)),
    "trig": (("trig", ()),),
    "glace": (("glace-compact", ()),),
    "rscore": (("rscore-compact", ()),),
    "poker": (("poker-compact", ()),),
}
_COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#000000", "#009e73", "#cc79a7", "#e69f00")
_COLUMNS = 3


@dataclass(frozen=True)
class Row:
    """A map and its test images.

    Attributes:
        set: folder of the set.
        curve: key in ``CURVES``.
        preset, changes, seed: of the map.
        bytes: size of the file.
        mapping_cpu_s: processor time of the build, s.
        query_cpu_ms: processor time of a test image, ms.
        median: median error of the positions, in units of the set.
        median_deg: median error of the orientations.
        recall: fraction of the images within the threshold of the set.
        ok: number of answers that are ``ok``, of ``images``.
    """

    set: str
    curve: str
    preset: str
    changes: list[str]
    seed: int
    bytes: int
    mapping_cpu_s: float
    query_cpu_ms: float
    median: float | None
    median_deg: float | None
    recall: float
    ok: int
    images: int


def main() -> None:
    """Run the benchmark, or draw what it measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--only", nargs="+", default=list(CURVES), choices=CURVES, help="curves")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--draw", type=Path)
    arguments = parser.parse_args()
    rows = [Row(**row) for row in json.loads(arguments.json.read_text())] if arguments.json.exists() else []
    if arguments.draw:
        write_text(arguments.draw, figure(rows))
        return
    announce([])
    known = {(row.set, row.preset, tuple(row.changes), row.seed) for row in rows}
    for name in arguments.sets:
        for curve in arguments.only:
            for preset, changes in CURVES[curve]:
                for seed in arguments.seeds:
                    if (name, preset, changes, seed) not in known:
                        rows.append(measured(arguments.data, name, curve, (preset, changes, seed)))
                        print(line(rows[-1]), flush=True)
                        write_json(arguments.json, [asdict(row) for row in rows])


def measured(data: Path, name: str, curve: str, recipe: tuple[str, tuple[str, ...], int]) -> Row:
    """Build a map of a set with a preset, changes and a seed, and localize its test images."""
    preset, changes, seed = recipe
    with tempfile.TemporaryDirectory() as folder:
        built = build(data, name, preset, seed, Path(folder), overrides=changes)
        began = time.process_time()
        evaluation = evaluate(built.path, built.scene)
        seconds = time.process_time() - began
        size = built.path.stat().st_size
    numbers = evaluation.to_json()
    within = recalls(data, name, evaluation)
    return Row(
        set=name,
        curve=curve,
        preset=preset,
        changes=list(changes),
        seed=seed,
        bytes=size,
        mapping_cpu_s=round(built.numbers["mapping_cpu_s"], 1),
        query_cpu_ms=round(1000 * seconds / numbers["images"], 1),
        median=numbers["median_translation"],
        median_deg=numbers["median_rotation_deg"],
        recall=min(within.values()),
        ok=numbers["counts"]["ok"],
        images=numbers["images"],
    )


def line(row: Row) -> str:
    """A row in words."""
    error = "no pose in the median" if row.median is None else f"{row.median:.4g} units, {row.median_deg:.2f} deg"
    return (
        f"{row.set} {row.preset} {' '.join(row.changes)} seed {row.seed}: {row.bytes / 1000:.0f} KB, {error}, "
        f"{row.recall:.1%} within the threshold, {row.ok}/{row.images} ok; {row.mapping_cpu_s:.0f} s of processor to build, "
        f"{row.query_cpu_ms:.0f} ms an image"
    )


def figure(rows: Sequence[Row]) -> str:
    """A panel for each set: median error of the positions over the size of the file, both logarithmic, a line a curve."""
    sets = list(dict.fromkeys(row.set for row in rows))
    pitch = HEIGHT + 30
    panels = [
        f'<svg x="{index % _COLUMNS * WIDTH}" y="{index // _COLUMNS * pitch + 24}" width="{WIDTH}" height="{HEIGHT}">'
        f"{_panel([row for row in rows if row.set == name])}</svg>"
        f'<text x="{index % _COLUMNS * WIDTH + WIDTH / 2}" y="{index // _COLUMNS * pitch + 18}" '
        f'text-anchor="middle" font-weight="bold">{name}</text>'
        for index, name in enumerate(sets)
    ]
    high = math.ceil(len(sets) / _COLUMNS) * pitch + 30
    legend = "".join(
        f'<path style="stroke:{colour}" d="M{20 + 150 * index} {high - 12}h20"/>'
        f'<text x="{46 + 150 * index}" y="{high - 8}">{name}</text>'
        for index, (name, colour) in enumerate(_coloured())
    )
    style = (
        "svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#444}path{fill:none;stroke-width:2}"
        ".grid{stroke:#ddd;stroke-width:1}.tick{stroke:#666;stroke-width:1}"
    )
    width = _COLUMNS * WIDTH
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {high}"><style>{style}</style>'
        f"{''.join(panels)}{legend}</svg>\n"
    )


def _panel(rows: Sequence[Row]) -> str:
    """The chart of one set."""
    errors = [row.median for row in rows if row.median is not None]
    low, high = min(errors) / 1.5, max(errors) * 1.5
    sizes = LogAxis(
        min(row.bytes for row in rows) / 1500,
        max(row.bytes for row in rows) / 700,
        lambda kb: f"{kb:g} KB",
        "size of the map",
    )
    content = "".join(
        _curve(_points([row for row in rows if row.curve == name], sizes, (low, high)), colour)
        for name, colour in _coloured()
    )
    label = "Median error of the positions over the size of the map"
    return chart(sizes, label, content, lambda fraction: f"{low * (high / low) ** fraction:.2g}")


def _points(rows: Iterable[Row], sizes: LogAxis, errors: tuple[float, float]) -> list[tuple[float, float]]:
    """Where the maps are, px: one for each recipe, its worst seed."""
    worst: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (row.preset, *row.changes)
        if key not in worst or (row.median or math.inf) > (worst[key].median or math.inf):
            worst[key] = row
    low, high = errors
    return sorted(
        (sizes.x(row.bytes / 1000), y(math.log(min(row.median or high, high) / low) / math.log(high / low)))
        for row in worst.values()
    )


def _curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    """A line through (x, y) points, px, and a dot at each."""
    if not points:
        return ""
    path = "L".join(f"{x:.1f} {height:.1f}" for x, height in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{height:.1f}" r="4" fill="{colour}"/>' for x, height in points)
    return f'<path style="stroke:{colour}" d="M{path}"/>{dots}'


def _coloured() -> Iterable[tuple[str, str]]:
    """Each curve with its colour."""
    return zip(CURVES, _COLOURS, strict=True)


if __name__ == "__main__":
    main()
