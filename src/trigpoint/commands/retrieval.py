"""The verb ``retrieval``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from trigpoint.commands.options import Flag, Output, note, write_document
from trigpoint.core.terminal import set_quiet

if TYPE_CHECKING:
    from trigpoint.evaluation.retrieval import RetrievalOptions


def retrieval(
    action: Positional[Literal["evaluate", "train"]],
    scenes: Positional[tuple[Path, ...]],
    /,
    *,
    descriptors: tuple[str, ...] = ("vlad", "mean", "gem"),
    dim: int = 0,
    rerank: int = 0,
    matcher: str = "nearest",
    encoder: str = "xfeat",
    short_side_px: int = 480,
    keypoints: int = 1024,
    holdout: str | None = None,
    cache: Path | None = None,
    output: Output = Path("supergf.aggregator"),
    start: Annotated[str | None, arg(aliases=["--from"])] = None,
    seed: int = 0,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Measure how well global descriptors find images that show the same, or train one.

    Args:
        action: evaluate prints recall, time and size; train learns a SuperGF aggregator from scenes with poses.
        scenes: folders of posed images, or of images with labels (dataset.csv).
        descriptors: vlad, mean, gem, supergf, supergf:FILE or onnx:FILE.
        dim: length of descriptors that come in several; 0 takes the natural one.
        rerank: re-rank this many candidates by homography inliers.
        matcher: nearest (mutual nearest neighbours) or lighterglue (learned, for xfeat).
        encoder: local encoder.
        short_side_px: shorter side of the images as the encoder sees them.
        keypoints: keypoints of an image at most.
        holdout: images of posed scenes that are the queries: every:N:K, blocks:A-B,... or sequence:NAME.
        cache: folder to keep local features in, for the next time.
        output: file for what was trained.
        start: trained aggregator to go on from: a file, or supergf for the one that comes with trigpoint.
        seed: seed of every random number.
        device: cpu or cuda.
        format: format of the scenes; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        quiet: show no progress.
        json: file to write the numbers to.
    """
    from trigpoint.evaluation.retrieval import RetrievalOptions
    from trigpoint.features.cache import ViewPolicy

    set_quiet(quiet)
    read = ReadOptions(format, skip_invalid, holdout)
    if action == "train":
        document = _train(scenes, read, output, start, seed, device)
    else:
        policy = ViewPolicy(short_side_px, keypoints)
        options = RetrievalOptions(descriptors, dim, rerank, matcher, encoder, policy, cache, seed, device)
        document = _evaluate(scenes, read, options)
    write_document(json, document)
    return 0


@dataclass(frozen=True)
class ReadOptions:
    """How the scenes are read."""

    format: str | None
    skip_invalid: bool
    holdout: str | None


def _evaluate(scenes: Sequence[Path], read: ReadOptions, options: RetrievalOptions) -> dict[str, Any]:
    from trigpoint.commands.describe import stdout_console
    from trigpoint.evaluation.retrieval import evaluate_scene, retrieval_table, scene_task

    results = []
    for scene in scenes:
        task = scene_task(scene, holdout=read.holdout, format=read.format, skip_invalid=read.skip_invalid)
        if task.left_out:
            note(f"{task.name}: {task.left_out} queries without a right answer in the gallery are left out")
        results.append(evaluate_scene(task, options))
        stdout_console().print(retrieval_table(results[-1]))
    return {"options": options.to_json(), "scenes": [result.to_json() for result in results]}


def _train(
    folders: Sequence[Path], read: ReadOptions, output: Path, start: str | None, seed: int, device: str
) -> dict[str, Any]:
    from trigpoint.evaluation.retrieval import TRAIN_FLOOR, scene_overlaps
    from trigpoint.formats.readers import open_scene
    from trigpoint.retrieval.supergf.build import train_aggregator
    from trigpoint.retrieval.supergf.config import COMPACT, FINE_TUNE
    from trigpoint.retrieval.supergf.descriptor import SHIPPED, load_aggregator
    from trigpoint.retrieval.supergf.labels import labels_from_overlaps

    recipe = COMPACT if start is None else FINE_TUNE
    earlier = None if start is None else load_aggregator(SHIPPED if start == "supergf" else Path(start))
    paths, overlaps = [], []
    for folder in folders:
        scene = open_scene(folder, format=read.format, holdout=read.holdout, skip_invalid=read.skip_invalid)
        frames = scene.for_mapping()
        paths += [frame.image_path for frame in frames]
        overlaps.append(scene_overlaps(scene, frames, TRAIN_FLOOR))
    names = ", ".join(folder.resolve().name for folder in folders)
    labels = labels_from_overlaps(overlaps)
    trained = train_aggregator(paths, labels, output, recipe=recipe, start=earlier, data=names, seed=seed, device=device)
    print(f"{trained.path}: {trained.bytes / 1e6:.1f} MB, learned from {len(paths)} images of {names}")
    return {"output": str(trained.path), "bytes": trained.bytes, "images": len(paths), "seconds": trained.seconds}
