"""Losses of an aggregator: average precision with graded labels, and decorrelation of attention maps."""

from __future__ import annotations

import torch
from torch import Tensor

from trigpoint.retrieval.supergf.config import APConfig

_NOTHING = 1e-12


def soft_average_precision(
    similarity: Tensor, labels: Tensor, member: Tensor | None = None, *, bins: int = 20, low: float = 0.0, high: float = 1.0
) -> Tensor:
    """Average precision, 0 to 1, of ranked lists with labels in [0, 1], differentiable.

    Revaud et al. (Learning with average precision, ICCV 2019), with the label instead of "relevant or not". For a
    given list it is largest when the list is in descending order of its labels; that maximum is ``ideal_average_precision``,
    which similarities between two bin centres can exceed a little, because their two parts count one after the other.

    Args:
        similarity: (Q, L); values outside the bins count in the outermost ones.
        labels: (Q, L).
        member: (Q, L), which entries belong to the list; None: all.
        bins: number of bins.
        low: centre of the lowest bin.
        high: centre of the highest bin.

    Returns:
        (Q,), 0 where all labels are 0.
    """
    spacing = (high - low) / (bins - 1)
    # Clamped last: rounding beyond the last centre would give a negative weight.
    position = ((high - similarity) / spacing).clamp(0, bins - 1)
    weight = torch.ones_like(similarity) if member is None else member.to(similarity.dtype)
    relevant = labels * weight
    # Each similarity lies between two neighbouring centres, so its triangular weights are two numbers.
    left = position.detach().floor().clamp(0, bins - 2)
    fraction = position - left
    count, hits = (_histogram(left.long(), fraction, values, bins) for values in (weight, relevant))
    precision = hits.cumsum(dim=1) / count.cumsum(dim=1).clamp_min(_NOTHING)
    return (precision * hits).sum(dim=1) / relevant.sum(dim=1).clamp_min(_NOTHING)


def ideal_average_precision(labels: Tensor, member: Tensor | None = None) -> Tensor:
    """(Q,) average precision, 0 to 1, of (Q, L) labels in descending order without ties in rank; 0 where all are 0."""
    ordered = (labels if member is None else labels * member).sort(dim=1, descending=True).values
    rank = torch.arange(1, ordered.shape[1] + 1, device=labels.device)
    precision = ordered.cumsum(dim=1) / rank
    return (precision * ordered).sum(dim=1) / ordered.sum(dim=1).clamp_min(_NOTHING)


def attention_decorrelation(attention: Tensor) -> Tensor:
    """Mean cosine between the maps of different slots (FIRe): 0 when no two look at the same keypoint, 1 when all agree.

    Args:
        attention: (B, N, K) weights, N at least 2.
    """
    unit = attention / attention.norm(dim=2, keepdim=True).clamp_min(_NOTHING)
    slots = attention.shape[1]
    # The squared length of the sum of unit vectors holds every pair's cosine, and the diagonal.
    everything = unit.sum(dim=1).square().sum(dim=1)
    diagonal = unit.square().sum(dim=(1, 2))
    return ((everything - diagonal) / (slots * (slots - 1))).mean()


class ListLoss:
    """One minus the mean average precision, with the range of the bins as its only state.

    Attributes:
        range: centres of the lowest and the highest bin.
    """

    MOMENTUM = 0.9
    SMALLEST_RANGE = 0.02

    def __init__(self, config: APConfig) -> None:
        self.config = config
        self.range = (config.low, config.high)
        self._began = False

    def __call__(self, similarity: Tensor, labels: Tensor, member: Tensor) -> Tensor:
        """The loss of a batch of lists, (Q, L) each; queries whose labels are all 0 are skipped. 0 if none is left."""
        usable = (labels * member).sum(dim=1) > 0
        similarity, labels, member = similarity[usable], labels[usable], member[usable]
        if len(labels) == 0:
            return similarity.sum()
        if self.config.running_percentile:
            self._follow(similarity.detach()[member])
        low, high = self.range
        value = soft_average_precision(similarity, labels, member, bins=self.config.bins, low=low, high=high)
        if self.config.normalized:
            value = value / ideal_average_precision(labels, member)
        return 1 - value.mean()

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"range": list(self.range), "began": self._began}

    def load(self, state: dict[str, object]) -> None:
        """Continue from ``state()``."""
        low, high = state["range"]  # pyright: ignore[reportGeneralTypeIssues]
        self.range, self._began = (float(low), float(high)), bool(state["began"])

    def _follow(self, values: Tensor) -> None:
        low = float(values.kthvalue(max(1, values.numel() // 100)).values)
        now = (low, max(float(values.max()), low + self.SMALLEST_RANGE))
        if self._began:
            keep = self.MOMENTUM
            now = (keep * self.range[0] + (1 - keep) * now[0], keep * self.range[1] + (1 - keep) * now[1])
        self.range, self._began = now, True


def _histogram(left: Tensor, fraction: Tensor, values: Tensor, bins: int) -> Tensor:
    empty = torch.zeros(left.shape[0], bins, dtype=fraction.dtype, device=fraction.device)
    return empty.scatter_add(1, left, (1 - fraction) * values).scatter_add(1, left + 1, fraction * values)
