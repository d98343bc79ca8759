"""Graded labels: how much of what one image shows another shows too, 0 to 1, for many images of several scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.core.errors import MappingError

Overlap = NDArray[np.floating] | sparse.csr_array | sparse.coo_array


@dataclass(frozen=True, eq=False)
class GradedLabels:
    """Labels of all pairs of images.

    Attributes:
        pairs: (N, N) float32 in CSR form, row = query; without diagonal and without zeros. Pairs that are not stored have
            label 0: they show nothing in common.
        scene: (N,) int32, the scene of each image. Images of different scenes have label 0.
    """

    pairs: sparse.csr_array
    scene: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.scene)

    def of(self, queries: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float32]:
        """(Q, L) labels, 0 to 1, of images for queries, from (Q,) indices of queries and (L,) indices of images."""
        return np.asarray(self.pairs[np.ix_(queries, images)].todense(), dtype=np.float32)


def labels_from_overlaps(overlaps: Sequence[Overlap], *, ignore_below: float = 0.0) -> GradedLabels:
    """Labels from one overlap matrix for each scene.

    The label of a pair is the mean of its overlaps in both directions, so that a close-up and the whole view of a thing are
    as alike seen from either.

    Args:
        overlaps: an (N_k, N_k) matrix for each scene, dense or sparse, entries in [0, 1]; the diagonal does not matter.
        ignore_below: smaller overlaps count as none.

    Raises:
        MappingError: a matrix is not square, or has entries outside [0, 1] (TP-643).
    """
    blocks = [_symmetric(overlap, index, ignore_below) for index, overlap in enumerate(overlaps)]
    if not blocks:
        raise MappingError("TP-643", "there are no overlap matrices", fix="Give one for each scene.")
    scene = np.repeat(np.arange(len(blocks), dtype=np.int32), [overlap.shape[0] for overlap in overlaps])  # pyright: ignore
    return GradedLabels(sparse.csr_array(sparse.block_diag(blocks, format="csr")), scene)


def check_labels(labels: GradedLabels, positive_label: float) -> NDArray[np.int64]:
    """(Q,) ascending indices of the images that can be queries: those with a positive.

    Raises:
        MappingError: there is none (TP-644).
    """
    rows, _, values = sparse.find(labels.pairs)
    queries = np.unique(rows[values >= positive_label]).astype(np.int64)
    if len(queries) == 0:
        raise MappingError(
            "TP-644",
            f"there is nothing to learn: none of {len(labels)} images overlaps another by {positive_label:g} or more",
            fix="Use images taken closer together, or lower the setting lists.positive_label.",
        )
    return queries


def _symmetric(overlap: Overlap, index: int, ignore_below: float) -> sparse.coo_array:
    rows, columns, values = sparse.find(overlap)
    shape: tuple[int, ...] = tuple(overlap.shape or ())
    if len(shape) != 2 or shape[0] != shape[1] or not (np.isfinite(values) & (values >= 0) & (values < 1 + 1e-5)).all():
        raise MappingError(
            "TP-643",
            f"the overlap matrix of scene {index} has the shape {shape}, or entries outside 0 to 1",
            fix="Give a square matrix of overlaps.",
        )
    other = rows != columns
    half = values[other].clip(0, 1).astype(np.float32) / 2
    one_way = sparse.csr_array((half, (rows[other], columns[other])), shape=shape)
    rows, columns, values = sparse.find(one_way + one_way.T)
    strong = values >= ignore_below
    return sparse.coo_array((values[strong], (rows[strong], columns[strong])), shape=shape)
