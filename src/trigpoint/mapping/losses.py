"""The loss of all outputs of a network: reprojection errors, ground-truth scene coordinates, tie of the refinement."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trigpoint.mapping.reprojection import DEPTH_MIN, LossTerms, Targets, reprojection_loss, robust, soft_clamp_px
from trigpoint.mapping.training_config import LossConfig, RobustTerm

# R-SCoRe's coordinate tie: the refinement may move points by more than the tolerance (normalised units) only at a cost that
# fades out over this fraction of the training.
TIE_FRACTION, TIE_TOLERANCE = 0.5, 0.1


@dataclass(frozen=True)
class Losses:
    """What the training of a network minimises.

    Attributes:
        final: the loss of the final output.
        coarse: the robust error of the coarse output, where there is one.
    """

    final: LossConfig
    coarse: RobustTerm | None = None


def total_loss(
    stages: tuple[Tensor, ...], targets: Targets, config: Losses, progress: float, truth: Tensor | None = None
) -> LossTerms:
    """The loss of a network with one output (ACE, GLACE) or with a coarse and a refined one (R-SCoRe).

    Args:
        stages: outputs of ``Head.stages``, (B, 3) each, normalised world frame.
        targets: where the points were seen.
        config: the losses of the outputs.
        progress: fraction of the training that is done, 0 to 1.
        truth: (B, 3) true points in the normalised world frame, NaN where unknown; None without supervision.

    Returns:
        The loss of all outputs, with the fractions of the last.
    """
    final = reprojection_loss(stages[-1], targets, config.final, progress)
    loss = final.loss
    if config.coarse is not None:
        loss = loss + reprojection_loss(stages[0], targets, config.final, progress, config.coarse).loss
    if truth is not None:
        loss = loss + coordinate_loss(stages[-1], truth, targets, progress, config.final.term)
        if config.coarse is not None:
            loss = loss + coordinate_loss(stages[0], truth, targets, progress, config.coarse)
    weight = tie_weight(progress)
    if config.coarse is not None and weight > 0:
        loss = loss + weight * _beyond(stages[-1], stages[0], TIE_TOLERANCE)
    return replace(final, loss=loss)


def coordinate_loss(points: Tensor, truth: Tensor, targets: Targets, progress: float, term: RobustTerm) -> Tensor:
    """Robust distance to ground-truth points, px, summed, over the batch size; scalar. Unknown points (NaN) count nothing.

    The distance is counted in px, as it would look from the side at the depth of the true point, so that it weighs as much
    as a reprojection error and fades into the same clamp.

    Args:
        points: (B, 3) predicted points in the normalised world frame.
        truth: (B, 3) true points in that frame, NaN where unknown.
        targets: where they were seen.
        progress: fraction of the training that is done, 0 to 1.
        term: robust loss of this output.
    """
    usable = torch.isfinite(truth).all(dim=1)
    aims = torch.where(usable[:, None], truth, points.detach())
    depth = (targets.cam_from_world[:, 2, :3] * aims).sum(dim=1) + targets.cam_from_world[:, 2, 3]
    distance_px = (points - aims).norm(dim=1) * targets.focal_px[:, 0] / depth.clamp_min(DEPTH_MIN)
    error = robust(distance_px, soft_clamp_px(term, progress), term.robust)
    return torch.where(usable, error, 0.0).sum() / len(points)


def tie_weight(progress: float) -> float:
    """Half a cosine from 1 to 0 over the first half of the training (``TIE_FRACTION``)."""
    return (1 + math.cos(math.pi * min(progress / TIE_FRACTION, 1.0))) / 2


def _beyond(points: Tensor, others: Tensor, tolerance: float) -> Tensor:
    """Distances above the tolerance, summed, over the batch size."""
    distance = (points - others).norm(dim=1)
    return torch.where(distance > tolerance, distance, 0.0).sum() / len(points)
