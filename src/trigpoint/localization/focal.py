"""The focal length of an image that does not tell it: the one that most predicted points agree with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose
from trigpoint.localization.intrinsics import focal_candidates, guess_focal_px
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp

# A wrong focal length still leaves a fraction of the points within the threshold, so few iterations rank the candidates.
_RANKING_ITERATIONS = 500
_FOCAL_RANGE = (0.3, 4.0)
_LOSS_SCALE_PX = 3.0
_MAX_STEPS, _SMALLEST_GAIN = 30, 1e-9

Array = NDArray[np.float64]


def estimate_focal(
    centred_px: Array,
    points_world: Array,
    scale: float,
    size: tuple[int, int],
    options: PnpOptions,
) -> float:
    """Estimate the focal length of a pinhole camera with square pixels and a central principal point.

    Args:
        centred_px: (N, 2) keypoints, px of the view, from the centre of the image.
        points_world: (N, 3) predicted points in world, all finite.
        scale: view px per image px.
        size: width and height of the image, px.
        options: of the pose solver, thresholds in px of the view.

    Returns:
        Focal length, px of the image at full size; the usual guess when no candidate gives a pose.
    """
    width, height = size
    ranking = replace(options, max_iterations=_RANKING_ITERATIONS, refine_rounds=1)
    best: tuple[int, float, PnpResult] | None = None
    for focal in focal_candidates(width, height):
        result = solve_pnp(centred_px, points_world, _intrinsics(focal * scale), ranking)
        if result.cam_from_world is not None and (best is None or result.count > best[0]):
            best = (result.count, focal, result)
    if best is None:
        return guess_focal_px(width, height)
    _, focal, result = best
    longest = max(width, height)
    for _ in range(2):
        refined = _refine(result, centred_px, points_world, focal * scale) / scale
        if not _FOCAL_RANGE[0] * longest < refined < _FOCAL_RANGE[1] * longest:
            break
        better = solve_pnp(centred_px, points_world, _intrinsics(refined * scale), options)
        if better.cam_from_world is None or better.count < result.count:
            break
        focal, result = refined, better
    return float(focal)


def _intrinsics(focal_px: float) -> PinholeIntrinsics:
    return PinholeIntrinsics(focal_px, focal_px, 0.0, 0.0)


def _refine(result: PnpResult, points_px: Array, points: Array, focal_px: float) -> float:
    """Refine pose and focal length together on the inliers, by the reprojection error with a soft L1 loss.

    Levenberg-Marquardt with analytic derivatives; scipy.optimize, which could do it, takes longer to import than an image
    takes to localize.

    Args:
        result: the pose with its inliers, which is where the refinement starts.
        points_px: (N, 2) keypoints, px of the view, from the principal point.
        points: (N, 3) points in world.
        focal_px: focal length to start from, px of the view.

    Returns:
        The focal length, px of the view.
    """
    pose = result.cam_from_world or Pose.identity()
    observed = points_px[result.inliers]
    # The camera's centre is the origin, so that turning and moving it hardly interact.
    turned, shift, log_ratio = (points[result.inliers] - pose.centre()) @ pose.rotation.T, np.zeros(3), 0.0
    residuals, jacobian = _linearized(turned + shift, observed, focal_px)
    damping = 1e-3
    for _ in range(_MAX_STEPS):
        # The derivative of the loss, divided by the residual, is the weight of a residual in a least-squares problem.
        weights = 1 / np.sqrt(1 + (residuals / _LOSS_SCALE_PX) ** 2)
        hessian = jacobian.T @ (weights[:, None] * jacobian)
        gradient = jacobian.T @ (weights * residuals)
        step = np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), -gradient)
        new_turned, new_shift = turned @ _rotation(step[:3]).T, shift + step[3:6]
        new_log_ratio = log_ratio + float(step[6])
        new_residuals, new_jacobian = _linearized(new_turned + new_shift, observed, np.exp(new_log_ratio) * focal_px)
        before, after = _loss(residuals), _loss(new_residuals)
        if not after < before:
            damping *= 10
            continue
        turned, shift, log_ratio, damping = new_turned, new_shift, new_log_ratio, damping / 10
        residuals, jacobian = new_residuals, new_jacobian
        if before - after < _SMALLEST_GAIN * before:
            break
    return float(np.exp(log_ratio) * focal_px)


def _linearized(in_cam: Array, observed_px: Array, focal_px: float) -> tuple[Array, Array]:
    """(2 N,) reprojection errors, px, of (N, 3) points in the camera, and their (2 N, 7) derivatives.

    The derivatives are by a turn of the points about the camera's centre, rad, a shift of them along its axes, in the unit
    of the world, and the logarithm of the focal length.
    """
    x, y, z = in_cam[:, 0], in_cam[:, 1], np.maximum(in_cam[:, 2], 1e-6)
    projected = focal_px * in_cam[:, :2] / z[:, None]
    zero = np.zeros_like(z)
    rows: list[Array] = []
    # d(u, v) / d(point in camera); a turn w moves a point p by w x p.
    for by_point, along in (
        (np.stack([focal_px / z, zero, -focal_px * x / z**2], axis=1), projected[:, 0]),
        (np.stack([zero, focal_px / z, -focal_px * y / z**2], axis=1), projected[:, 1]),
    ):
        rows.append(np.concatenate([np.cross(in_cam, by_point), by_point, along[:, None]], axis=1))
    return (projected - observed_px).T.ravel(), np.concatenate(rows)


def _loss(residuals_px: Array) -> float:
    """Sum of the soft L1 loss of (N,) residuals, px: quadratic near zero, linear far from it."""
    return float((np.sqrt(1 + (residuals_px / _LOSS_SCALE_PX) ** 2) - 1).sum())


def _rotation(turn: NDArray[np.floating]) -> Array:
    """The (3, 3) rotation about the axis of a (3,) vector by its length, rad (Rodrigues' formula)."""
    angle = float(np.linalg.norm(turn))
    if angle == 0:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
