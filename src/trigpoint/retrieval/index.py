"""Exact search by cosine among the descriptors of the mapping images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.errors import MappingError

_STEPS = 127
# Similarities that differ by less are rounding, and rounding depends on where a row stands in a matrix.
_TIE = 1e-6


class RetrievalIndex:
    """The descriptors of a gallery of images.

    Args:
        vectors: (N, D) float16 or float32, scaled to unit length for the search. A row of zeros (an image without keypoints)
            has similarity 0 to everything.

    Raises:
        MappingError: wrong shape, no vector, NaN or infinity (TP-639).
    """

    def __init__(self, vectors: Tensor) -> None:
        check_vectors(vectors)
        self.vectors = vectors
        self._unit = functional.normalize(vectors.float(), dim=1)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Length of a descriptor."""
        return self.vectors.shape[1]

    @property
    def bytes_per_image(self) -> int:
        """What a map keeps of each image, see ``state``."""
        return self.dim

    shared_bytes = 0

    def search(self, query: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The most similar gallery images, best first; of equal ones that with the smaller index.

        Args:
            query: (D,) or (Q, D) descriptors.
            k: how many to find, 1 or more; all if there are fewer.

        Returns:
            indices (k,) or (Q, k) int64, and cosines of the same shape, float32.

        Raises:
            MappingError: queries of another length than the gallery, NaN or infinity (TP-639).
        """
        queries = checked_queries(query, self.dim)
        cosine = functional.normalize(queries, dim=1) @ self._unit.T
        return ranked(cosine, k, single=query.ndim == 1)

    def state(self) -> dict[str, NDArray]:
        """The tensors to keep in a map: the unit vectors (N, D) in int8 steps, which changes cosines by about 0.0005.

        Measured, this changes no recall; ``restore_index`` only needs the directions, so the size of a step is not kept.
        """
        return {"vectors": directions(self._unit).numpy()}


def restore_index(state: Mapping[str, NDArray], dim: int) -> RetrievalIndex:
    """The index of N images that ``RetrievalIndex.state`` was taken from, with the (N, dim) descriptors of its map.

    Raises:
        MappingError: tensors that are missing or do not fit (TP-639).
    """
    if "vectors" not in state:
        raise unusable("the tensor 'vectors' is missing")
    vectors = state["vectors"]
    if vectors.dtype != np.int8 or vectors.shape[1:] != (dim,):
        raise unusable(f"descriptors of the type {vectors.dtype} and the shape {vectors.shape}, not int8 of length {dim}")
    return RetrievalIndex(torch.tensor(vectors).float())


def directions(descriptors: Tensor) -> Tensor:
    """(N, C) float descriptors to int8 directions: cosines change by about 0.0005."""
    largest = descriptors.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    return torch.round(descriptors * (_STEPS / largest)).to(torch.int8)


def ranked(similarity: Tensor, k: int, *, single: bool) -> tuple[Tensor, Tensor]:
    """The ``k`` largest of each row of (Q, N) cosines, in a fixed order.

    Returns:
        (Q, k) int64 indices and (Q, k) cosines, or (k,) each for a single query.
    """
    if k < 1:
        raise ValueError(f"k is {k}, it must be 1 or more")
    steps = torch.round(similarity / _TIE)
    order = torch.sort(steps, dim=1, descending=True, stable=True).indices[:, :k]
    values = similarity.gather(1, order)
    return (order[0], values[0]) if single else (order, values)


def check_vectors(vectors: Tensor) -> None:
    """Refuse what no index can be made of: anything but (N, D) finite numbers, N images. Raises MappingError TP-639."""
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise unusable(f"the descriptors have the shape {tuple(vectors.shape)}, it must be images by length")
    if not torch.isfinite(vectors.float()).all():
        raise unusable("the descriptors contain NaN or infinity")


def checked_queries(query: Tensor, dim: int) -> Tensor:
    """(D,) or (Q, D) query descriptors of length ``dim`` as (Q, D) float32, not scaled to unit length.

    Raises:
        MappingError: another shape, NaN or infinity (TP-639).
    """
    queries = query.float().reshape(-1, query.shape[-1] if query.ndim else 1)
    if query.ndim not in (1, 2) or queries.shape[1] != dim:
        raise unusable(f"the query has the shape {tuple(query.shape)}, descriptors have {dim} numbers")
    if not torch.isfinite(queries).all():
        raise unusable("the query contains NaN or infinity")
    return queries


def unusable(detail: str) -> MappingError:
    """The error for descriptors that cannot be searched."""
    return MappingError("TP-639", f"the retrieval index cannot be used: {detail}", fix="Build the map again.")
