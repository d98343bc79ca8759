"""What a global descriptor is, and the table of those there are.

A global descriptor turns the local features of an image into one vector; images that show the same get similar vectors. It
is fitted to the mapping images of a scene, and the tensors it needs beside its code travel in the map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.errors import MappingError, did_you_mean
from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.descriptor_state import unfit

# Before the name of a file that holds a trained aggregator.
AGGREGATOR = "supergf:"


class GlobalDescriptor(Protocol):
    """A function from the local features of an image to one vector.

    Attributes:
        name: key in ``DESCRIPTORS``.
        dim: length of the descriptor.
        local_dim: length of the local descriptors that it is made of.
    """

    name: str
    dim: int

    @property
    def local_dim(self) -> int:
        """See above."""
        ...

    def describe(self, features: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """The descriptor of an image: (dim,) float32 of unit length; zeros for an image without keypoints.

        Args:
            features: local features of the image.
            size: (width, height) of the upright image, px.
        """
        ...

    def state(self) -> dict[str, NDArray]:
        """Tensors, such as centres (K, C), that a map of the scene must carry, by name, without units; ``{}`` for none."""
        ...


@dataclass(frozen=True)
class DescriptorKind:
    """How one kind of global descriptor comes to be.

    Attributes:
        fit: (images, dim, seed) to a descriptor fitted to the mapping images of a scene. ``dim`` is the wanted length, 0 for
            the natural one; kinds whose length follows from the local features take no other.
        restore: (state, dim) to the same descriptor again; ``dim`` is that of the fitted one.
    """

    fit: Callable[[Sequence[SizedFeatures], int, int], GlobalDescriptor]
    restore: Callable[[Mapping[str, NDArray], int], GlobalDescriptor]


def _descriptors() -> dict[str, DescriptorKind]:
    from trigpoint.retrieval import pooling, vlad
    from trigpoint.retrieval.supergf import descriptor as supergf

    return {
        "vlad": DescriptorKind(vlad.fit, vlad.restore),
        "mean": DescriptorKind(pooling.fit_mean, pooling.restore_mean),
        "gem": DescriptorKind(pooling.fit_gem, pooling.restore_gem),
        "supergf": DescriptorKind(supergf.fit, supergf.restore),
    }


DESCRIPTORS: dict[str, DescriptorKind] = _descriptors()


def descriptor_kind(name: str) -> DescriptorKind:
    """The entry of ``DESCRIPTORS``, or the trained aggregator of a file for ``supergf:FILE``.

    Raises:
        MappingError: unknown name (TP-631).
    """
    if name.startswith(AGGREGATOR):
        from trigpoint.retrieval.supergf import descriptor as supergf

        path = Path(name.removeprefix(AGGREGATOR))
        return DescriptorKind(partial(supergf.fit, path=path), supergf.restore)
    if name not in DESCRIPTORS:
        raise MappingError("TP-631", f"unknown global descriptor '{name}'", fix=did_you_mean(name, DESCRIPTORS))
    return DESCRIPTORS[name]


def fit_descriptor(name: str, images: Sequence[SizedFeatures], dim: int = 0, seed: int = 0) -> GlobalDescriptor:
    """Fit a descriptor to the mapping images of a scene. Deterministic.

    Args:
        name: key in ``DESCRIPTORS``, or ``supergf:FILE``.
        images: local features and sizes of the mapping images.
        dim: wanted length; 0: the natural one of the kind.
        seed: seed of the map.

    Raises:
        MappingError: unknown name (TP-631), nothing to fit to or a length that cannot be had (TP-632), a file that holds no
            aggregator (TP-648).
        MapFileError: the file of an aggregator is missing or damaged (TP-401 to TP-403).
    """
    kind = descriptor_kind(name)
    if not any(len(features) for features, _ in images):
        raise MappingError(
            "TP-632",
            f"there is nothing to fit the descriptor '{name}' to: no keypoint in {len(images)} images",
            fix="Are the images black, blank or out of focus?",
        )
    return kind.fit(images, dim, seed)


def restore_descriptor(name: str, dim: int, state: Mapping[str, NDArray], local_dim: int | None = None) -> GlobalDescriptor:
    """The descriptor of (dim,) numbers of unit length that ``state()`` was taken from.

    Args:
        name: key in ``DESCRIPTORS``, or ``supergf:FILE``.
        dim: length of the descriptor.
        state: its tensors.
        local_dim: length of the local descriptors that it will be given; None: not compared.

    Raises:
        MappingError: unknown name (TP-631), tensors that do not fit (TP-633).
    """
    descriptor = descriptor_kind(name).restore(state, dim)
    if local_dim not in (None, descriptor.local_dim):
        raise unfit(f"it is for local descriptors of length {descriptor.local_dim}, not {local_dim}")
    return descriptor


def describe_images(descriptor: GlobalDescriptor, images: Sequence[SizedFeatures]) -> Tensor:
    """(N, dim) float32 descriptors of N images, of unit length; zeros for an image without keypoints."""
    if not images:
        return torch.zeros((0, descriptor.dim))
    return torch.stack([descriptor.describe(features, size) for features, size in images])
