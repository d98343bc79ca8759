"""Recall and cost of global descriptors, with and without geometric re-ranking."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.progress import progress
from trigpoint.features.cache import SizedFeatures
from trigpoint.retrieval.descriptor import GlobalDescriptor, describe_images
from trigpoint.retrieval.index import RetrievalIndex, restore_index
from trigpoint.retrieval.matching import Matcher
from trigpoint.retrieval.quantized import QuantizedIndex
from trigpoint.retrieval.rerank import candidate_inliers

RANKS = (1, 5, 10)
Index = RetrievalIndex | QuantizedIndex
# Makes the index of a gallery from its (G, D) descriptors.
MakeIndex = Callable[[Tensor], Index]


@dataclass(frozen=True)
class RetrievalScore:
    """How well and at what cost one descriptor finds the gallery images of a scene.

    Attributes:
        descriptor: name of the descriptor.
        dim: its length.
        bytes_per_image: what a map keeps of each gallery image.
        scene_bytes: what a map keeps beside that, whatever the number of images.
        recall: fraction of queries with a right answer among the first 1, 5 and 10, by rank.
        recall_reranked: the same after re-ranking, or None without.
        describe_ms: time from the local features of a query to its descriptor, median.
        search_ms: time of the search, median.
        rerank_ms: time of re-ranking all candidates of a query, mean, or None without.
    """

    descriptor: str
    dim: int
    bytes_per_image: int
    scene_bytes: int
    recall: dict[int, float]
    recall_reranked: dict[int, float] | None
    describe_ms: float
    search_ms: float
    rerank_ms: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **{name: value for name, value in vars(self).items() if not name.startswith("recall")},
            "recall": _by_text(self.recall),
            "recall_reranked": _by_text(self.recall_reranked),
        }


@dataclass(eq=False)
class Reranker:
    """Re-ranks candidates of the queries of one task; remembers pairs, which several descriptors share.

    Attributes:
        queries: local features of the queries.
        gallery: local features of the gallery.
        matcher: what pairs up keypoints.
        count: number of candidates to re-rank.
    """

    queries: Sequence[SizedFeatures]
    gallery: Sequence[SizedFeatures]
    matcher: Matcher
    count: int
    _known: dict[tuple[int, int], int] = field(default_factory=dict)
    _seconds: float = 0.0

    def order(self, query: int, retrieved: NDArray[np.int64]) -> NDArray[np.int64]:
        """``retrieved``, (k,) gallery indices of one query best first, with the first ``count`` re-ranked."""
        head = retrieved[: self.count]
        new = [int(index) for index in head if (query, int(index)) not in self._known]
        began = time.perf_counter()
        inliers = candidate_inliers(self.queries[query], [self.gallery[index] for index in new], self.matcher)
        self._seconds += time.perf_counter() - began
        self._known.update(((query, index), int(value)) for index, value in zip(new, inliers, strict=True))
        scores = np.array([self._known[query, int(index)] for index in head])
        return np.concatenate([head[np.argsort(-scores, kind="stable")], retrieved[self.count :]])

    def query_ms(self) -> float:
        """Mean time to re-rank the candidates of one query, from the pairs that were really computed."""
        return 1e3 * self._seconds / max(len(self._known), 1) * min(self.count, len(self.gallery))


def recall_at(retrieved: NDArray[np.int64], positives: NDArray[np.bool_], ranks: Sequence[int] = RANKS) -> dict[int, float]:
    """Fraction of queries with at least one right answer among the first r retrieved, for each rank r.

    Args:
        retrieved: (Q, k) gallery indices, best first.
        positives: (Q, G) bool; every row has a right answer.
        ranks: ranks; one beyond k counts the k that were retrieved.
    """
    right = np.take_along_axis(positives, retrieved, axis=1)
    return {rank: float(right[:, :rank].any(axis=1).mean()) for rank in ranks}


def map_index(vectors: Tensor) -> RetrievalIndex:
    """The index of (G, D) descriptors, of any length, as a map keeps it: rounded to int8 steps."""
    return restore_index(RetrievalIndex(vectors).state(), vectors.shape[1])


def evaluate_vectors(
    queries: Tensor,
    index: Index,
    positives: NDArray[np.bool_],
    reranker: Reranker | None = None,
    title: str = "searching",
) -> tuple[dict[int, float], dict[int, float] | None, float]:
    """Search (Q, D) descriptors in an index of G images; ``positives`` (Q, G) says which are right.

    Returns:
        recall single pass, recall re-ranked (None without ``reranker``), median time of a search, ms.
    """
    depth = max(*RANKS, reranker.count if reranker else 0)
    single: list[NDArray[np.int64]] = []
    double: list[NDArray[np.int64]] = []
    times: list[float] = []
    with progress(title, len(queries)) as advance:
        for number, query in enumerate(queries):
            began = time.perf_counter()
            retrieved = index.search(query, depth)[0].numpy()
            times.append(time.perf_counter() - began)
            single.append(retrieved)
            if reranker is not None:
                double.append(reranker.order(number, retrieved))
            advance()
    reranked = recall_at(np.stack(double), positives) if reranker else None
    return recall_at(np.stack(single), positives), reranked, 1e3 * float(np.median(times))


def evaluate_descriptor(
    descriptor: GlobalDescriptor,
    queries: Sequence[SizedFeatures],
    gallery: Sequence[SizedFeatures],
    positives: NDArray[np.bool_],
    reranker: Reranker | None = None,
    make_index: MakeIndex = map_index,
) -> RetrievalScore:
    """Recall and cost, in ms and bytes, of a descriptor on Q queries and G gallery images.

    Args:
        descriptor: fitted descriptor.
        queries: local features of the queries.
        gallery: local features of the gallery.
        positives: (Q, G) bool.
        reranker: second stage, or None for a single pass.
        make_index: makes the index that is searched.
    """
    index = make_index(describe_images(descriptor, gallery))
    vectors, describe_ms = timed([lambda image=image: descriptor.describe(*image) for image in queries])
    recall, reranked, search_ms = evaluate_vectors(vectors, index, positives, reranker, f"searching ({descriptor.name})")
    return RetrievalScore(
        descriptor=descriptor.name,
        dim=descriptor.dim,
        bytes_per_image=index.bytes_per_image,
        scene_bytes=index.shared_bytes + sum(values.nbytes for values in descriptor.state().values()),
        recall=recall,
        recall_reranked=reranked,
        describe_ms=describe_ms,
        search_ms=search_ms,
        rerank_ms=reranker.query_ms() if reranker else None,
    )


def timed(calls: Sequence[Callable[[], Tensor]]) -> tuple[Tensor, float]:
    """The (Q, D) stacked results of Q calls that give (D,) each, and the median time of one, ms."""
    results: list[Tensor] = []
    times: list[float] = []
    for call in calls:
        began = time.perf_counter()
        results.append(call())
        times.append(time.perf_counter() - began)
    return torch.stack(results), 1e3 * float(np.median(times))


def _by_text(recall: dict[int, float] | None) -> dict[str, float] | None:
    return None if recall is None else {str(rank): value for rank, value in recall.items()}
