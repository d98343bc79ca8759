"""Spectral node embeddings of the covisibility graph: in closed form, without randomness or iterations to set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.core.randomness import numpy_generator
from trigpoint.covisibility.graph import CovisibilityGraph

Array = NDArray[np.float64]

# Up to this size of a component all its eigenvectors are computed densely.
_DENSE = 1500


def spectral_codes(graph: CovisibilityGraph, dim: int) -> NDArray[np.float32]:
    """One node embedding of unit length for every image.

    With the adjacency A (edges weigh 1, and each image is its own neighbour) and the degrees D, the rows of the leading
    eigenvectors of D^-1/2 A D^-1/2, each multiplied by its eigenvalue, are normalised (Ng, Jordan and Weiss, 2001;
    the eigenvalue counts slow changes along the graph more). Only positive eigenvalues are used.

    The sign of an eigenvector is such that its largest entry is positive. Connected components are solved one by one, since
    together their eigenvalues coincide and their eigenvectors are not unique. An isolated image and a component for which
    no dimension is left get a random direction, the same in every run.

    Args:
        graph: of N images.
        dim: length of an embedding. Dimensions beyond the positive eigenvalues are 0.

    Returns:
        (N, dim) float32.
    """
    component = graph.components()
    blocks = [np.flatnonzero(component == number) for number in range(component.max(initial=-1) + 1)]
    solved = [(nodes, *_leading(_normalised(graph, nodes), dim)) for nodes in blocks if len(nodes) > 1]
    values = np.concatenate([np.zeros(0), *(value for _, value, _ in solved)])
    # Stable, so that equal eigenvalues stay in the order of their components.
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(len(values))
    codes, offset = np.zeros((len(graph), dim)), 0
    for nodes, value, vectors in solved:
        column = rank[offset : offset + len(value)]
        fits = column < dim
        codes[np.ix_(nodes, column[fits])] = (vectors * value)[:, fits]
        offset += len(value)
    length = np.linalg.norm(codes, axis=1, keepdims=True)
    codes /= np.where(length > 1e-12, length, 1.0)
    for nodes in blocks:
        if (length[nodes] <= 1e-12).any():
            direction = numpy_generator(0, "spectral", graph.names[nodes[0]]).standard_normal(dim)
            codes[nodes] = direction / np.linalg.norm(direction)
    return codes.astype(np.float32)


def _normalised(graph: CovisibilityGraph, nodes: NDArray[np.int64]) -> sparse.csr_array:
    """D^-1/2 A D^-1/2 of some nodes, each its own neighbour."""
    part = sparse.csr_array(graph.weights[nodes][:, nodes], dtype=np.float64)
    part.data[:] = 1.0
    part = sparse.csr_array(part + sparse.eye_array(len(nodes), format="csr"))
    scale = sparse.dia_array((1 / np.sqrt(np.diff(part.indptr))[None], [0]), shape=part.shape)
    return sparse.csr_array(scale @ part @ scale)


def _leading(matrix: sparse.csr_array, count: int) -> tuple[Array, Array]:
    """The ``count`` largest positive eigenvalues, descending, and their eigenvectors as columns."""
    size = len(matrix.indptr) - 1
    if size <= _DENSE or count >= size // 2:
        from scipy.linalg import eigh

        values, vectors = eigh(matrix.toarray())
    else:
        from scipy.sparse.linalg import eigsh

        values, vectors = eigsh(matrix, k=count, which="LA", v0=np.ones(size))
    order = np.argsort(-values, kind="stable")[:count]
    order = order[values[order] > 1e-9]
    vectors = vectors[:, order]
    largest = np.abs(vectors).argmax(axis=0)
    return values[order], vectors * np.sign(vectors[largest, np.arange(len(order))])
