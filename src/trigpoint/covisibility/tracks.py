"""Overlap of images from triangulated points: how many of the points that one image observes another observes too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from trigpoint.core.tracks import Tracks


def track_scores(names: Sequence[str], tracks: Tracks, *, floor: float) -> sparse.csr_array:
    """Overlaps, 0 to 1, of all pairs of images whose fraction of common points reaches ``floor``.

    With n_ij points observed by both images and n_i and n_j by each, the overlap is the harmonic mean of n_ij / n_i and
    n_ij / n_j, which is 2 n_ij / (n_i + n_j).

    Args:
        names: N names of images. One without observations overlaps no other.
        tracks: observations of triangulated points.
        floor: smaller overlaps are left out, 0 < floor <= 1.

    Returns:
        (N, N) symmetric float32 matrix with an empty diagonal.
    """
    points = [np.unique(tracks.images[name].point) if name in tracks.images else np.zeros(0, np.int64) for name in names]
    counts = np.array([len(observed) for observed in points], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indices = np.concatenate([np.zeros(0, np.int64), *points])
    ones = np.ones(len(indices), dtype=np.float32)
    seen = sparse.csr_array((ones, indices, indptr), shape=(len(names), len(tracks.points)))
    shared = sparse.coo_array(seen @ seen.T)
    row, column = shared.coords
    other = row != column
    row, column, common = row[other], column[other], shared.data[other]
    score = 2 * common / (counts[row] + counts[column])
    keep = score >= floor
    result = sparse.csr_array((score[keep].astype(np.float32), (row[keep], column[keep])), shape=shared.shape)
    result.sort_indices()
    return result
