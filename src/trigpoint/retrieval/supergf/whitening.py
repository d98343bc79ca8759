"""Whitening of finished descriptors along few directions: what many images have in common counts less."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Whitening(nn.Module):
    """Scales descriptors along R directions and leaves the rest as it is.

    Jegou and Chum (Negative evidences and co-occurences in image retrieval, ECCV 2012) whiten all directions; few of them do
    most of it with a quarter of the weights, and those of little variance are not blown up.

    Args:
        dim: length D of a descriptor.
        rank: number R of directions.
    """

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(dim))
        self.directions = nn.Parameter(torch.eye(dim, rank))
        self.change = nn.Parameter(torch.zeros(rank))

    def forward(self, descriptors: Tensor) -> Tensor:
        """(B, D) to (B, D) of unit length."""
        centred = descriptors - self.mean
        along = centred @ self.directions
        return functional.normalize(centred + (along * self.change) @ self.directions.T, dim=1)

    def shortened(self, descriptors: Tensor, dim: int) -> Tensor:
        """(B, D) to (B, dim) of unit length: only the first directions, ``dim`` at most R."""
        along = (descriptors - self.mean) @ self.directions
        return functional.normalize((along * (1 + self.change))[:, :dim], dim=1)

    @torch.no_grad()
    def start(self, descriptors: Tensor) -> None:
        """Take the principal directions of (P, D) descriptors, of unit length, of training images; few images give few.

        The standard deviation along each is brought down to that along the next direction, or the last of all.
        """
        rank = min(len(self.change), len(descriptors) // 4)
        if rank < 1:
            return
        mean = descriptors.mean(dim=0)
        covariance = torch.cov(descriptors.T.double())
        values, vectors = torch.linalg.eigh(covariance)
        values, vectors = values.flip(0).clamp_min(1e-12), vectors.flip(1)
        largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
        vectors = vectors * largest.sign()
        self.mean.copy_(mean)
        self.directions.copy_(vectors[:, : len(self.change)])
        self.change.zero_()
        level = values[min(rank, len(values) - 1)]
        self.change[:rank] = (values[:rank] / level).rsqrt().float() - 1
