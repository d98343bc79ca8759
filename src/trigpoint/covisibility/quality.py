"""How well the distance between the codes of two images tells whether they see the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.randomness import numpy_generator
from trigpoint.covisibility.graph import CovisibilityGraph

_PAIRS = 4_000_000


def average_precision(codes: NDArray[np.float32], graph: CovisibilityGraph, *, seed: int = 0, pairs: int = _PAIRS) -> float:
    """Average precision of the negative distance between codes as a score of edges (R-SCoRe's monitoring).

    Args:
        codes: (N, D).
        graph: of N images.
        seed: names the images that are looked at.
        pairs: with more ordered pairs than this, only those of some images with all others are counted.

    Returns:
        1.0 where all neighbours are closer than all others; the fraction of edges among the pairs for random codes.
    """
    from sklearn.metrics import average_precision_score

    size = len(graph)
    rows = np.arange(size)
    if size * (size - 1) > pairs:
        rows = np.sort(numpy_generator(seed, "covisibility", "quality").permutation(size)[: max(1, pairs // (size - 1))])
    square = np.square(codes, dtype=np.float64).sum(axis=1)
    labels, scores = [], []
    for row in rows:
        distance2 = square + square[row] - 2.0 * (codes @ codes[row])
        label = np.zeros(size, dtype=bool)
        label[graph.neighbours(int(row))] = True
        labels.append(np.delete(label, row))
        scores.append(np.delete(-np.sqrt(distance2.clip(0)), row).astype(np.float32))
    return float(average_precision_score(np.concatenate(labels), np.concatenate(scores)))
