"""What a map keeps to give a query its global encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.config import GlobalConfig
from trigpoint.retrieval.descriptor import GlobalDescriptor, restore_descriptor
from trigpoint.retrieval.index import RetrievalIndex, restore_index

_DESCRIPTOR = "descriptor."


@dataclass(frozen=True, eq=False)
class SceneEncoding:
    """A retrieval descriptor, and for R-SCoRe the codes of the mapping images that it finds.

    Attributes:
        descriptor: of the same local features that the network regresses.
        index: descriptors of the P mapping images, or None where the descriptor itself is the encoding (GLACE).
        codes: (P, D) float16 codes of the mapping images, or None.
        heads: (P,) uint8 network of an ensemble that learned each mapping image, or None.
    """

    descriptor: GlobalDescriptor
    index: RetrievalIndex | None = None
    codes: Tensor | None = None
    heads: Tensor | None = None

    def hypotheses(self, found: ImageFeatures, size: tuple[int, int], count: int) -> list[tuple[Tensor, int | None]]:
        """(D,) float32 encodings to try for a query, the likeliest first, each with its network, None for any.

        Args:
            found: local features of the query.
            size: width and height of the upright image, px.
            count: number of mapping images to look up at most.
        """
        vector = self.descriptor.describe(found, size)
        if self.index is None or self.codes is None:
            return [(vector, None)]
        images, _ = self.index.search(vector, count)
        return [(self.codes[image].float(), None if self.heads is None else int(self.heads[image])) for image in images]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays by name, for a file."""
        result = {_DESCRIPTOR + name: value for name, value in self.descriptor.state().items()}
        if self.index is not None and self.codes is not None:
            result |= {"index." + name: value for name, value in self.index.state().items()}
            result["codes"] = self.codes.numpy()
        if self.heads is not None:
            result["heads"] = self.heads.numpy()
        return result

    @staticmethod
    def from_tensors(tensors: dict[str, NDArray[Any]], config: GlobalConfig) -> SceneEncoding:
        """The inverse of ``tensors``. Raises KeyError or ValueError for arrays that do not fit together."""
        state = {name.removeprefix(_DESCRIPTOR): value for name, value in tensors.items() if name.startswith(_DESCRIPTOR)}
        dim = config.dim if config.kind == "descriptor" else config.descriptor_dim
        descriptor = restore_descriptor(config.descriptor, dim, state)
        if config.kind == "descriptor":
            return SceneEncoding(descriptor)
        index = restore_index(
            {name.removeprefix("index."): value for name, value in tensors.items() if name.startswith("index.")}
        )
        codes = torch.from_numpy(np.asarray(tensors["codes"], dtype=np.float16).copy())
        if len(codes) != len(index) or codes.shape[1] != config.dim:
            raise ValueError(f"{len(codes)} codes of length {codes.shape[1]} for {len(index)} images")
        heads = torch.from_numpy(np.asarray(tensors["heads"], dtype=np.uint8).copy()) if "heads" in tensors else None
        if heads is not None and len(heads) != len(index):
            raise ValueError(f"{len(heads)} networks for {len(index)} images")
        return SceneEncoding(descriptor, index, codes, heads)
