"""Global encodings of queries, from what a map keeps of its mapping images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.artifact import part_of, typed
from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.encoding_config import DescriptorEncoding, GlobalEncoding
from trigpoint.retrieval.descriptor import GlobalDescriptor, restore_descriptor
from trigpoint.retrieval.index import RetrievalIndex, restore_index

_DESCRIPTOR, _INDEX = "descriptor.", "index."


@dataclass(frozen=True, eq=False)
class SceneEncoding:
    """A retrieval descriptor, and for R-SCoRe the node embeddings of the mapping images that it finds.

    Attributes:
        descriptor: of the same local features that the network regresses.
        index: descriptors of the P mapping images, or None where the descriptor itself is the encoding (GLACE).
        embeddings: (P, D) float16 node embeddings of the mapping images, or None.
        networks: (P,) uint8 network of an ensemble that learned each mapping image, or None.
    """

    descriptor: GlobalDescriptor
    index: RetrievalIndex | None = None
    embeddings: Tensor | None = None
    networks: Tensor | None = None

    def encodings(self, features: ImageFeatures, size: tuple[int, int], count: int) -> list[tuple[Tensor, int | None]]:
        """(D,) float32 encodings to try for a query, the likeliest first, each with its network, None for any.

        Args:
            features: local features of the query.
            size: width and height of the upright image, px.
            count: number of mapping images to look up at most.
        """
        vector = self.descriptor.describe(features, size)
        if self.index is None or self.embeddings is None:
            return [(vector, None)]
        images, _ = self.index.search(vector, count)
        networks = self.networks
        return [(self.embeddings[image].float(), None if networks is None else int(networks[image])) for image in images]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays by name, for a file: that of the descriptor and the index, (P, D) embeddings, (P,) indices of
        networks."""
        result = {_DESCRIPTOR + name: value for name, value in self.descriptor.state().items()}
        if self.index is not None and self.embeddings is not None:
            result |= {_INDEX + name: value for name, value in self.index.state().items()}
            result["embeddings"] = self.embeddings.numpy()
        if self.networks is not None:
            result["networks"] = self.networks.numpy()
        return result

    @staticmethod
    def from_tensors(
        tensors: Mapping[str, NDArray[Any]], config: GlobalEncoding, local_dim: int | None = None, ensemble: int = 1
    ) -> SceneEncoding:
        """The inverse of ``tensors``: arrays by name, (P, D) embeddings and (P,) indices of networks below ``ensemble``.

        Args:
            tensors: by name, without unit.
            config: the recipe.
            local_dim: length of a local descriptor; None: not compared.
            ensemble: number of networks.

        Raises:
            KeyError, ValueError, MappingError: arrays that are missing, do not fit together, or are out of range.
        """
        state = part_of(tensors, _DESCRIPTOR)
        if isinstance(config, DescriptorEncoding):
            return SceneEncoding(restore_descriptor(config.descriptor, config.dim, state, local_dim))
        descriptor = restore_descriptor(config.descriptor, config.descriptor_dim, state, local_dim)
        index = restore_index(part_of(tensors, _INDEX), config.descriptor_dim)
        embeddings = typed(tensors, "embeddings", np.float16)
        if embeddings.shape != (len(index), config.dim) or not np.isfinite(embeddings).all():
            raise ValueError(f"embeddings of shape {embeddings.shape} for {len(index)} images, or not finite")
        networks = typed(tensors, "networks", np.uint8) if "networks" in tensors else None
        if networks is not None and (networks.shape != (len(index),) or networks.max(initial=0) >= ensemble):
            raise ValueError(f"networks of {len(networks)} images, of which there are {len(index)}, or out of range")
        return SceneEncoding(
            descriptor,
            index,
            torch.from_numpy(embeddings.copy()),
            None if networks is None else torch.from_numpy(networks.copy()),
        )
