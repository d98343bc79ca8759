"""Which images to compare: all with all while that is affordable, otherwise neighbours by name, by looks and by GPS."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.randomness import derived_seed, numpy_generator
from trigpoint.reconstruction.images import SourceImage
from trigpoint.reconstruction.scale import metres_from_gps

Pairs = set[tuple[int, int]]
Array = NDArray[np.float32]

EXHAUSTIVE_UP_TO = 150
SEQUENCE_OVERLAP = 10
LOOK_ALIKES = 20
GPS_NEIGHBOURS = 20
_WORDS, _SAMPLE, _PER_IMAGE = 64, 60_000, 1024


def choose_pairs(database_path: Path, images: Sequence[SourceImage], rule: str, seed: int) -> list[tuple[int, int]]:
    """Image ids (position in ``images``, from 1) of the pairs of images to compare, sorted.

    Args:
        database_path: database with the features of the images, in their order.
        images: sorted by name.
        rule: ``ReconstructionOptions.pairs``.
        seed: seed of the visual words.
    """
    count = len(images)
    if rule == "exhaustive" or (rule == "auto" and count <= EXHAUSTIVE_UP_TO):
        chosen: Pairs = set(combinations(range(count), 2))
    else:
        chosen = sequential_pairs(count) | nearest_pairs(image_vectors(database_path, count, seed), LOOK_ALIKES)
        located = [index for index, image in enumerate(images) if image.gps]
        if len(located) > 1:
            near = nearest_in_space(metres_from_gps([images[index].gps for index in located]), GPS_NEIGHBOURS)
            chosen |= {(located[first], located[second]) for first, second in near}
    return [(first + 1, second + 1) for first, second in sorted(chosen)]


def sequential_pairs(count: int, overlap: int = SEQUENCE_OVERLAP) -> Pairs:
    """Each image with the next ``overlap`` ones, and with those 16, 32, 64, ... further on."""
    steps = [*range(1, overlap + 1), *(1 << power for power in range(4, overlap))]
    return {(first, first + step) for step in steps for first in range(count - step)}


def nearest_pairs(vectors: Array, neighbours: int) -> Pairs:
    """Each image with those whose (N, D) unit vectors are nearest, as (smaller, larger) index."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :neighbours]
    return {(min(a, int(b)), max(a, int(b))) for a, row in enumerate(nearest) for b in row if int(b) != a}


def nearest_in_space(positions_m: NDArray[np.float64], neighbours: int) -> Pairs:
    """Each image with the nearest by position, (N, 3) m, as (smaller, larger) index."""
    from scipy.spatial import KDTree

    _, nearest = KDTree(positions_m).query(positions_m, k=min(neighbours + 1, len(positions_m)))
    return {(min(a, int(b)), max(a, int(b))) for a, row in enumerate(np.asarray(nearest)) for b in row if int(b) != a}


def image_vectors(database_path: Path, count: int, seed: int) -> Array:
    """(N, 8192) float32 unit vectors that tell how alike images look.

    VLAD (Jegou et al., CVPR 2010): residuals of the descriptors to their nearest of 64 visual words, summed for each word,
    each word normalised on its own (Arandjelovic and Zisserman, CVPR 2013).
    """
    import pycolmap
    from sklearn.cluster import MiniBatchKMeans

    with pycolmap.Database.open(database_path) as database:
        descriptors = [_descriptors(database, number) for number in range(1, count + 1)]
    pool = np.concatenate(descriptors)
    rng = numpy_generator(seed, "reconstruction", "visual words")
    sample = pool[rng.permutation(len(pool))[:_SAMPLE]]
    if len(sample) < _WORDS:
        return np.zeros((count, _WORDS * 128), dtype=np.float32)
    state = derived_seed(seed, "reconstruction", "visual words") % (1 << 32)
    means = MiniBatchKMeans(_WORDS, random_state=state).fit(sample)
    words = np.asarray(means.cluster_centers_, dtype=np.float32)
    return np.stack([_vlad(values, words) for values in descriptors])


def _descriptors(database: Any, number: int) -> Array:
    if not database.exists_descriptors(number):
        return np.zeros((0, 128), dtype=np.float32)
    data = np.asarray(database.read_descriptors(number).data)
    return np.asarray(data[:: max(1, len(data) // _PER_IMAGE)] / 512, dtype=np.float32)


def _vlad(descriptors: Array, words: Array) -> Array:
    sums = np.zeros_like(words)
    if len(descriptors):
        nearest = np.argmax(descriptors @ words.T - 0.5 * (words**2).sum(axis=1), axis=1)
        np.add.at(sums, nearest, descriptors - words[nearest])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    flat = (sums / np.maximum(lengths, 1e-12)).ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-12), dtype=np.float32)
