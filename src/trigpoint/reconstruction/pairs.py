"""Which images to compare: all with all while that is affordable, otherwise neighbours by name, by looks and by GPS."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError
from trigpoint.reconstruction.images import SourceImage
from trigpoint.reconstruction.scale import metres_from_gps

if TYPE_CHECKING:
    from trigpoint.features.cache import SizedFeatures

Pairs = set[tuple[int, int]]
Array = NDArray[np.float32]

EXHAUSTIVE_UP_TO = 150
SEQUENCE_OVERLAP = 10
LOOK_ALIKES = 20
GPS_NEIGHBOURS = 20
# Keypoints of an image that are looked at.
_PER_IMAGE = 1024


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
        located = {index: image.gps for index, image in enumerate(images) if image.gps}
        if len(located) > 1:
            near = nearest_in_space(metres_from_gps(list(located.values())), GPS_NEIGHBOURS)
            number = list(located)
            chosen |= {(number[first], number[second]) for first, second in near}
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
    """(N, 1024) float32 VLAD descriptors of unit length of N images: the larger their products, the more alike they look.

    Where all images together have too few different keypoints for a vocabulary, all are zero.
    """
    import pycolmap

    from trigpoint.retrieval import vlad

    with pycolmap.Database.open(database_path) as database:
        images = [_features(database, number) for number in range(1, count + 1)]
    nothing = np.zeros((count, vlad.NATURAL_DIM), dtype=np.float32)
    if not any(len(features) for features, _ in images):
        return nothing
    try:
        descriptor = vlad.fit(images, vlad.NATURAL_DIM, seed, intra=True, power=1.0)
    except MappingError:
        return nothing
    return np.stack([descriptor.describe(features, size).numpy() for features, size in images])


def _features(database: Any, number: int) -> SizedFeatures:
    """The SIFT features of an image, an even choice of those; VLAD looks at the descriptors alone."""
    import torch

    from trigpoint.features.extract import ImageFeatures

    data = np.zeros((0, 128), dtype=np.float32)
    if database.exists_descriptors(number):
        # COLMAP keeps SIFT descriptors of unit length as bytes, times 512.
        data = np.asarray(database.read_descriptors(number).data, dtype=np.float32) / 512
    chosen = np.ascontiguousarray(data[:: max(1, len(data) // _PER_IMAGE)])
    nothing = np.zeros((len(chosen), 2))
    return ImageFeatures(nothing, torch.from_numpy(chosen), torch.ones(len(chosen)), 1.0), (1, 1)
