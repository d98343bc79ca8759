"""Codebook of slots: each stands for one kind of local descriptor and becomes its own part of the global one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trigpoint.retrieval.supergf.attention import TransformerLayer
from trigpoint.retrieval.supergf.config import SuperGFConfig

_WEIGHT_FLOOR = 1e-8
# Below its square root the signed square root is a line, so that it has a gradient at 0.
_SMALLEST_SQUARE = 1e-8


class Codebook(nn.Module):
    """One round of slot attention whose slots are centres in the space of the local descriptors.

    A slot takes the differences of the descriptors from its centre, reduced by a basis of its own. With hard attention, all
    bases alike and no weights this is VLAD (Jegou et al., CVPR 2010); a basis for each centre and differences scaled by a
    power of their length are from Delhumeau et al. (Revisiting the VLAD image representation, ACM MM 2013).

    Args:
        config: sizes.
        generator: for a start without images; ``start_from_images`` gives a better one.
    """

    def __init__(self, config: SuperGFConfig, generator: torch.Generator) -> None:
        super().__init__()
        count, dim = config.slots, config.input_dim
        self.residual_power = config.residual_power
        self.centres = nn.Parameter(torch.randn(count, dim, generator=generator) / math.sqrt(dim))
        self.bases = nn.Parameter(torch.randn(count, dim, config.slot_width, generator=generator) / math.sqrt(dim))
        self.log_sharpness = nn.Parameter(torch.tensor([math.log(config.sharpness)]))
        hidden = config.position_hidden[0]
        self.weigh = nn.Sequential(nn.Linear(dim + 3, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, descriptors: Tensor, where: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Gather the keypoints into slots.

        Args:
            descriptors: (B, K, C).
            where: (B, K, 3), see ``ImageTokens``.
            mask: (B, K), true where there is a keypoint.

        Returns:
            (B, N, R) tokens, which together have unit length, and (B, N, K) weights, which sum to 1 over the keypoints of
            an image. A slot that no keypoint is near has zeros for both.
        """
        closeness = descriptors @ self.centres.T - 0.5 * self.centres.square().sum(dim=1)
        fraction = (self.log_sharpness.exp() * closeness).softmax(dim=2)
        # Twice the logistic function: all keypoints count 1 at the start, and none counts more than 2.
        weight = 2 * self.weigh(torch.cat([descriptors, where], dim=2)).sigmoid() * mask[:, :, None]
        won = fraction * weight
        if self.residual_power:
            square = descriptors.square().sum(dim=2, keepdim=True) - 2 * closeness
            won = won * square.clamp_min(1e-4).pow(-self.residual_power / 2)
        won = won.transpose(1, 2)
        gathered = won @ descriptors - won.sum(dim=2, keepdim=True) * self.centres
        tokens = _balanced(torch.einsum("bnc,ncr->bnr", gathered, self.bases))
        return tokens, won / won.sum(dim=2, keepdim=True).clamp_min(_WEIGHT_FLOOR)


class SlotMixer(nn.Module):
    """Lets the tokens of an image correct each other: transformer layers whose result is added to the tokens.

    The last projection starts at 0, so that the tokens come out as they went in before there was any training.
    """

    def __init__(self, config: SuperGFConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = math.sqrt(config.slots)
        self.lift = nn.Linear(config.slot_width, config.width)
        self.identity = nn.Parameter(0.02 * torch.randn(config.slots, config.width, generator=generator))
        self.layers = nn.Sequential(
            *(TransformerLayer(config.width, config.hidden, config.heads) for _ in range(config.layers))
        )
        self.norm = nn.LayerNorm(config.width)
        self.drop = nn.Linear(config.width, config.slot_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, R) tokens, without unit, to (B, N, R)."""
        mixed = self.layers(self.lift(self.scale * tokens) + self.identity)
        return tokens + self.drop(self.norm(mixed)) / self.scale


def _balanced(tokens: Tensor) -> Tensor:
    """Signed square root of all numbers, then unit length of the (N, R) tokens of an image."""
    rooted = tokens * (tokens.square() + _SMALLEST_SQUARE).pow(-0.25)
    return rooted / rooted.flatten(1).norm(dim=1)[:, None, None].clamp_min(_WEIGHT_FLOOR)
