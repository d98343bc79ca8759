"""Global descriptors without anything to fit: the mean of the local descriptors, and generalised-mean pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.descriptor_state import impossible_dim, unfit

GEM_POWER = 3.0


class MeanDescriptor:
    """The mean of the local descriptors, scaled to unit length."""

    name = "mean"

    def __init__(self, dim: int) -> None:
        self.dim = self.local_dim = dim

    def describe(self, features: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """(dim,) of unit length, see ``GlobalDescriptor.describe``."""
        if len(features) == 0:
            return torch.zeros(self.dim)
        return functional.normalize(features.descriptors.mean(dim=0), dim=0)

    def state(self) -> dict[str, NDArray]:
        """No tensors (0 bytes): nothing of (dim,) numbers is fitted."""
        return {}


class GemDescriptor:
    """Generalised mean (Radenovic et al., TPAMI 2018) with power 3 of the positive and of the negative parts.

    GeM is defined for activations that are not negative. Local descriptors have both signs, so the two parts are pooled
    beside each other: twice the length of a local descriptor.
    """

    name = "gem"

    def __init__(self, dim: int) -> None:
        self.dim, self.local_dim = dim, dim // 2

    def describe(self, features: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """(dim,) of unit length, see ``GlobalDescriptor.describe``."""
        if len(features) == 0:
            return torch.zeros(self.dim)
        parts = torch.cat([features.descriptors, -features.descriptors], dim=1).clamp_min(0)
        return functional.normalize(parts.pow(GEM_POWER).mean(dim=0).pow(1 / GEM_POWER), dim=0)

    def state(self) -> dict[str, NDArray]:
        """No tensors (0 bytes): nothing of (dim,) numbers is fitted."""
        return {}


def fit_mean(images: Sequence[SizedFeatures], dim: int, seed: int) -> MeanDescriptor:
    """See ``DescriptorKind.fit``. Raises MappingError TP-632."""
    return MeanDescriptor(_natural("mean", dim, _local_dim(images)))


def fit_gem(images: Sequence[SizedFeatures], dim: int, seed: int) -> GemDescriptor:
    """See ``DescriptorKind.fit``. Raises MappingError TP-632."""
    return GemDescriptor(_natural("gem", dim, 2 * _local_dim(images)))


def restore_mean(state: Mapping[str, NDArray], dim: int) -> MeanDescriptor:
    """The descriptor of (dim,) numbers of unit length, see ``DescriptorKind.restore``. Raises MappingError TP-633."""
    _nothing(state)
    return MeanDescriptor(dim)


def restore_gem(state: Mapping[str, NDArray], dim: int) -> GemDescriptor:
    """The descriptor of (dim,) numbers of unit length, see ``DescriptorKind.restore``. Raises MappingError TP-633."""
    _nothing(state)
    if dim % 2:
        raise unfit(f"its length is {dim}, not even")
    return GemDescriptor(dim)


def _local_dim(images: Sequence[SizedFeatures]) -> int:
    return images[0][0].descriptors.shape[1]


def _natural(name: str, dim: int, natural: int) -> int:
    if dim not in (0, natural):
        raise impossible_dim(name, dim, f"{natural} (0 takes it)")
    return natural


def _nothing(state: Mapping[str, NDArray]) -> None:
    if state:
        raise unfit(f"there should be no tensor '{next(iter(state))}'")
