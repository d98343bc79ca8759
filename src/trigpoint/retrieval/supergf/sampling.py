"""Which photos a training step looks at. A step depends only on the labels, the seed and its number."""

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
        photos: (B,) indices of the photos to describe, each once.
        queries: (Q,) positions of the queries in ``photos``.
        labels: (Q, B) float32 labels of all photos of the step for each query.
        member: (Q, B), which of them a query is ranked against; never itself.
    """

    photos: Index
    queries: Index
    labels: NDArray[np.float32]
    member: NDArray[np.bool_]


class ListSampler:
    """Draws queries with their lists, as many of each kind as there are.

    Args:
        labels: graded labels of all photos.
        config: how many of which kind.
        seed: seed of the training.

    Raises:
        MappingError: no photo has a positive (TP-644).
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
        photos = np.unique(np.concatenate([queries, *lists]))
        member = np.zeros((count, len(photos)), dtype=bool)
        for row, chosen in enumerate(lists):
            member[row, np.searchsorted(photos, chosen)] = True
        return self._ranked(photos, queries, member)

    def _candidates(self, rng: np.random.Generator) -> Index:
        place = self.labels.place[self.candidates]
        places = np.unique(place)
        if not 0 < self.config.places < len(places):
            return self.candidates
        return self.candidates[np.isin(place, rng.choice(places, self.config.places, replace=False))]

    def _shared(self, queries: Index, related: list[Index], rng: np.random.Generator) -> RankedLists:
        drawn = np.unique(np.concatenate([queries, *related]))
        others = np.setdiff1d(np.arange(len(self.labels)), drawn)
        extra = rng.choice(others, min(self.config.negatives, len(others)), replace=False)
        photos = np.unique(np.concatenate([drawn, extra]))
        return self._ranked(photos, photos, np.ones((len(photos), len(photos)), dtype=bool))

    def _ranked(self, photos: Index, queries: Index, member: NDArray[np.bool_]) -> RankedLists:
        where = np.searchsorted(photos, queries)
        member[np.arange(len(queries)), where] = False
        return RankedLists(photos, where, self.labels.of(queries, photos), member)

    def _related(self, query: int, rng: np.random.Generator) -> Index:
        neighbours, values = self._neighbours(query)
        positive = values >= self.config.positive_label
        kinds = ((neighbours[positive], self.config.positives), (neighbours[~positive], self.config.soft_negatives))
        return np.concatenate([rng.choice(kind, min(count, len(kind)), replace=False) for kind, count in kinds])

    def _negatives(self, query: int, rng: np.random.Generator) -> Index:
        neighbours, _ = self._neighbours(query)
        if self.config.negatives_from == "place":
            allowed = np.flatnonzero(self.labels.place == self.labels.place[query])
        else:
            allowed = np.arange(len(self.labels))
        allowed = np.setdiff1d(allowed, np.append(neighbours, query), assume_unique=True)
        return rng.choice(allowed, min(self.config.negatives, len(allowed)), replace=False)

    def _neighbours(self, query: int) -> tuple[Index, NDArray[np.float32]]:
        pairs = self.labels.pairs
        span = slice(pairs.indptr[query], pairs.indptr[query + 1])
        return np.asarray(pairs.indices[span], dtype=np.int64), np.asarray(pairs.data[span], dtype=np.float32)
