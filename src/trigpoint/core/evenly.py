"""Evenly spaced indices, the first and the last included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(total: int, wanted: int) -> NDArray[np.int64]:
    """(min(total, wanted),) int64 ascending indices below ``total``, all different, from the first to the last."""
    return np.linspace(0, total - 1, min(total, wanted)).astype(np.int64)
