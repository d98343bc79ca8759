"""Groups of cameras: the centres of the position decoder, and the parts of an ensemble."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError
from trigpoint.core.randomness import numpy_generator

Array = NDArray[np.float64]


def cluster_centres(positions: Array, count: int, seed: int) -> torch.Tensor:
    """(k, 3) float32 K-means centres (k-means++ start) of (P, 3) camera centres (GLACE, section 3.3); k <= P."""
    _, centres = _k_means(positions, min(count, len(positions)), numpy_generator(seed, "position clusters"))
    return torch.from_numpy(centres).float()


def split_cameras(positions: Array, count: int, seed: int) -> NDArray[np.int64]:
    """Split (P, 3) camera centres into ``count`` groups: the largest is halved by 2-means until there are enough (ACE).

    Returns:
        (P,) group of each camera, 0 to ``count`` - 1.

    Raises:
        MappingError: fewer different positions than groups (TP-661).
    """
    group = np.zeros(len(positions), dtype=np.int64)
    spots = len(np.unique(positions, axis=0))
    if spots < count:
        raise MappingError(
            "TP-661",
            f"{len(positions)} images from {spots} spots cannot be split into {count} parts",
            fix=f"Use a smaller ensemble: --set ensemble={spots}.",
        )
    for number in range(1, count):
        # Images from one and the same spot cannot be told apart.
        sizes = [len(np.unique(positions[group == part], axis=0)) for part in range(number)]
        largest = int(np.argmax([(group == part).sum() if sizes[part] > 1 else 0 for part in range(number)]))
        members = np.flatnonzero(group == largest)
        labels, _ = _k_means(positions[members], 2, numpy_generator(seed, "ensemble split", number))
        group[members[labels == 1]] = number
    return group


def _k_means(positions: Array, count: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
    from sklearn.cluster import k_means

    state = int(generator.integers(2**31))
    centres, labels, *_ = k_means(positions, count, init="k-means++", n_init="auto", random_state=state)
    return np.asarray(labels, dtype=np.int64), np.asarray(centres, dtype=np.float64)
