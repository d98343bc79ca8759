"""Biased second-order random walks on a graph (Grover and Leskovec, node2vec, KDD 2016, section 3.2.2), many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.covisibility.graph import CovisibilityGraph

Indices = NDArray[np.int64]

# Up to this number of nodes adjacency is looked up in a matrix of bytes, above it among the sorted edges.
_MATRIX_NODES = 10_000


@dataclass(frozen=True, eq=False)
class Walker:
    """Walks of which edges all weigh the same, as R-SCoRe takes them.

    Attributes:
        indptr, indices: neighbours of each node, ascending.
        p: return parameter. Going back to the last node weighs 1 / p.
        q: in-out parameter. A node that is no neighbour of the last one weighs 1 / q, a common neighbour 1.
        matrix: (N, N) adjacency, for small graphs.
        edges: ascending keys source * N + target, for large ones.
    """

    indptr: Indices
    indices: Indices
    p: float
    q: float
    matrix: NDArray[np.bool_] | None
    edges: Indices | None

    @staticmethod
    def on(graph: CovisibilityGraph, p: float, q: float, *, matrix_nodes: int = _MATRIX_NODES) -> Walker:
        """A walker on a covisibility graph."""
        size, indptr = len(graph), graph.weights.indptr.astype(np.int64)
        indices = graph.weights.indices.astype(np.int64)
        if size > matrix_nodes:
            return Walker(indptr, indices, p, q, None, np.repeat(np.arange(size), np.diff(indptr)) * size + indices)
        matrix = np.zeros((size, size), dtype=bool)
        for node in range(size):
            matrix[node, indices[indptr[node] : indptr[node + 1]]] = True
        return Walker(indptr, indices, p, q, matrix, None)

    def walks(self, start: Indices, length: int, generator: np.random.Generator) -> Indices:
        """One walk from each of (B,) nodes: (B, length) node indices, the start included. Isolated nodes stay."""
        result = np.empty((len(start), length), dtype=np.int64)
        result[:, 0] = start
        if length > 1:
            result[:, 1] = self._uniform(result[:, 0], generator)
        for step in range(2, length):
            result[:, step] = self._next(result[:, step - 2], result[:, step - 1], generator)
        return result

    def adjacent(self, first: Indices, second: Indices) -> NDArray[np.bool_]:
        """(B,) whether pairs of nodes are neighbours, from their (B,) indices."""
        if self.matrix is not None:
            return self.matrix[first, second]
        assert self.edges is not None
        key = first * (len(self.indptr) - 1) + second
        edge = np.searchsorted(self.edges, key).clip(max=len(self.edges) - 1)
        return self.edges[edge] == key

    def _uniform(self, node: Indices, generator: np.random.Generator) -> Indices:
        start = self.indptr[node]
        degree = self.indptr[node + 1] - start
        drawn = start + (generator.random(len(node)) * degree).astype(np.int64)
        isolated = degree == 0
        return np.where(isolated, node, self.indices[np.where(isolated, 0, drawn)])

    def _next(self, last: Indices, node: Indices, generator: np.random.Generator) -> Indices:
        """One step by rejection: propose a neighbour uniformly, accept it by its weight.

        Going back weighs more than the other steps where p is small. What it weighs beyond them is drawn on its own, so that
        it does not lower the acceptance of all others.
        """
        others = max(1.0, 1 / self.q)
        extra = max(0.0, 1 / self.p - others)
        degree = self.indptr[node + 1] - self.indptr[node]
        result, open_ = np.where(degree == 0, node, last), np.flatnonzero(degree > 0)
        while len(open_) > 0:
            here, before = node[open_], last[open_]
            back = generator.random(len(open_)) * (degree[open_] * others + extra) < extra
            proposal = np.where(back, before, self._uniform(here, generator))
            weight = np.where(self.adjacent(before, proposal), 1.0, 1 / self.q)
            weight[proposal == before] = 1 / self.p
            accepted = back | (generator.random(len(open_)) * others < weight)
            result[open_[accepted]] = proposal[accepted]
            open_ = open_[~accepted]
        return result
