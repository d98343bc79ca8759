"""Which images a training step looks at. A step depends only on the labels, the seed and its number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.randomness import numpy_generator
from trigpoint.retrieval.supergf.config import ListConfig
from trigpoint.retrieval.supergf.labels import GradedLabels, check_labels

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RankedLists:
    """The lists of one step.

    Attributes:
        images: (B,) indices of the images to describe, each once.
        queries: (Q,) positions of the queries in ``images``.
        labels: (Q, B) float32 labels of all images of the step for each query.
        member: (Q, B), which of them a query is ranked against; never itself.
    """

    images: Index
    queries: Index
    labels: NDArray[np.float32]
    member: NDArray[np.bool_]


class ListSampler:
    """Draws queries with their lists, as many of each kind as there are.

    Args:
        labels: graded labels of all images.
        config: how many of which kind.
        seed: seed of the training.

    Raises:
        MappingError: no image has a positive (TP-644).
    """

    def __init__(self, labels: GradedLabels, config: ListConfig, seed: int) -> None:
        self.labels, self.config, self.seed = labels, config, seed
        self.candidates = check_labels(labels, config.positive_label)

    def draw(self, step: int) -> RankedLists:
        """The lists of a step."""
        rng = numpy_generator(self.seed, "supergf-lists", step)
        candidates = self._candidates(rng)
        count = min(self.config.queries, len(candidates))
        queries = rng.choice(candidates, count, replace=False)
        related = [self._related(query, rng) for query in queries]
        if self.config.shared:
            return self._shared(queries, related, rng)
        lists = [np.concatenate([near, self._negatives(query, rng)]) for query, near in zip(queries, related, strict=True)]
        images = np.unique(np.concatenate([queries, *lists]))
        member = np.zeros((count, len(images)), dtype=bool)
        for row, chosen in enumerate(lists):
            member[row, np.searchsorted(images, chosen)] = True
        return self._ranked(images, queries, member)

    def _candidates(self, rng: np.random.Generator) -> Index:
        scene = self.labels.scene[self.candidates]
        scenes = np.unique(scene)
        if not 0 < self.config.scenes < len(scenes):
            return self.candidates
        return self.candidates[np.isin(scene, rng.choice(scenes, self.config.scenes, replace=False))]

    def _shared(self, queries: Index, related: list[Index], rng: np.random.Generator) -> RankedLists:
        drawn = np.unique(np.concatenate([queries, *related]))
        others = np.setdiff1d(np.arange(len(self.labels)), drawn)
        extra = rng.choice(others, min(self.config.negatives, len(others)), replace=False)
        images = np.unique(np.concatenate([drawn, extra]))
        return self._ranked(images, images, np.ones((len(images), len(images)), dtype=bool))

    def _ranked(self, images: Index, queries: Index, member: NDArray[np.bool_]) -> RankedLists:
        where = np.searchsorted(images, queries)
        member[np.arange(len(queries)), where] = False
        return RankedLists(images, where, self.labels.of(queries, images), member)

    def _related(self, query: int, rng: np.random.Generator) -> Index:
        neighbours, values = self._neighbours(query)
        positive = values >= self.config.positive_label
        kinds = ((neighbours[positive], self.config.positives), (neighbours[~positive], self.config.soft_negatives))
        return np.concatenate([rng.choice(kind, min(count, len(kind)), replace=False) for kind, count in kinds])

    def _negatives(self, query: int, rng: np.random.Generator) -> Index:
        neighbours, _ = self._neighbours(query)
        if self.config.negatives_from == "scene":
            allowed = np.flatnonzero(self.labels.scene == self.labels.scene[query])
        else:
            allowed = np.arange(len(self.labels))
        allowed = np.setdiff1d(allowed, np.append(neighbours, query), assume_unique=True)
        return rng.choice(allowed, min(self.config.negatives, len(allowed)), replace=False)

    def _neighbours(self, query: int) -> tuple[Index, NDArray[np.float32]]:
        pairs = self.labels.pairs
        span = slice(pairs.indptr[query], pairs.indptr[query + 1])
        return np.asarray(pairs.indices[span], dtype=np.int64), np.asarray(pairs.data[span], dtype=np.float32)
