"""The blocks of an aggregator: slot attention, transformer layer, generalised mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_SMALLEST = 1e-6
_WEIGHT_FLOOR = 1e-8


class SlotAttention(nn.Module):
    """Learned slots that share the keypoints of an image among them.

    After the local feature integration transformer of Weinzaepfel et al. (Learning Super-Features, ICLR 2022): in each
    round the slots compete for every keypoint, and a slot then takes the weighted mean of what it won.
    """

    def __init__(self, slots: int, width: int, iterations: int, generator: torch.Generator) -> None:
        super().__init__()
        self.iterations = iterations
        self.slots = nn.Parameter(torch.randn(slots, width, generator=generator))
        self.keypoint_norm, self.slot_norm, self.mlp_norm = (nn.LayerNorm(width) for _ in range(3))
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.mlp = nn.Sequential(nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, width))

    def forward(self, keypoints: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Gather the keypoints into slots.

        Args:
            keypoints: (B, K, D) features of the keypoints, without unit.
            mask: (B, K), true where there is a keypoint.

        Returns:
            (B, N, D) slots and (B, N, K) weights of the last round, which sum to 1 over the keypoints of an image. Without
            any keypoint the weights are 0.
        """
        normed = self.keypoint_norm(keypoints)
        key, value = self.key(normed), self.value(normed)
        present = mask[:, None].to(keypoints.dtype)
        slots = self.slots.expand(len(keypoints), -1, -1)
        weights = keypoints.new_zeros(())
        for _ in range(self.iterations):
            logits = self.query(self.slot_norm(slots)) @ key.transpose(1, 2) / math.sqrt(key.shape[-1])
            # Padding is taken out between the two normalisations, or an image's result would depend on its batch.
            won = (logits.softmax(dim=1) + _WEIGHT_FLOOR) * present
            weights = won / won.sum(dim=2, keepdim=True).clamp_min(_WEIGHT_FLOOR)
            slots = slots + weights @ value
            slots = slots + self.mlp(self.mlp_norm(slots))
        return slots, weights


class TransformerLayer(nn.Module):
    """A pre-norm encoder layer (Dosovitskiy et al., ViT, ICLR 2021) without dropout."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) tokens, without unit, to (B, N, D)."""
        batch, count, width = tokens.shape
        joint = self.joint(self.attention_norm(tokens)).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.merge(mixed.transpose(1, 2).reshape(batch, count, width))
        return tokens + self.mlp(self.mlp_norm(tokens))


class GeneralizedMean(nn.Module):
    """Generalised mean over the tokens with a learned power (Radenovic et al., TPAMI 2019). Negative values count as 0."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(float(power)))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) tokens, without unit, to (B, D), all positive."""
        return tokens.clamp_min(_SMALLEST).pow(self.power).mean(dim=1).pow(1 / self.power)


def sine_positions(rows: int, columns: int, width: int) -> Tensor:
    """(rows * columns, width) sines and cosines of normalised cell centres, a quarter of the channels for each of y and x.

    Positions run from 0 to 2 pi over the grid whatever its size, with frequencies from 1 to 64 in geometric steps.
    """
    frequencies = 64.0 ** torch.linspace(0, 1, width // 4)
    codes = []
    for count in (rows, columns):
        angle = 2 * math.pi * (torch.arange(count) + 0.5)[:, None] / count * frequencies
        codes.append(torch.cat([angle.sin(), angle.cos()], dim=1))
    y, x = codes
    return torch.cat([y[:, None].expand(-1, columns, -1), x[None].expand(rows, -1, -1)], dim=2).reshape(-1, width)
