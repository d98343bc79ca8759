"""From local features to one vector: tokens, transformer, generalised mean, unit length (arXiv 2212.13105)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from trigpoint.retrieval.supergf.attention import GeneralizedMean, SlotAttention, TransformerLayer, sine_positions
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens


@dataclass(frozen=True, eq=False)
class Aggregated:
    """Result for a batch of images.

    Attributes:
        descriptors: (B, D) of unit length; with ``pooling`` ``"gem"`` all components are positive.
        attention: (B, N, K) weights of the slots, which sum to 1 over the keypoints; None for the dense variant.
    """

    descriptors: Tensor
    attention: Tensor | None


class SparseTokenizer(nn.Module):
    """Keypoints to slots: descriptor, position and score are added up, then slot attention gathers them."""

    def __init__(self, config: SuperGFConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.project = nn.Linear(config.input_dim, config.width)
        sizes = (3, *config.position_hidden)
        steps = [part for size in pairwise(sizes) for part in (nn.Linear(*size), nn.ReLU())]
        self.position = nn.Sequential(*steps, nn.Linear(sizes[-1], config.width))
        self.gather = SlotAttention(config.slots, config.width, config.iterations, generator)

    def forward(self, images: Sequence[ImageTokens]) -> tuple[Tensor, Tensor]:
        """B images to (B, N, D) tokens without unit and (B, N, K) attention, 0 to 1."""
        descriptors, where, mask = padded(images, self.gather.slots.device)
        return self.gather(self.project(descriptors) + self.position(where), mask)


class DenseTokenizer(nn.Module):
    """A grid of descriptors to a coarser grid of tokens with their positions."""

    def __init__(self, config: SuperGFConfig) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(config.input_dim, config.width, 3, stride=config.stride, padding=1)

    def forward(self, images: Sequence[ImageTokens]) -> Tensor:
        """(B, N, D) tokens, without unit, of B images that have grids of the same size."""
        grid = self.convolution(stacked_grids(images, self.convolution.weight.device))
        positions = sine_positions(grid.shape[2], grid.shape[3], grid.shape[1]).to(grid)
        return grid.flatten(2).transpose(1, 2) + positions


class Aggregator(nn.Module):
    """An aggregator. Images of any size and number of keypoints may share a batch; none affects another's result."""

    def __init__(self, config: SuperGFConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, images: Sequence[ImageTokens]) -> Aggregated:
        """Describe a batch of at least one image."""
        raise NotImplementedError


class GemAggregator(Aggregator):
    """The paper's: the tokens of either variant go through a transformer, and their generalised mean is the descriptor."""

    def __init__(self, config: SuperGFConfig, generator: torch.Generator) -> None:
        super().__init__(config)
        sparse = config.variant == "sparse"
        self.tokenizer = SparseTokenizer(config, generator) if sparse else DenseTokenizer(config)
        self.layers = nn.Sequential(
            *(TransformerLayer(config.width, config.hidden, config.heads) for _ in range(config.layers))
        )
        self.norm = nn.LayerNorm(config.width)
        self.pool = GeneralizedMean(config.gem_power)
        initialize(self, generator)

    def forward(self, images: Sequence[ImageTokens]) -> Aggregated:
        """Describe a batch of at least one image."""
        if isinstance(self.tokenizer, SparseTokenizer):
            tokens, attention = self.tokenizer(images)
            return Aggregated(self._describe(tokens), attention)
        tokenizer = self.tokenizer
        return Aggregated(by_grid(images, lambda members: self._describe(tokenizer(members))), None)

    def _describe(self, tokens: Tensor) -> Tensor:
        return functional.normalize(self.pool(self.norm(self.layers(tokens))), dim=1)


def padded(images: Sequence[ImageTokens], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """(B, K, C) descriptors and (B, K, 3) positions and ranks, padded with zeros, and (B, K) masks by keypoint index."""
    counts = torch.tensor([len(image.descriptors) for image in images], device=device)
    descriptors = pad_sequence([image.descriptors for image in images], batch_first=True).to(device)
    where = pad_sequence([image.where for image in images], batch_first=True).to(device)
    return descriptors, where, torch.arange(descriptors.shape[1], device=device) < counts[:, None]


def stacked_grids(images: Sequence[ImageTokens], device: torch.device) -> Tensor:
    """(B, C, rows, columns) descriptors, without unit, of B images that have grids of the same size."""
    rows, columns = images[0].grid
    stacked = torch.stack([image.descriptors for image in images]).to(device)
    return stacked.transpose(1, 2).reshape(len(images), -1, rows, columns)


def by_grid(images: Sequence[ImageTokens], describe: Callable[[list[ImageTokens]], Tensor]) -> Tensor:
    """Describe images together that have grids of the same size: (B, D) of unit length in the order of the images."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, image in enumerate(images):
        groups.setdefault(image.grid, []).append(index)
    parts = [describe([images[index] for index in members]) for members in groups.values()]
    order = torch.tensor([index for members in groups.values() for index in members]).argsort()
    return torch.cat(parts)[order.to(parts[0].device)]


def initialize(model: nn.Module, generator: torch.Generator) -> None:
    """Xavier weights and zero biases for all linear maps and convolutions."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight.flatten(1), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
