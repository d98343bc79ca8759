"""Codes of photos in closed form: eigenvectors of the normalised covisibility graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.covisibility.graph import CovisibilityGraph

# Up to here all eigenvectors at once are quick; beyond, only the wanted ones are computed.
_DENSE = 2000


def spectral_codes(graph: CovisibilityGraph, dim: int) -> NDArray[np.float32]:
    """(N, dim) codes whose inner products approximate the normalised adjacency D^-1/2 (A + I) D^-1/2 (Qiu et al., NetMF).

    Column k is sqrt(lambda_k N) v_k for the largest eigenvalues lambda_k, with the sign that makes its largest entry
    positive. Deterministic. Where there are fewer positive eigenvalues than ``dim``, the rest is zero. A photo without
    neighbours is an eigenvector by itself, so it keeps a code as long as ``dim`` allows.
    """
    size = len(graph)
    adjacency = sparse.csr_array(
        (np.ones(graph.overlap.nnz), graph.overlap.indices, graph.overlap.indptr), shape=(size, size)
    )
    adjacency = adjacency + sparse.eye_array(size, format="csr")
    scale = sparse.diags_array(1 / np.sqrt(np.asarray(adjacency.sum(axis=1)).ravel()))
    values, vectors = _largest(scale @ adjacency @ scale, min(dim, size))
    vectors = vectors * np.sqrt(np.maximum(values, 0) * size)
    peak = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.where(vectors[peak, np.arange(vectors.shape[1])] < 0, -1, 1)
    return np.pad(vectors, ((0, 0), (0, dim - vectors.shape[1]))).astype(np.float32)


def _largest(matrix: sparse.csr_array, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The largest eigenvalues, descending, with their eigenvectors."""
    size = matrix.shape[0]
    if size <= _DENSE or count >= size:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        # A fixed start makes the iteration deterministic.
        values, vectors = sparse.linalg.eigsh(matrix, k=count, which="LA", v0=np.ones(size) / np.sqrt(size))
    order = np.argsort(-values, kind="stable")[:count]
    return values[order], vectors[:, order]
