"""The reprojection loss of scene coordinate regression (ACE, section 3.3; R-SCoRe, section 3.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trigpoint.mapping.training_config import LossConfig, RobustTerm

if TYPE_CHECKING:
    from jaxtyping import Float

# ACE's limits of a valid reprojection, and the depth towards which other points are pulled, in normalised units: metres for
# metric scenes; scenes of unknown scale are brought to the size at which these fit.
DEPTH_MIN, DEPTH_MAX, DEPTH_TARGET = 0.1, 1000.0, 10.0
# Residuals above this, px of the view, are not valid (ACE).
HARD_CLAMP_PX = 1000.0


@dataclass(frozen=True, eq=False)
class Targets:
    """What a batch of predicted points is compared with.

    Attributes:
        rays: (B, 2) observed directions x/z, y/z in the camera frame, distortion removed.
        cam_from_world: (B, 3, 4) poses of the images, in the normalised world frame.
        focal_px: (B, 2) focal lengths fx, fy in px of the view in which the keypoint was seen.
    """

    rays: Float[Tensor, "B 2"]
    cam_from_world: Float[Tensor, "B 3 4"]
    focal_px: Float[Tensor, "B 2"]


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Result of one batch.

    Attributes:
        loss: scalar to minimise.
        inlier_ratio: fraction of the samples that reproject within 10 px.
        valid_fraction: fraction of the samples with a valid reprojection.
    """

    loss: Float[Tensor, ""]
    inlier_ratio: Float[Tensor, ""]
    valid_fraction: Float[Tensor, ""]


def soft_clamp_px(term: RobustTerm, progress: float) -> float:
    """The soft clamp tau of the robust loss at a fraction x of the training, with w = 1 - sqrt(1 - x^2).

    ``"circle"`` (ACE, GLACE): (1 - w) tau_start + tau_end, from 51 px to 1 px. ``"blend"`` (R-SCoRe): (1 - w) tau_start +
    w tau_end. ``"log-circle"``: the same path for the logarithm of tau, which can start where every error still has a
    gradient and yet spends its time at small ones.
    """
    weight = circle(progress)
    if term.schedule == "log-circle":
        return term.tau_start_px ** (1 - weight) * term.tau_end_px**weight
    if term.schedule == "blend":
        return (1 - weight) * term.tau_start_px + weight * term.tau_end_px
    return (1 - weight) * term.tau_start_px + term.tau_end_px


def circle(progress: float) -> float:
    """Weight 1 - sqrt(1 - x^2) at a fraction x of the training, 0 to 1: slow at first, steep at the end."""
    return 1 - math.sqrt(max(0.0, 1 - progress**2))


def robust(distance_px: Float[Tensor, "*B"], tau: float, kind: str) -> Float[Tensor, "*B"]:
    """Robust error, px, of (B,) distances r, px: tau tanh(r / tau) (ACE, Eq. 4), or R-SCoRe's Geman-McClure-like
    tau 9q / (9q + 4), q = (r / tau)^2 (released code)."""
    if kind == "tanh":
        return tau * torch.tanh(distance_px / tau)
    # Beyond a million clamps nothing changes any more, but squares of floats overflow.
    q = 9 * (distance_px / tau).clamp_max(1e6).square()
    return tau * q / (q + 4)


def reprojection_loss(
    points: Float[Tensor, "B 3"],
    targets: Targets,
    config: LossConfig,
    progress: float,
    term: RobustTerm | None = None,
) -> LossTerms:
    """Robust reprojection error of valid points plus a pull to a default depth for the others (ACE, Eq. 3 and 4).

    The sums of both parts are divided by the batch size, so a batch without any valid point is no special case.

    Args:
        points: (B, 3) predicted points in the normalised world frame.
        targets: where they were seen.
        config: norm and pull.
        progress: fraction of the training that is done, 0 to 1.
        term: robust error of this output; ``config.term`` if None.
    """
    term = term or config.term
    in_cam = (targets.cam_from_world[:, :, :3] @ points[:, :, None])[:, :, 0] + targets.cam_from_world[:, :, 3]
    depth = in_cam[:, 2:]
    residual_px = (in_cam[:, :2] / depth.clamp_min(DEPTH_MIN) - targets.rays) * targets.focal_px
    distance_px = residual_px.abs().sum(dim=1) if config.norm == 1 else residual_px.norm(dim=1)
    z = depth[:, 0]
    valid = (z > DEPTH_MIN) & (z < DEPTH_MAX) & (distance_px < HARD_CLAMP_PX)
    if term.depth_sigma > 0:
        sigma = term.depth_sigma * (1 - circle(progress) if term.depth_fades else 1)
        near = z.clamp_min(DEPTH_MIN)
        distance_px = distance_px * near / (near**2 + sigma**2).sqrt()
    error = robust(distance_px, soft_clamp_px(term, progress), term.robust)
    default = DEPTH_TARGET * torch.cat([targets.rays, torch.ones_like(depth)], dim=1)
    pull = (default - in_cam).abs().sum(dim=1) if config.norm == 1 else (default - in_cam).norm(dim=1)
    loss = torch.where(valid, error, config.pull_weight * pull).sum() / len(points)
    close = valid & (residual_px.detach().norm(dim=1) < 10)
    return LossTerms(loss, close.float().mean(), valid.float().mean())
