"""Pairs of near points in an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def pairs_within(points: Array, others: Array, radius: float) -> tuple[Indices, Indices]:
    """All pairs of near points.

    Points are sorted into cells as wide as the radius, so that the time is that of the pairs. scipy's trees do the same, and
    take longer to import than an image takes to localize.

    Args:
        points: (N, 2), px.
        others: (M, 2), px; NaN is near to nothing.
        radius: px.

    Returns:
        (P,) indices of the points and (P,) of the others that are at most ``radius`` away.
    """
    if not len(points):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    low, high = points.min(axis=0) - 2 * radius, points.max(axis=0) + 2 * radius
    inside = np.flatnonzero(((others > low) & (others < high)).all(axis=1))
    width = int((high[0] - low[0]) / radius) + 3
    keys = _cells(points, low, radius) @ (1, width)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    centre = _cells(others[inside], low, radius) @ (1, width)
    # Three cells side by side are neighbours in the order, too.
    first = np.concatenate([np.searchsorted(keys, centre + row - 1, "left") for row in (-width, 0, width)])
    last = np.concatenate([np.searchsorted(keys, centre + row + 1, "right") for row in (-width, 0, width)])
    counts = last - first
    ends = np.cumsum(counts)
    found = order[np.repeat(first - ends + counts, counts) + np.arange(counts.sum())]
    other = np.repeat(np.tile(inside, 3), counts)
    near = ((points[found] - others[other]) ** 2).sum(axis=1) <= radius**2
    return found[near], other[near]


def _cells(points: Array, low: Array, radius: float) -> Indices:
    """(N, 2) column and row of the cells that (N, 2) points lie in; lengths in px."""
    return np.floor((points - low) / radius).astype(np.int64)
