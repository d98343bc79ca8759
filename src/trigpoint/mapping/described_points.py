"""Landmarks with their descriptors, for poses that are refined on what they see of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class DescribedPoints:
    """M points, each with a descriptor.

    Attributes:
        positions: (M, 3) in the normalised frame.
        descriptors: (M, C) float32 of unit length.
        middle: (C,) float32 that is taken off the descriptors of a query, or None.
        min_cosine: of a keypoint that may be a landmark.
    """

    positions: NDArray[np.floating]
    descriptors: Tensor
    middle: Tensor | None
    min_cosine: float

    @torch.inference_mode()
    def comparable(self, descriptors: Tensor) -> Tensor:
        """(N, C) local descriptors of a query as ``cosines`` wants them: unit length, without the middle."""
        unit = functional.normalize(descriptors.to(self.descriptors.device), dim=1)
        return unit if self.middle is None else functional.normalize(unit - self.middle, dim=1)

    @torch.inference_mode()
    def cosines(self, comparable: Tensor, keypoints: NDArray[np.int64], landmarks: NDArray[np.int64]) -> NDArray[np.float32]:
        """How alike keypoints and landmarks are.

        Args:
            comparable: (N, C) descriptors of a query.
            keypoints: (P,) indices among those.
            landmarks: (P,) indices among the landmarks.

        Returns:
            (P,) cosines.
        """
        device = comparable.device
        ours = self.descriptors[torch.from_numpy(landmarks).to(device)]
        return (comparable[torch.from_numpy(keypoints).to(device)] * ours).sum(dim=1).cpu().numpy()
