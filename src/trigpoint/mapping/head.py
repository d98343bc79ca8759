"""The network that turns the encodings of a keypoint into a point of the scene: ACE's, GLACE's and R-SCoRe's."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trigpoint.mapping.layers import FourierCode, PositionDecoder, PositionRefiner, ResidualBlock
from trigpoint.mapping.training_config import HeadConfig


class Head(nn.Module):
    """Encodings of a keypoint to a point in the normalised world frame.

    Residual blocks and a position decoder (ACE, GLACE); with ``refiner_blocks``, the Fourier code of the
    decoded point joins the features, and further blocks refine it (R-SCoRe). ACE adds the mean camera centre to the output;
    here that is the origin of the normalised frame. Parameter counts of the published sizes: ACE 2,103,300; GLACE
    4,727,812 to 13,663,542; R-SCoRe 21,050,938 and 58,022,458.

    Args:
        inputs: length C of the encoding: the global one, if any, before the local one.
        config: its size.
        centres: (k, 3) cluster centres of the cameras in the normalised world frame, k = ``config.clusters``; None for one
            at the origin.
        refiner_blocks: residual blocks between the coarse point and the refined one; 0: no refinement.
    """

    def __init__(self, inputs: int, config: HeadConfig, centres: Tensor | None = None, refiner_blocks: int = 0) -> None:
        super().__init__()
        width, hidden = config.width, round(config.width * config.hidden_ratio)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        first = ResidualBlock(inputs, width, hidden, pad=config.pad_input)
        self.blocks = nn.Sequential(first, *(ResidualBlock(width, width, hidden) for _ in range(config.blocks)))
        self.decoder = PositionDecoder(width, hidden, config.clusters, centres)
        self.fourier: FourierCode | None = None
        self.refiner_blocks: nn.Sequential | None = None
        self.refiner: PositionRefiner | None = None
        if refiner_blocks:
            self.fourier = FourierCode()
            self.refiner_blocks = nn.Sequential(*(ResidualBlock(width, width, hidden) for _ in range(refiner_blocks)))
            self.refiner = PositionRefiner(width, hidden)

    def forward(self, encodings: Tensor) -> Tensor:
        """(N, C) float encodings to (N, 3) points in the normalised world frame."""
        return self.stages(encodings)[-1]

    def stages(self, encodings: Tensor) -> tuple[Tensor, ...]:
        """The outputs in turn, (N, 3) points in the normalised world frame each: one, or the coarse and the refined one."""
        features = self.blocks((encodings - self.mean) / self.deviation)
        coarse = self.decoder(features)
        if self.fourier is None or self.refiner_blocks is None or self.refiner is None:
            return (coarse,)
        code = self.fourier(coarse)
        # The code takes the last channels (R-SCoRe, released code).
        features = features + functional.pad(code, (features.shape[1] - code.shape[1], 0))
        return coarse, self.refiner(self.refiner_blocks(features), coarse)

    def output_layers(self) -> list[nn.Linear]:
        """The layers that set coordinates."""
        refiner = [] if self.refiner is None else [self.refiner.output]
        return [*self.decoder.outputs(), *refiner]

    @torch.no_grad()
    def standardize(self, encodings: Tensor) -> None:
        """Take the (C,) mean and deviation of the inputs from (N, C) encodings, in their units."""
        self.mean.copy_(encodings.mean(dim=0))
        self.deviation.copy_(encodings.std(dim=0).clamp_min(1e-6))


def make_head(
    inputs: int, config: HeadConfig, generator: torch.Generator, centres: Tensor | None = None, refiner_blocks: int = 0
) -> Head:
    """A head with torch's default initialisation, drawn from ``generator`` alone.

    Args:
        inputs, config, refiner_blocks: as those of ``Head``.
        generator: of the weights.
        centres: (k, 3) cluster centres of the cameras in the normalised world frame, or None.
    """
    head = Head(inputs, config, centres, refiner_blocks)
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
    return head
