"""Quality of node embeddings: how well the distance between two of them tells whether the images are neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.randomness import numpy_generator
from trigpoint.covisibility.graph import CovisibilityGraph

_PAIRS = 4_000_000


def average_precision(
    embeddings: NDArray[np.float32], graph: CovisibilityGraph, *, seed: int = 0, pairs: int = _PAIRS
) -> float:
    """Average precision of the negative distance between embeddings as a score of edges (R-SCoRe's monitoring).

    Args:
        embeddings: (N, D), one of each image.
        graph: of N images.
        seed: names the images that are looked at.
        pairs: with more ordered pairs than this, only those of some images with all others are counted.

    Returns:
        1.0 where all neighbours are closer than all others; the fraction of edges among the pairs for random embeddings.
    """
    from sklearn.metrics import average_precision_score

    size = len(graph)
    rows = np.arange(size)
    if size * (size - 1) > pairs:
        rows = np.sort(numpy_generator(seed, "covisibility", "quality").permutation(size)[: max(1, pairs // (size - 1))])
    square = np.square(embeddings, dtype=np.float64).sum(axis=1)
    labels, scores = [], []
    # Row by row: all distances at once would take N * N numbers.
    for row in rows:
        distance2 = square + square[row] - 2.0 * (embeddings @ embeddings[row])
        label = np.zeros(size, dtype=bool)
        label[graph.neighbours(int(row))] = True
        labels.append(np.delete(label, row))
        scores.append(np.delete(-np.sqrt(distance2.clip(0)), row).astype(np.float32))
    return float(average_precision_score(np.concatenate(labels), np.concatenate(scores)))
