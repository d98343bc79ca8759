"""VLAD, the vector of locally aggregated descriptors (Jegou et al., CVPR 2010), small enough to travel in a map.

Each local descriptor is assigned to the nearest of K centres of a k-means vocabulary, and its difference from that centre is
added up for the centre. The differences are reduced to a few numbers by a PCA of the local descriptors, because that needs a
few kilobytes in a map where a PCA of the long VLAD vectors would need half a megabyte or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.randomness import derived_seed, numpy_generator
from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.descriptor_state import impossible_dim, tensor, unfit

NATURAL_DIM = 1024
# Measured: 64 centres with 16 numbers each find more than 16 with 64 or 32 with 32, at the same length.
_MAX_CENTRES = 64
_REDUCED_DIM = 16
_SAMPLE = 40_000


class VladDescriptor:
    """VLAD with reduced differences.

    Args:
        centres: (K, C) float32 centres of the vocabulary.
        basis: (C, R) float32 orthonormal columns that reduce the differences.
        intra: whether the part of each centre is scaled to unit length (Arandjelovic and Zisserman, CVPR 2013).
        power: exponent for the magnitude of all numbers; 0.5 is the signed square root (SSR), 1 leaves them.
    """

    name = "vlad"

    def __init__(self, centres: Tensor, basis: Tensor, *, intra: bool = False, power: float = 0.5) -> None:
        self.centres, self.basis, self.intra, self.power = centres, basis, intra, power
        self.dim = centres.shape[0] * basis.shape[1]
        self.local_dim = centres.shape[1]
        self._reduced = centres @ basis
        self._half_norms = 0.5 * centres.square().sum(dim=1)

    @torch.inference_mode()
    def describe(self, features: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """(dim,) of unit length, see ``GlobalDescriptor.describe``: assign, sum the differences, reduce, normalise."""
        local = features.descriptors
        # The nearest centre by distance: the norm of the descriptor itself decides nothing.
        nearest = (local @ self.centres.T - self._half_norms).argmax(dim=1)
        # A matrix product, because adding up by index is in no fixed order on several threads.
        assigned = functional.one_hot(nearest, len(self.centres)).float()
        parts = assigned.T @ (local @ self.basis) - assigned.sum(dim=0)[:, None] * self._reduced
        if self.intra:
            parts = functional.normalize(parts, dim=1)
        vector = parts.flatten()
        return functional.normalize(vector.sign() * vector.abs().pow(self.power), dim=0)

    def state(self) -> dict[str, NDArray]:
        """Centres (K, C) and basis (C, R), float16, without unit, and the two kinds of normalisation."""
        return {
            "centres": self.centres.half().numpy(),
            "basis": self.basis.half().numpy(),
            "normalization": np.array([self.intra, self.power], dtype=np.float16),
        }


def fit(images: Sequence[SizedFeatures], dim: int, seed: int, *, intra: bool = False, power: float = 0.5) -> VladDescriptor:
    """Learn vocabulary and basis from the local descriptors of a scene. Deterministic.

    Args:
        images: local features of the mapping images.
        dim: length of the descriptor, a multiple of 16; 0: 1024.
        seed: seed of the map.
        intra: see ``VladDescriptor``.
        power: see ``VladDescriptor``.

    Raises:
        MappingError: an impossible length, or too few keypoints for it (TP-632).
    """
    from sklearn.cluster import KMeans

    sample = _sample(images, seed)
    centres, reduced = _shape(dim or NATURAL_DIM, sample.shape[1])
    distinct = len(np.unique(sample[: 16 * centres], axis=0))
    if distinct < centres:
        raise impossible_dim("vlad", dim or NATURAL_DIM, f"at most {_REDUCED_DIM * distinct} for {distinct} keypoints")
    random_state = derived_seed(seed, "vocabulary") % 2**32
    means = KMeans(centres, max_iter=50, random_state=random_state).fit(sample).cluster_centers_
    # Rounded as the map keeps them, so that a restored descriptor is the same.
    centres_basis = [torch.from_numpy(values.astype(np.float16)).float() for values in (means, _principal(sample, reduced))]
    return VladDescriptor(*centres_basis, intra=intra, power=float(np.float16(power)))


def restore(state: Mapping[str, NDArray], dim: int) -> VladDescriptor:
    """The descriptor of (dim,) numbers of unit length, see ``DescriptorKind.restore``. Raises MappingError TP-633."""
    centres = tensor(state, "centres", (None, None))
    basis = tensor(state, "basis", (centres.shape[1], None))
    intra, power = tensor(state, "normalization", (2,))
    if centres.shape[0] * basis.shape[1] != dim or dim < 1:
        raise unfit(f"{centres.shape[0]} centres with {basis.shape[1]} numbers each do not make {dim}")
    if intra not in (0, 1) or not 0 < power <= 1:
        raise unfit("its normalisation is unknown")
    return VladDescriptor(torch.from_numpy(centres), torch.from_numpy(basis), intra=bool(intra), power=float(power))


def _shape(dim: int, local_dim: int) -> tuple[int, int]:
    """Number of centres, and of numbers kept of each difference, for a length."""
    longest = _MAX_CENTRES * local_dim
    if dim < _REDUCED_DIM or dim % _REDUCED_DIM or dim > longest:
        raise impossible_dim("vlad", dim, f"a multiple of {_REDUCED_DIM} up to {longest}")
    centres = min(_MAX_CENTRES, dim // _REDUCED_DIM)
    if dim % centres:
        raise impossible_dim("vlad", dim, f"a multiple of {_MAX_CENTRES} above {_MAX_CENTRES * _REDUCED_DIM}")
    return centres, dim // centres


def _sample(images: Sequence[SizedFeatures], seed: int) -> NDArray[np.float32]:
    """Local descriptors drawn evenly from all images, in random order."""
    generator = numpy_generator(seed, "vocabulary sample")
    count = -(-_SAMPLE // len(images))
    drawn = [
        features.descriptors.numpy()[generator.permutation(len(features))[:count]] for features, _ in images if len(features)
    ]
    joined = np.concatenate(drawn).astype(np.float32)
    return joined[generator.permutation(len(joined))]


def _principal(sample: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """(C, count) principal directions of the sample, each with its largest number positive."""
    covariance = np.cov(sample.astype(np.float64), rowvar=False)
    directions = np.linalg.eigh(covariance).eigenvectors[:, ::-1][:, :count]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return directions * np.sign(largest)
