"""The reprojection loss of scene coordinate regression (ACE, section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trigpoint.mapping.config import LossConfig


@dataclass(frozen=True, eq=False)
class Targets:
    """What a batch of predicted points is compared with.

    Attributes:
        rays: (B, 2) observed directions x/z, y/z in the camera frame, distortion removed.
        cam_from_world: (B, 3, 4) poses of the photos, in the normalised world frame.
        focal_px: (B, 2) focal lengths fx, fy in px of the view in which the keypoint was seen.
    """

    rays: Tensor
    cam_from_world: Tensor
    focal_px: Tensor


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Result of one batch.

    Attributes:
        loss: scalar to minimise.
        inlier_share: share of the samples that reproject within 10 px.
        valid_share: share of the samples with a valid reprojection.
    """

    loss: Tensor
    inlier_share: Tensor
    valid_share: Tensor


def soft_clamp_px(config: LossConfig, progress: float) -> float:
    """The soft clamp tau of the robust loss at a share x of the training, with w = 1 - sqrt(1 - x^2).

    ``"circle"`` (ACE, GLACE): (1 - w) tau_start + tau_end, from 51 px to 1 px. ``"log-circle"``: the same path for the
    logarithm of tau, which can start where every error still has a gradient and yet spends its time at small ones.
    """
    weight = _circle(progress)
    if config.schedule == "log-circle":
        return config.tau_start_px ** (1 - weight) * config.tau_end_px**weight
    return (1 - weight) * config.tau_start_px + config.tau_end_px


def _circle(progress: float) -> float:
    return 1 - math.sqrt(max(0.0, 1 - progress**2))


def reprojection_loss(points: Tensor, targets: Targets, config: LossConfig, progress: float) -> LossTerms:
    """Robust reprojection error of valid points plus a pull to a default depth for the others (ACE, Eq. 3 and 4).

    The sums of both parts are divided by the batch size, so a batch without any valid point is no special case.

    Args:
        points: (B, 3) predicted points in the normalised world frame.
        targets: where they were seen.
        config: norms, clamps and depth range.
        progress: share of the training that is done, 0 to 1.
    """
    in_cam = (targets.cam_from_world[:, :, :3] @ points[:, :, None])[:, :, 0] + targets.cam_from_world[:, :, 3]
    depth = in_cam[:, 2:]
    residual_px = (in_cam[:, :2] / depth.clamp_min(config.depth_min) - targets.rays) * targets.focal_px
    distance_px = residual_px.abs().sum(dim=1) if config.norm == 1 else residual_px.norm(dim=1)
    z = depth[:, 0]
    valid = (z > config.depth_min) & (z < config.depth_max) & (distance_px < config.hard_clamp_px)
    tau = soft_clamp_px(config, progress)
    if config.depth_sigma > 0:
        sigma = config.depth_sigma * (1 - _circle(progress))
        near = z.clamp_min(config.depth_min)
        distance_px = distance_px * near / (near**2 + sigma**2).sqrt()
    robust = tau * torch.tanh(distance_px / tau)
    default = config.depth_target * torch.cat([targets.rays, torch.ones_like(depth)], dim=1)
    pull = (default - in_cam).abs().sum(dim=1) if config.norm == 1 else (default - in_cam).norm(dim=1)
    loss = torch.where(valid, robust, pull).sum() / len(points)
    close = valid & (residual_px.detach().norm(dim=1) < 10)
    return LossTerms(loss, close.float().mean(), valid.float().mean())
