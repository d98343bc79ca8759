"""Global encodings of the mapping images, as batches of the training draw them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trigpoint.covisibility.graph import NeighbourTable


@dataclass(frozen=True, eq=False)
class ImageEncodings:
    """One encoding for each mapping image, and how batches vary it.

    Attributes:
        codes: (P, D) float32.
        noise: standard deviation of the feature diffusion: codes g become (g + noise) / |g + noise| (GLACE, Eq. 5); 0: none.
        neighbours: whose codes may stand in for an image's own (R-SCoRe), or None.
        neighbour_fraction: fraction of each batch whose codes are swapped.
    """

    codes: Tensor
    noise: float = 0.0
    neighbours: NeighbourTable | None = None
    neighbour_fraction: float = 0.0

    @property
    def dim(self) -> int:
        """Length D of a code."""
        return self.codes.shape[1]

    def draw(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """(B,) indices of images to (B, D) codes for one batch. The swapped ones come first; batches are in random order."""
        if self.neighbours is not None:
            swapped = round(self.neighbour_fraction * len(image))
            image = torch.cat([self.neighbours.draw(image[:swapped], generator), image[swapped:]])
        codes = self.codes[image]
        if self.noise == 0:
            return codes
        return functional.normalize(codes + self.noise * torch.randn(codes.shape, generator=generator), dim=1)
