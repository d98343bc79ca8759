"""Train a SuperGF aggregator on synthetic scenes and compare it with other descriptors on scenes it has not seen.

    python benchmarks/train_supergf.py --work DIR -o supergf.aggregator [--recipe compact] [--scenes 30] [--views 96]

Rooms, streets and rooms that look alike are rendered by day and by night; labels come from their exact depth. Views of nine
photographs that come with scikit-image and scikit-learn join them. Queries are the held-out images of all unseen rendered
scenes together, the gallery their walks; a right answer overlaps by half or more. Images and features stay in DIR for the
next run, and an interrupted training continues. The aggregator that comes with trigpoint was made by this program.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from photograph_views import photographs, write_views
from scipy.linalg import block_diag

from trigpoint.core.artifact import write_json
from trigpoint.core.camera import Camera
from trigpoint.core.interrupt import stop_on_signals
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, Frame
from trigpoint.features.cache import SizedFeatures, ViewPolicy, image_features
from trigpoint.features.encoders import load_encoder
from trigpoint.formats.readers import open_scene
from trigpoint.retrieval.descriptor import GlobalDescriptor, fit_descriptor
from trigpoint.retrieval.evaluation import RetrievalScore, evaluate_descriptor
from trigpoint.retrieval.supergf.build import TrainedAggregator, TrainingControl, TrainingData, train_aggregator
from trigpoint.retrieval.supergf.config import RECIPES, VARIANTS, SuperGFRecipe
from trigpoint.retrieval.supergf.descriptor import SuperGF
from trigpoint.retrieval.supergf.labels import labels_from_overlaps
from trigpoint.synthetic.scene import SyntheticConfig, synthetic_camera, write_synthetic_scene
from trigpoint.synthetic.world import SCENES, build_world

WIDTH, HEIGHT = 640, 480
# Depth is compared at a tenth of the size, with this relative tolerance.
REDUCTION, TOLERANCE = 10, 0.1
# Of each kind of scene; those of unseen scenes are 900 higher.
FIRST_SEEDS = {"room": 1000, "street": 2000, "look-alikes": 3000}
UNSEEN = 900
MIN_OVERLAP = 0.5
DATA = (
    "{scenes} synthetic scenes rendered by trigpoint; {views} views each of seven photographs of scikit-image (CC0 or "
    "public domain) and of two of scikit-learn (CC BY 2.0: china.jpg of flickr.com/images/danielbuechele, flower.jpg of "
    "flickr.com/images/vultilion)"
)


@dataclass(frozen=True, eq=False)
class Scene:
    """Images of a scene, and the fraction of each that each other sees, (N, N); poses of rendered ones."""

    paths: tuple[Path, ...]
    overlap: NDArray[np.float32]
    frames: tuple[Frame, ...] = ()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--unseen", type=int, default=9)
    parser.add_argument("--views", type=int, default=96, help="views of each photograph; 0: none")
    parser.add_argument("--recipe", choices=RECIPES, default="compact")
    parser.add_argument("--variant", choices=VARIANTS, default="sparse")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    trained = train(options)
    scores = evaluate(rendered(options.work, options.unseen, UNSEEN), trained.descriptor, options.work / "features")
    print(f"{trained.bytes / 1e6:.2f} MB; training {trained.seconds['training']:.0f} s in this run")
    print(f"{'descriptor':>12} {'light':>6} {'R@1':>6} {'R@5':>6} {'R@10':>6} {'ms':>7}")
    for light, score in scores:
        fractions = " ".join(f"{100 * fraction:6.1f}" for fraction in score.recall.values())
        print(f"{score.descriptor:>12} {light:>6} {fractions} {score.describe_ms:7.2f}")
    if options.json:
        history = [vars(point) for point in trained.history]
        results = [{"light": light, **score.to_json()} for light, score in scores]
        write_json(options.json, {"scores": results, "history": history, "seconds": trained.seconds, "bytes": trained.bytes})


def train(options: argparse.Namespace) -> TrainedAggregator:
    """Train, or continue."""
    seen = [*photographed(options.work, options.views), *rendered(options.work, options.scenes, 0)]
    data = TrainingData(
        [path for scene in seen for path in scene.paths],
        labels_from_overlaps([scene.overlap for scene in seen]),
        DATA.format(scenes=options.scenes, views=options.views),
        licence="Apache-2.0",
    )
    with stop_on_signals() as stop:
        control = TrainingControl(stop=stop, device=options.device)
        return train_aggregator(data, options.output, recipe=recipe(options), seed=options.seed, control=control)


def recipe(options: argparse.Namespace) -> SuperGFRecipe:
    """The named recipe, with the changes asked for."""
    chosen = RECIPES[options.recipe]
    if options.variant == "dense":
        chosen = replace(chosen, aggregator=replace(chosen.aggregator, variant="dense", encoder="xfeat-dense"))
    if options.steps:
        chosen = replace(chosen, training=replace(chosen.training, steps=options.steps))
    return chosen


def photographed(work: Path, count: int) -> list[Scene]:
    """Views of the photographs, a scene for each."""
    scenes = []
    for photograph in photographs() if count else ():
        paths, overlap = write_views(work / f"photograph-{photograph.stem}", photograph, count, seed=0)
        scenes.append(Scene(tuple(paths), overlap))
    return scenes


def rendered(work: Path, count: int, offset: int) -> list[Scene]:
    """Synthetic scenes of all kinds in turn, rendered unless they are there."""
    scenes = []
    for index, kind in enumerate(islice(cycle(SCENES), count)):
        seed = FIRST_SEEDS[kind] + offset + index // len(SCENES)
        folder = work / f"{kind}-{seed}"
        if not (folder / "overlap.npy").exists():
            config = SyntheticConfig(
                kind, seed, WIDTH, HEIGHT, n_train=24, n_test=8, n_test_night=8, train_night_fraction=0.4
            )
            frames = write_synthetic_scene(folder, config).frames
            np.save(folder / "overlap.npy", exact_overlap(config, frames))
        frames = open_scene(folder).frames
        scenes.append(Scene(tuple(frame.image_path for frame in frames), np.load(folder / "overlap.npy"), tuple(frames)))
    return scenes


def exact_overlap(config: SyntheticConfig, frames: Sequence[Frame]) -> NDArray[np.float32]:
    """(N, N) fraction of the surface points in image i that image j sees."""
    world = build_world(config.kind, config.seed)
    camera = synthetic_camera(replace(config, width=WIDTH // REDUCTION, height=HEIGHT // REDUCTION))
    depths = [world.depth_m(frame.pose(), camera) for frame in frames]
    points = [_points(frame, depth, camera) for frame, depth in zip(frames, depths, strict=True)]
    overlap = np.zeros((len(frames), len(frames)), dtype=np.float32)
    with progress("overlap", len(frames)) as advance:
        for column, (frame, depth) in enumerate(zip(frames, depths, strict=True)):
            for row, surface in enumerate(points):
                overlap[row, column] = _fraction_seen(frame.pose().apply(surface), depth, camera)
            advance()
    return overlap


def _points(frame: Frame, depth_m: NDArray[np.float32], camera: Camera) -> NDArray[np.float64]:
    rows, columns = np.nonzero(np.isfinite(depth_m))
    fx, fy, cx, cy = camera.pinhole_params()
    z = depth_m[rows, columns].astype(np.float64)
    in_cam = np.stack([(columns + 0.5 - cx) / fx * z, (rows + 0.5 - cy) / fy * z, z], axis=1)
    return frame.pose().inverse().apply(in_cam)


def _fraction_seen(in_cam: NDArray[np.float64], depth_m: NDArray[np.float32], camera: Camera) -> float:
    ahead = in_cam[in_cam[:, 2] > 0.05]
    fx, fy, cx, cy = camera.pinhole_params()
    column = np.floor(ahead[:, 0] / ahead[:, 2] * fx + cx)
    row = np.floor(ahead[:, 1] / ahead[:, 2] * fy + cy)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    z = ahead[inside, 2]
    surface = depth_m[row[inside].astype(np.int64), column[inside].astype(np.int64)]
    return float((np.abs(surface - z) < TOLERANCE * z).sum() / max(len(in_cam), 1))


def evaluate(unseen: Sequence[Scene], trained: SuperGF, cache: Path) -> list[tuple[str, RetrievalScore]]:
    """Recall of all descriptors on held-out images, by day and by night."""
    frames = [frame for scene in unseen for frame in scene.frames]
    overlap = block_diag(*(scene.overlap for scene in unseen))
    right = np.asarray((overlap + overlap.T) / 2 >= MIN_OVERLAP, dtype=bool)
    # A dense aggregator needs the whole grid.
    policy = ViewPolicy(480, 1024 if trained.config.variant == "sparse" else 1_000_000)
    encoder = load_encoder(trained.config.encoder, torch.device("cpu"))
    features = image_features([frame.image_path for frame in frames], encoder, policy, cache=cache)
    gallery = np.array([frame.split != TEST for frame in frames])
    database = [image for image, inside in zip(features, gallery, strict=True) if inside]
    descriptors: list[GlobalDescriptor] = [trained, *(fit_descriptor(name, database) for name in ("vlad", "gem", "mean"))]
    scores = []
    for light in ("day", "night"):
        asked = np.array([f"test-{light}/" in frame.name for frame in frames])
        asked &= right[:, gallery].any(axis=1)
        queries: list[SizedFeatures] = [image for image, inside in zip(features, asked, strict=True) if inside]
        positives = right[np.ix_(asked, gallery)]
        scores += [(light, evaluate_descriptor(descriptor, queries, database, positives)) for descriptor in descriptors]
    return scores


if __name__ == "__main__":
    main()
