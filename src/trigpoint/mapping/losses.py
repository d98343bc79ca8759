"""The loss of all outputs of a network: reprojection, the tie of the refinement, known points."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from trigpoint.mapping.reprojection import LossTerms, Targets, reprojection_loss
from trigpoint.mapping.training_config import LossConfig


def total_loss(
    stages: tuple[Tensor, ...], targets: Targets, config: LossConfig, progress: float, known: Tensor | None = None
) -> LossTerms:
    """The loss of a network with one output (ACE, GLACE) or with a coarse and a refined one (R-SCoRe).

    Args:
        stages: outputs of ``Head.stages``, (B, 3) each, normalised world frame.
        targets: where the points were seen.
        config: weights and clamps.
        progress: share of the training that is done, 0 to 1.
        known: (B, 3) true points in the normalised world frame, NaN where unknown; used if ``config.supervision`` says so.

    Returns:
        The loss of all outputs, with the shares of the last.
    """
    final = reprojection_loss(stages[-1], targets, config, progress)
    loss = final.loss
    if len(stages) > 1:
        loss = loss + reprojection_loss(stages[0], targets, config, progress, config.coarse).loss
    weight = tie_weight(progress, config.tie_share)
    if config.supervision != "none" and known is not None:
        for points in stages:
            loss = loss + weight * _beyond(points, known, config.tie_tolerance)
    elif len(stages) > 1 and weight > 0:
        loss = loss + weight * _beyond(stages[-1], stages[0], config.tie_tolerance)
    return replace(final, loss=loss)


def tie_weight(progress: float, share: float) -> float:
    """Half a cosine from 1 to 0 over the first ``share`` of the training; 0 without a share."""
    if share == 0:
        return 0.0
    return (1 + math.cos(math.pi * min(progress / share, 1.0))) / 2


def _beyond(points: Tensor, others: Tensor, tolerance: float) -> Tensor:
    """Distances above the tolerance, summed, over the batch size. Unknown points (NaN) count nothing."""
    usable = torch.isfinite(others).all(dim=1)
    distance = (points - torch.where(usable[:, None], others, points.detach())).norm(dim=1)
    return torch.where(usable & (distance > tolerance), distance, 0.0).sum() / len(points)
