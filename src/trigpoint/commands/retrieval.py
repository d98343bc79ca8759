"""The verb ``retrieval``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from trigpoint.commands.options import Output, RunOptions, SceneOptions, note
from trigpoint.core.output import Planned

if TYPE_CHECKING:
    from trigpoint.retrieval.task import RetrievalTask


@dataclass(frozen=True)
class DescriptorOptions:
    """What is evaluated.

    Attributes:
        descriptors: vlad, mean, gem, supergf, supergf:FILE or onnx:FILE.
        dim: length of descriptors that come in several; 0 takes the natural one.
        rerank: re-rank this many candidates by homography inliers.
        matcher: nearest (mutual nearest neighbours) or lighterglue (learned, for xfeat).
        encoder: local encoder.
        short_side_px: shorter side of the images as the encoder sees them.
        keypoints: keypoints of an image at most.
        cache: folder to keep local features in, for the next time.
        bytes: search codes of this many bytes of each gallery image (product quantisation, needs faiss) instead of the whole
            descriptors; 0 for these.
    """

    descriptors: tuple[str, ...] = ("vlad", "mean", "gem")
    dim: int = 0
    rerank: int = 0
    matcher: str = "nearest"
    encoder: str = "xfeat"
    short_side_px: int = 480
    keypoints: int = 1024
    cache: Path | None = None
    bytes: int = 0


@dataclass(frozen=True)
class TrainingOptions:
    """What is trained.

    Attributes:
        output: file for what was trained.
        start: trained aggregator to go on from: a file, or supergf for the one that comes with trigpoint.
        seed: seed of every random number, also of descriptors that are fitted to be evaluated.
    """

    output: Output = Path("supergf.aggregator")
    start: Annotated[str | None, arg(aliases=["--from"])] = None
    seed: int = 0


def retrieval(
    action: Positional[Literal["evaluate", "train"]],
    scenes: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCENE...")],
    /,
    *,
    choice: DescriptorOptions,
    training: TrainingOptions,
    reading: SceneOptions,
    run: RunOptions,
) -> int:
    """Measure how well global descriptors find images that show the same, or train one.

    Args:
        action: evaluate prints recall, time and size; train learns a SuperGF aggregator from scenes with poses.
        scenes: folders of posed images; to evaluate, also of images with labels (dataset.csv), to train, also cities of
            Mapillary Street-Level Sequences. Held-out images are the queries; of a scene
            without a split every eighth image is held out.
        choice: what is evaluated.
        training: what is trained.
        reading: how the scenes are read.
        run: where, and what is said.
    """
    trained = training.output if action == "train" else None
    run.begin(Planned(trained, "tensors"), Planned(choice.cache, "folder"), inputs=scenes)
    if action == "train":
        document = _train(scenes, training, reading, run.query_device)
    else:
        document = _evaluate(scenes, choice, reading, training.seed, run.query_device)
    run.write(document)
    return 0


def _evaluate(
    scenes: Sequence[Path], choice: DescriptorOptions, reading: SceneOptions, seed: int, device: str
) -> dict[str, Any]:
    from trigpoint.evaluation.retrieval import RetrievalOptions, evaluate_scene
    from trigpoint.features.cache import ViewPolicy
    from trigpoint.report.retrieval_table import retrieval_table
    from trigpoint.report.terminal import print_blocks
    from trigpoint.retrieval.task import is_labelled, labelled_task

    options = RetrievalOptions(
        descriptors=choice.descriptors,
        dim=choice.dim,
        rerank=choice.rerank,
        matcher=choice.matcher,
        encoder=choice.encoder,
        policy=ViewPolicy(choice.short_side_px, choice.keypoints),
        cache=choice.cache,
        seed=seed,
        device=device,
        bytes_per_image=choice.bytes,
    )
    results = []
    for scene in scenes:
        task = labelled_task(scene) if is_labelled(scene) else _scene_task(scene, reading)
        copies = task.copies()
        if copies:
            note(f"{task.name}: {copies} queries are copies of gallery images, which every descriptor finds")
        if task.left_out:
            note(f"{task.name}: {task.left_out} queries without a right answer in the gallery are left out")
        results.append(evaluate_scene(task, options))
        print_blocks([retrieval_table(results[-1])])
    return {"options": options.to_json(), "scenes": [result.to_json() for result in results]}


def _scene_task(folder: Path, reading: SceneOptions) -> RetrievalTask:
    from trigpoint.evaluation.retrieval import scene_task
    from trigpoint.formats.splits import with_test_images

    scene = with_test_images(reading.open(folder))
    for problem in scene.problems:
        note(f"{problem.severity}: {problem.message}")
    return scene_task(scene)


def _train(folders: Sequence[Path], training: TrainingOptions, reading: SceneOptions, device: str) -> dict[str, Any]:
    from trigpoint.core.interrupt import stop_on_signals
    from trigpoint.core.terminal import print_line
    from trigpoint.diagnosis.pose_verdict import require_fitting_poses
    from trigpoint.evaluation.retrieval import TRAIN_FLOOR, scene_overlaps
    from trigpoint.retrieval.supergf.build import TrainingControl, TrainingData, train_aggregator
    from trigpoint.retrieval.supergf.config import COMPACT, FINE_TUNE
    from trigpoint.retrieval.supergf.descriptor import SHIPPED, load_aggregator
    from trigpoint.retrieval.supergf.labels import labels_from_overlaps
    from trigpoint.retrieval.supergf.msls import is_city, read_city

    recipe, start = COMPACT, None
    if training.start is not None:
        recipe = FINE_TUNE
        start = load_aggregator(SHIPPED if training.start == "supergf" else Path(training.start))
    paths, overlaps = [], []
    for folder in folders:
        if is_city(folder):
            city = read_city(folder)
            paths += city.paths
            overlaps.append(city.overlap())
        else:
            scene = reading.open(folder)
            require_fitting_poses(scene, scene.for_mapping())
            frames = scene.for_mapping()
            paths += [frame.image_path for frame in frames]
            overlaps.append(scene_overlaps(scene, frames, TRAIN_FLOOR))
    names = ", ".join(folder.resolve().name for folder in folders)
    data = TrainingData(paths, labels_from_overlaps(overlaps), names)
    with stop_on_signals() as stop:
        control = TrainingControl(stop=stop, device=device)
        trained = train_aggregator(data, training.output, recipe=recipe, start=start, seed=training.seed, control=control)
    print_line(f"{trained.path}: {trained.bytes / 1e6:.1f} MB, learned from {len(paths)} images of {names}")
    return {"output": str(trained.path), "bytes": trained.bytes, "images": len(paths), "seconds": trained.seconds}
