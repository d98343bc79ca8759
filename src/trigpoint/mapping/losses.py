"""The loss of all outputs of a network: reprojection, known points, the tie of the refinement."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from trigpoint.mapping.reprojection import LossTerms, Targets, reprojection_loss, robust, soft_clamp_px
from trigpoint.mapping.training_config import LossConfig, TermConfig


def total_loss(
    stages: tuple[Tensor, ...], targets: Targets, config: LossConfig, progress: float, known: Tensor | None = None
) -> LossTerms:
    """The loss of a network with one output (ACE, GLACE) or with a coarse and a refined one (R-SCoRe).

    Args:
        stages: outputs of ``Head.stages``, (B, 3) each, normalised world frame.
        targets: where the points were seen.
        config: weights and clamps.
        progress: fraction of the training that is done, 0 to 1.
        known: (B, 3) true points in the normalised world frame, NaN where unknown; None without supervision.

    Returns:
        The loss of all outputs, with the fractions of the last.
    """
    final = reprojection_loss(stages[-1], targets, config, progress)
    loss = final.loss
    if len(stages) > 1:
        loss = loss + reprojection_loss(stages[0], targets, config, progress, config.coarse).loss
    weight = tie_weight(progress, config.tie_fraction)
    if known is not None:
        for points, term in zip(stages[::-1], (config.final, config.coarse), strict=False):
            loss = loss + config.known_weight * known_loss(points, known, targets, config, progress, term)
    if len(stages) > 1 and weight > 0:
        loss = loss + weight * _beyond(stages[-1], stages[0], config.tie_tolerance)
    return replace(final, loss=loss)


def known_loss(
    points: Tensor, known: Tensor, targets: Targets, config: LossConfig, progress: float, term: TermConfig
) -> Tensor:
    """Robust distance to known points, summed, over the batch size. Unknown points (NaN) count nothing.

    The distance is counted in px, as it would look from the side at the depth of the known point, so that it weighs as much
    as a reprojection error and fades into the same clamp.

    Args:
        points: (B, 3) predicted points in the normalised world frame.
        known: (B, 3) true points, NaN where unknown.
        targets: where they were seen.
        config: limits.
        progress: fraction of the training that is done, 0 to 1.
        term: robust loss of this output.
    """
    usable = torch.isfinite(known).all(dim=1)
    aims = torch.where(usable[:, None], known, points.detach())
    depth = (targets.cam_from_world[:, 2, :3] * aims).sum(dim=1) + targets.cam_from_world[:, 2, 3]
    distance_px = (points - aims).norm(dim=1) * targets.focal_px[:, 0] / depth.clamp_min(config.depth_min)
    error = robust(distance_px, soft_clamp_px(term, progress), term.robust)
    return torch.where(usable, error, 0.0).sum() / len(points)


def tie_weight(progress: float, fraction: float) -> float:
    """Half a cosine from 1 to 0 over the first ``share`` of the training; 0 without a fraction."""
    if fraction == 0:
        return 0.0
    return (1 + math.cos(math.pi * min(progress / fraction, 1.0))) / 2


def _beyond(points: Tensor, others: Tensor, tolerance: float) -> Tensor:
    """Distances above the tolerance, summed, over the batch size."""
    distance = (points - others).norm(dim=1)
    return torch.where(distance > tolerance, distance, 0.0).sum() / len(points)
