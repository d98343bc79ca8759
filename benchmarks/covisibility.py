"""Measure the covisibility graph and its codes on real poses.

    python benchmarks/covisibility.py --data DIR [--sets redkitchen_poses bonsai_colmap] [--methods published frustum]

Prints for each set and method the depth range, time, peak memory and edges of the graph, and time and average precision of
its codes: how well the distance between two codes tells whether there is an edge. Peak memory is that of the whole process
so far, so name one set and one method where it matters.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trigpoint.core.artifact import write_json
from trigpoint.core.camera import Camera
from trigpoint.core.errors import MappingError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.covisibility.graph import METHODS, CovisibilityGraph, Method, build_graph
from trigpoint.covisibility.node2vec import node2vec_codes
from trigpoint.covisibility.quality import average_precision
from trigpoint.covisibility.spectral import spectral_codes
from trigpoint.formats.readers import open_scene

SETS = ("redkitchen_ace", "bonsai_colmap", "fox_nerfstudio", "redkitchen_poses")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIGPOINT_DATA", ".")))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--threshold", type=float, default=0.2)
    parser.add_argument("--direction-weight", action="store_true")
    parser.add_argument("--dims", nargs="*", type=int, default=[64, 256], help="lengths of codes; none: only the graph")
    parser.add_argument("--codes", nargs="+", default=["spectral", "node2vec"], choices=["spectral", "node2vec"])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    rows = [run(arguments, name, method) for name in arguments.sets for method in arguments.methods]
    if arguments.json:
        write_json(arguments.json, [row for row in rows if row])


def run(arguments: argparse.Namespace, name: str, method: Method) -> dict[str, Any]:
    """One set, one method."""
    scene = read(arguments.data / name)
    began, cpu = time.monotonic(), time.process_time()
    try:
        graph = build_graph(scene, method=method, threshold=arguments.threshold, direction_weight=arguments.direction_weight)
    except MappingError as error:
        print(f"{name} {method}: {error}")
        return {}
    row: dict[str, Any] = {"set": name, "method": method, "images": len(graph), "edges": graph.edges}
    row |= {"graph_s": time.monotonic() - began, "graph_cpu_s": time.process_time() - cpu, "peak_mb": peak_mb()}
    depths = f"{graph.depths.near:.2f} to {graph.depths.far:.2f} ({graph.depths.source})" if graph.depths else "none"
    print(
        f"{name} {method} {arguments.threshold}: {len(graph)} images, depths {depths}, {graph.samples} samples, "
        f"{row['graph_s']:.1f} s ({row['graph_cpu_s']:.1f} s CPU), peak {row['peak_mb']:.0f} MB, {graph.edges} edges, "
        f"{graph.degrees().mean():.0f} neighbours, {len(graph.isolated())} isolated, "
        f"{graph.components().max() + 1} components",
        flush=True,
    )
    row["codes"] = [measure(graph, kind, dim) for kind in arguments.codes for dim in arguments.dims]
    return row


def measure(graph: CovisibilityGraph, kind: str, dim: int) -> dict[str, Any]:
    """Time and average precision of one kind of codes."""
    began, cpu = time.monotonic(), time.process_time()
    codes = spectral_codes(graph, dim) if kind == "spectral" else node2vec_codes(graph, dim, 0)
    row = {"kind": kind, "dim": dim, "s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    row |= {"average_precision": average_precision(codes, graph), "peak_mb": peak_mb()}
    print(f"  {kind} {dim}: AP {row['average_precision']:.4f}, {row['s']:.1f} s ({row['cpu_s']:.1f} s CPU)", flush=True)
    return row


def peak_mb() -> float:
    """Largest memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def read(folder: Path) -> Scene:
    """A set; ``redkitchen_poses`` is a text file of poses without images."""
    listed = folder / "redkitchen_train.txt"
    if not listed.exists():
        scene = open_scene(folder)
        return scene.with_frames(scene.for_mapping())
    frames = []
    for line in listed.read_text(encoding="utf-8").splitlines():
        name, *numbers = line.split()
        values = np.array(numbers, dtype=np.float64)
        camera = Camera.pinhole(640, 480, values[7])
        frames.append(Frame(name, folder / name, camera, Pose.from_quaternion(values[:4], values[4:7])))
    return Scene(folder, "poses", (), metric=True).with_frames(frames)


if __name__ == "__main__":
    main()
