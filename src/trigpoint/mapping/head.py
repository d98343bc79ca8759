"""The network that turns a local descriptor into a point of the place."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trigpoint.mapping.config import HeadConfig

# Homogeneous output (ACE, section 3.4 of the paper): the scale h(w) lies in [1 / SCALE_MAX, 1 / SCALE_MIN], h(0) = 1.
SCALE_MIN, SCALE_MAX = 0.01, 4.0
_LOWEST, _HIGHEST = 1 / SCALE_MAX, 1 / SCALE_MIN
_BETA = math.log(2) / (1 - _LOWEST)


def homogeneous_offset(raw: Tensor) -> Tensor:
    """(N, 4) network outputs d, w to (N, 3) offsets d / h(w), h(w) = min(softplus(w) + 1/4, 100)."""
    scale = (functional.softplus(raw[:, 3:], beta=_BETA) + _LOWEST).clamp_max(_HIGHEST)
    return raw[:, :3] / scale


class ResidualBlock(nn.Module):
    """Three linear layers with ReLU after each, added to the input (or to its projection where the width changes)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, width)])
        self.skip = nn.Identity() if inputs == width else nn.Linear(inputs, width)

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs) to (N, width)."""
        hidden = features
        for layer in self.layers:
            hidden = functional.relu(layer(hidden))
        return self.skip(features) + hidden


class Head(nn.Module):
    """ACE's regression head (Brachmann et al., CVPR 2023): a descriptor to a point in the normalised world frame.

    The paper adds the mean camera centre to the output; here that is the origin of the normalised frame. With 512-d
    descriptors and the default configuration it has 2,103,300 parameters.

    Args:
        inputs: length C of a descriptor.
        config: its size.
    """

    def __init__(self, inputs: int, config: HeadConfig) -> None:
        super().__init__()
        width = config.width
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        blocks = [ResidualBlock(inputs, width), *(ResidualBlock(width, width) for _ in range(config.blocks))]
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width)])
        self.output = nn.Linear(width, 4)

    def forward(self, descriptors: Tensor) -> Tensor:
        """(N, C) float descriptors to (N, 3) points in the normalised world frame."""
        features = self.blocks((descriptors - self.mean) / self.deviation)
        for layer in self.hidden:
            features = functional.relu(layer(features))
        return homogeneous_offset(self.output(features))

    @torch.no_grad()
    def standardize(self, descriptors: Tensor) -> None:
        """Take the mean and deviation of the inputs from (N, C) descriptors."""
        self.mean.copy_(descriptors.mean(dim=0))
        self.deviation.copy_(descriptors.std(dim=0).clamp_min(1e-6))


def make_head(inputs: int, config: HeadConfig, generator: torch.Generator) -> Head:
    """A head with torch's default initialisation, drawn from ``generator`` alone."""
    head = Head(inputs, config)
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
    return head
