"""Matches between the local features of two images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.features.cache import SizedFeatures

# Smallest cosine between the descriptors of a match: what XFeat was published with.
MIN_COSINE = 0.82


class Matcher(Protocol):
    """Pairs up keypoints of two images. ``name`` is its key in ``MATCHERS``."""

    name: str

    def match(self, first: SizedFeatures, second: SizedFeatures) -> NDArray[np.int64]:
        """(M, 2) pairs of an index into the first and one into the second image's keypoints; none occurs twice."""
        ...


class MutualNearest:
    """Pairs that are each other's nearest neighbours by cosine, and alike enough.

    Attributes:
        min_cosine: pairs below it are left out.
    """

    name = "nearest"

    def __init__(self, min_cosine: float = MIN_COSINE) -> None:
        self.min_cosine = min_cosine

    def match(self, first: SizedFeatures, second: SizedFeatures) -> NDArray[np.int64]:
        """See ``Matcher.match``: (M, 2) keypoint indices."""
        return mutual_nearest(first[0].descriptors, second[0].descriptors, self.min_cosine)


@torch.inference_mode()
def mutual_nearest(first: Tensor, second: Tensor, min_cosine: float = 0.0) -> NDArray[np.int64]:
    """(M, 2) index pairs of mutual nearest neighbours by cosine, in the order of the first.

    Args:
        first: (A, C) descriptors of unit length.
        second: (B, C) descriptors of unit length.
        min_cosine: pairs below it are left out.
    """
    if len(first) == 0 or len(second) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    # NumPy finds largest entries twice as fast as torch, above all along columns.
    cosine = (first @ second.T).numpy()
    nearest, back = cosine.argmax(axis=1), cosine.argmax(axis=0)
    index = np.arange(len(first))
    mutual = (back[nearest] == index) & (cosine[index, nearest] >= min_cosine)
    return np.stack([index[mutual], nearest[mutual]], axis=1)
