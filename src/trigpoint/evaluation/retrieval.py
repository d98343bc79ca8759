"""How well global descriptors find images of a scene that show the same as a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from trigpoint.core.config import to_json
from trigpoint.core.device import pick_device
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.covisibility.depth_range import depth_range
from trigpoint.covisibility.overlap import overlap_scores
from trigpoint.diagnosis.pose_verdict import require_fitting_poses
from trigpoint.features.cache import SizedFeatures, ViewPolicy, image_features
from trigpoint.features.encoders import load_encoder
from trigpoint.retrieval.descriptor import AGGREGATOR, GlobalDescriptor, descriptor_kind, fit_descriptor
from trigpoint.retrieval.evaluation import (
    Index,
    Reranker,
    RetrievalScore,
    evaluate_descriptor,
    evaluate_vectors,
    map_index,
    timed,
)
from trigpoint.retrieval.network import OnnxNetwork
from trigpoint.retrieval.quantized import quantize
from trigpoint.retrieval.rerank import load_matcher
from trigpoint.retrieval.supergf.descriptor import load_aggregator
from trigpoint.retrieval.task import RetrievalTask, posed_task

# Overlap of a right answer, and the smallest that is told apart from none when an aggregator is trained.
MIN_OVERLAP, TRAIN_FLOOR = 0.5, 0.05
# Before the file of a network of the user's.
NETWORK = "onnx:"


@dataclass(frozen=True)
class RetrievalOptions:
    """What is evaluated and how.

    Attributes:
        descriptors: keys of ``DESCRIPTORS``, ``supergf:FILE`` or ``onnx:FILE``.
        dim: length of descriptors that come in several; 0: their natural one.
        rerank: number of candidates to re-rank; 0: none.
        matcher: key in ``MATCHERS``.
        encoder: key in ``ENCODERS``.
        policy: size of the views and number of keypoints.
        cache: folder for local features, or None.
        seed: seed of the fits.
        device: where the local encoder and the learned matcher run.
        bytes_per_image: bytes of the product-quantised code of a gallery image; 0: the descriptors as a map keeps them.
    """

    descriptors: tuple[str, ...] = ("vlad", "mean", "gem")
    dim: int = 0
    rerank: int = 0
    matcher: str = "nearest"
    encoder: str = "xfeat"
    policy: ViewPolicy = field(default_factory=ViewPolicy)
    cache: Path | None = None
    seed: int = 0
    device: str = "cpu"
    bytes_per_image: int = 0

    def make_index(self, vectors: Tensor) -> Index:
        """The index of (G, D) gallery descriptors; raises MappingError TP-634, TP-639 as ``quantize``."""
        return quantize(vectors, self.bytes_per_image, self.seed) if self.bytes_per_image else map_index(vectors)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**to_json(self), "cache": None if self.cache is None else str(self.cache)}


@dataclass(frozen=True)
class SceneRetrieval:
    """The result for one scene: its task in numbers, and a score for each descriptor."""

    name: str
    queries: int
    gallery: int
    left_out: int
    scores: tuple[RetrievalScore, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "scores": [score.to_json() for score in self.scores]}


def scene_task(scene: Scene) -> RetrievalTask:
    """Queries, gallery and right answers of a scene with poses.

    The images held out are the queries, and the right answers overlap by half or more, see ``overlap_scores``.

    Raises:
        SceneError: the poses do not fit the images (TP-241).
        MappingError: nothing to evaluate (TP-635).
    """
    queries, gallery = scene.subset(TEST).posed(), scene.for_mapping()
    # Overlaps of wrong poses would make wrong answers right.
    require_fitting_poses(scene, scene.posed())
    return posed_task(scene.root.resolve().name, queries, gallery, _positives(scene, queries, gallery), scene.root)


def scene_overlaps(scene: Scene, frames: Sequence[Frame], floor: float) -> sparse.csr_array:
    """Overlaps of the views of posed frames, by ``overlap_scores``.

    Args:
        scene: the scene, whose tracks tell how far the cameras see.
        frames: N images of it, with poses.
        floor: the smallest overlap, 0 to 1, that is told apart from none.

    Returns:
        (N, N) symmetric, 0 to 1, without unit, with an empty diagonal.
    """
    return overlap_scores(frames, depth_range(frames, scene.tracks, seed=0), method="frustum", floor=floor)


def evaluate_scene(task: RetrievalTask, options: RetrievalOptions) -> SceneRetrieval:
    """Evaluate every descriptor on one task.

    Raises:
        ConfigError: unknown encoder (TP-711) or device (TP-703).
        MappingError: unknown descriptor or matcher (TP-631) and TP-63x; ImageError, WeightsError: as the encoder.
    """
    device = pick_device(options.device)
    sources = [_source(name, options.dim) for name in options.descriptors]
    matcher = load_matcher(options.matcher, device) if options.rerank else None
    encoder = load_encoder(options.encoder, device)
    gallery = image_features(task.gallery, encoder, options.policy, cache=options.cache, title="gallery images")
    queries = image_features(task.queries, encoder, options.policy, cache=options.cache, title="query images")
    reranker = Reranker(queries, gallery, matcher, options.rerank) if matcher else None
    scores = []
    for source in sources:
        if isinstance(source, OnnxNetwork):
            scores.append(_score_network(source, task, reranker, options))
        else:
            fitted = _fitted(source, gallery, options)
            scores.append(evaluate_descriptor(fitted, queries, gallery, task.positives, reranker, options.make_index))
    return SceneRetrieval(task.name, len(queries), len(gallery), task.left_out, tuple(scores))


def _positives(scene: Scene, queries: Sequence[Frame], gallery: Sequence[Frame]) -> NDArray[np.bool_]:
    if not queries or not gallery:
        return np.zeros((len(queries), len(gallery)), dtype=bool)
    overlaps = scene_overlaps(scene, [*queries, *gallery], MIN_OVERLAP)
    return np.asarray(overlaps[: len(queries), len(queries) :].toarray() > 0)


def _source(name: str, dim: int) -> str | GlobalDescriptor | OnnxNetwork:
    """What a name stands for; a key of ``DESCRIPTORS`` stays one, because it has to be fitted first."""
    if name.startswith(AGGREGATOR):
        # Read before any image is, so that a file that is none stops at once.
        return load_aggregator(Path(name.removeprefix(AGGREGATOR)), dim)
    if name.startswith(NETWORK):
        return OnnxNetwork(Path(name.removeprefix(NETWORK)))
    descriptor_kind(name)
    return name


def _fitted(source: str | GlobalDescriptor, gallery: Sequence[SizedFeatures], options: RetrievalOptions) -> GlobalDescriptor:
    if not isinstance(source, str):
        return source
    # Pooled descriptors have the one length that their local features give.
    dim = options.dim if source in ("vlad", "supergf") else 0
    return fit_descriptor(source, gallery, dim, options.seed)


def _score_network(
    network: OnnxNetwork, task: RetrievalTask, reranker: Reranker | None, options: RetrievalOptions
) -> RetrievalScore:
    described = []
    with progress(f"images ({network.name})", len(task.gallery)) as advance:
        for path in task.gallery:
            described.append(network.describe(path))
            advance()
    vectors, describe_ms = timed([lambda path=path: network.describe(path) for path in task.queries])
    index = options.make_index(torch.stack(described))
    recall, reranked, search_ms = evaluate_vectors(vectors, index, task.positives, reranker)
    return RetrievalScore(
        descriptor=network.name,
        dim=index.dim,
        bytes_per_image=index.bytes_per_image,
        scene_bytes=index.shared_bytes,
        recall=recall,
        recall_reranked=reranked,
        describe_ms=describe_ms,
        search_ms=search_ms,
        rerank_ms=reranker.query_ms() if reranker else None,
    )
