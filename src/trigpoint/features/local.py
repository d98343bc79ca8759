"""What a local encoder gives for one view, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """Keypoints of one view with their descriptors.

    Attributes:
        keypoints_px: (N, 2) float32, px of the view; (0.5, 0.5) is the centre of its first pixel.
        descriptors: (N, C) float32.
        scores: (N,) float32, larger is better.
    """

    keypoints_px: Tensor
    descriptors: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return self.keypoints_px.shape[0]

    def select(self, index: Tensor) -> LocalFeatures:
        """The features at ``index``, an integer or boolean (N,) tensor."""
        return LocalFeatures(self.keypoints_px[index], self.descriptors[index], self.scores[index])

    def best(self, count: int) -> LocalFeatures:
        """The ``count`` features of highest score, in the order they had."""
        if len(self) <= count:
            return self
        return self.select(torch.topk(self.scores, count).indices.sort().values)


class LocalEncoder(Protocol):
    """A frozen network or operator from a gray view to keypoints and descriptors.

    Attributes:
        name: key in ``ENCODERS``, or the name of the entry point.
        dim: length C of a descriptor.
        dense: whether it describes every cell of a grid, and no spot that would be found again in another image to the
            pixel: such keypoints are not triangulated.
        size_multiple: sides of a view must be a multiple of this, px.
        weights_sha256: identity of the weights, ``""`` without weights.
    """

    name: str
    dim: int
    dense: bool
    size_multiple: int
    weights_sha256: str

    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """Encode one view.

        Args:
            view: (H, W) uint8 gray, sides multiples of ``size_multiple``.
            max_keypoints: number of keypoints to return at most; dense encoders return every cell and ignore it.
        """
        ...
