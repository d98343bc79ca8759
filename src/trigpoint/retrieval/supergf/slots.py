"""SuperGF with slots side by side: the tokens of the slots, concatenated, are the descriptor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trigpoint.core.randomness import torch_generator
from trigpoint.retrieval.supergf.aggregator import (
    Aggregated,
    Aggregator,
    GemAggregator,
    by_grid,
    initialize,
    padded,
    stacked_grids,
)
from trigpoint.retrieval.supergf.codebook import Codebook, SlotMixer
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens
from trigpoint.retrieval.supergf.whitening import Whitening

# Weights of 1 for all keypoints, and a transformer that changes nothing.
_START_AT_ZERO = ("codebook.weigh.2.weight", "mixer.drop.weight")


class SlotAggregator(Aggregator):
    """``pooling`` ``"slots"``, of either variant: codebook, a transformer that corrects its tokens, whitening.

    The generalised mean forgets which slot a value came from. Here slots have the same meaning in every image, so the
    tokens are kept side by side.
    """

    def __init__(self, config: SuperGFConfig, generator: torch.Generator) -> None:
        super().__init__(config)
        dense = config.variant == "dense"
        dim = config.input_dim
        self.convolution = nn.Conv2d(dim, dim, 3, stride=config.stride, padding=1) if dense else None
        self.codebook = Codebook(config, generator)
        self.mixer = SlotMixer(config, generator)
        self.whitening = Whitening(config.dim, config.whitening_rank)
        initialize(self, generator)
        for name, weight in self.named_parameters():
            if name in _START_AT_ZERO:
                nn.init.zeros_(weight)
        if self.convolution is not None:
            # One cell in four as it is; what surrounds it is learned.
            nn.init.dirac_(self.convolution.weight)

    def forward(self, images: Sequence[ImageTokens]) -> Aggregated:
        """Describe a batch of at least one image."""
        gathered = self.gather(images)
        return Aggregated(self.whitening(gathered.descriptors), gathered.attention)

    def shortened(self, images: Sequence[ImageTokens], dim: int) -> Tensor:
        """(B, dim) descriptors of unit length.

        Up to ``config.whitening_rank`` they are the main directions of the whitening alone. Above it ``dim`` is a
        multiple of the number of slots: each gives its first numbers, which its basis sorts by their variance.
        """
        gathered = self.gather(images).descriptors
        if dim <= self.config.whitening_rank:
            return self.whitening.shortened(gathered, dim)
        parts = self.whitening(gathered).unflatten(1, (self.config.slots, self.config.slot_width))
        return functional.normalize(parts[:, :, : dim // self.config.slots].flatten(1), dim=1)

    def gather(self, images: Sequence[ImageTokens]) -> Aggregated:
        """The descriptors as they are before whitening."""
        if self.convolution is None:
            return Aggregated(*self._gather(*padded(images, self.codebook.centres.device)))
        return Aggregated(by_grid(images, lambda members: self._gather(*self.tokens(members))[0]), None)

    def tokens(self, images: Sequence[ImageTokens]) -> tuple[Tensor, Tensor, Tensor]:
        """What the codebook gathers: descriptors (B, K, C) without unit, positions (B, K, 3), mask (B, K)."""
        device = self.codebook.centres.device
        if self.convolution is None:
            return padded(images, device)
        grid = functional.normalize(self.convolution(stacked_grids(images, device)), dim=1)
        rows, columns = images[0].grid
        where = torch.stack([image.where for image in images]).to(device).reshape(len(images), rows, columns, 3)
        stride = self.config.stride
        where = where[:, ::stride, ::stride].reshape(len(images), -1, 3)
        descriptors = grid.flatten(2).transpose(1, 2)
        return descriptors, where, torch.ones(descriptors.shape[:2], dtype=torch.bool, device=device)

    def _gather(self, descriptors: Tensor, where: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        tokens, attention = self.codebook(descriptors, where, mask)
        return functional.normalize(self.mixer(tokens).flatten(1), dim=1), attention


def make_aggregator(config: SuperGFConfig, seed: int = 0) -> Aggregator:
    """An untrained aggregator."""
    generator = torch_generator(seed, "supergf")
    return (GemAggregator if config.pooling == "gem" else SlotAggregator)(config, generator)
