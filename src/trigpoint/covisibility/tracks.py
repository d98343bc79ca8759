"""Overlap from structure from motion: the triangulated points that two photos share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from trigpoint.core.scene import Frame
from trigpoint.data.colmap_tracks import Tracks


def track_overlap(frames: Sequence[Frame], tracks: Tracks, *, floor: float) -> sparse.csr_array:
    """Harmonic mean of the shares of their points that two photos have in common: 2 shared / (own_i + own_j).

    Args:
        frames: N frames of the scene that the tracks were read from.
        tracks: who observes which point.
        floor: smaller overlaps are left out, more than 0.

    Returns:
        (N, N) float32 CSR, symmetric, without diagonal.
    """
    seen = [np.unique(tracks.photos[frame.name].point) for frame in frames]
    rows = np.repeat(np.arange(len(seen)), [len(points) for points in seen])
    ones = np.ones(len(rows), dtype=np.float32)
    shape = (len(frames), len(tracks.points))
    observed = sparse.csr_array((ones, (rows, np.concatenate(seen).astype(np.int64))), shape=shape)
    shared = sparse.coo_array(observed @ observed.T)
    own = np.array([len(points) for points in seen], dtype=np.float32)
    i, j = shared.coords
    overlap = 2 * shared.data / np.maximum(own[i] + own[j], 1)
    kept = (i != j) & (overlap >= floor)
    return sparse.csr_array((overlap[kept].astype(np.float32), (i[kept], j[kept])), shape=(len(frames), len(frames)))
