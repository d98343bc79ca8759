"""Pose, focal length and principal point of an image fitted together, and how far the points fix them.

A wrong focal length moves the camera along its axis, a wrong principal point turns it; the points that still agree hardly
tell. Left free, focal length and principal point go to where most points agree, and their standard deviations say how far
that can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose
from trigpoint.localization.pnp import MIN_POINTS, PinholeIntrinsics, patch_weights

Array = NDArray[np.float64]
_LOSS_SCALE_PX = 3.0
_MAX_ROUNDS, _STEPS_A_ROUND = 12, 4
_SMALLEST_GAIN = 1e-6
# Fraction of the inliers whose coming and going changes nothing any more.
_SETTLED = 0.003
# Of the keypoints, px^2; points made up without noise have none.
_SMALLEST_VARIANCE = 1e-12
# Of the logarithm of the focal length: a factor of 20 is no camera any more.
_LARGEST_CHANGE = 3.0
# Largest change of the logarithm of the focal length, and of the direction, rad, in a step: the linear model holds that far.
_LONGEST_STEP = 0.3


@dataclass(frozen=True)
class IntrinsicsPrior:
    """How well the intrinsics are known before the points are seen, as standard deviations.

    Attributes:
        log_focal: of the logarithm of the focal length.
        centre_px: of the principal point along each axis, px.
    """

    log_focal: float
    centre_px: float

    def information(self) -> Array:
        """(3,) inverse variances of the logarithm of the focal length and of the principal point, px^-2."""
        return np.array([self.log_focal, self.centre_px, self.centre_px]) ** -2.0


@dataclass(frozen=True, eq=False)
class FreeFit:
    """Pose and intrinsics that fit together.

    Attributes:
        cam_from_world: the pose.
        intrinsics: px, for points as they were given.
        inliers: (N,) bool.
    """

    cam_from_world: Pose
    intrinsics: PinholeIntrinsics
    inliers: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of inliers."""
        return int(self.inliers.sum())


def fit_free_camera(
    start: Pose,
    points_px: Array,
    points_world: Array,
    intrinsics: PinholeIntrinsics,
    prior: IntrinsicsPrior,
    threshold_px: float,
) -> FreeFit | None:
    """Refine pose, focal length and principal point on the inliers, by the reprojection error with a soft L1 loss.

    Inliers are collected anew in each round, among all points, so that the fit can leave a wrong camera that few points
    agree with. Gauss-Newton with analytic derivatives; scipy.optimize, which could do it, takes longer to import than an
    image takes to localize.

    Args:
        start: the pose to start from.
        points_px: (N, 2) undistorted keypoints, px.
        points_world: (N, 3) points in world; NaN where a keypoint has none.
        intrinsics: to start from; the prior is about them. The ratio of the focal lengths stays.
        prior: how well they are known.
        threshold_px: largest error of an inlier.

    Returns:
        None when the points fix no pose.
    """
    state = _State(start.apply(points_world), intrinsics)
    inliers = np.zeros(len(points_px), dtype=bool)
    for _ in range(_MAX_ROUNDS):
        before = inliers
        errors = state.errors(points_px)
        inliers = (errors**2).sum(axis=1) < threshold_px**2
        if inliers.sum() < MIN_POINTS:
            return None
        variance = max(float((errors[inliers] ** 2).sum()) / max(2 * int(inliers.sum()) - 9, 1), _SMALLEST_VARIANCE)
        if not state.improve(points_px, inliers, variance, prior):
            return None
        if (before != inliers).sum() <= _SETTLED * inliers.sum():
            break
    inliers = (state.errors(points_px) ** 2).sum(axis=1) < threshold_px**2
    if inliers.sum() < MIN_POINTS:
        return None
    pose = Pose(state.rotation @ start.rotation, state.rotation @ start.translation + state.shift)
    return FreeFit(pose, state.intrinsics(), inliers)


class _State:
    """Points in the frame of the camera, whose centre is the origin, so that turning and moving it hardly interact; how far
    it was turned and moved; and its intrinsics."""

    def __init__(self, in_cam: Array, intrinsics: PinholeIntrinsics) -> None:
        self.in_cam = in_cam
        self.rotation, self.shift = np.eye(3), np.zeros(3)
        self.given = intrinsics
        # Of the logarithm of the focal length, and of the principal point, px.
        self.change = np.zeros(3)

    def intrinsics(self) -> PinholeIntrinsics:
        ratio = float(np.exp(self.change[0]))
        cx, cy = (float(value) for value in (self.given.cx + self.change[1], self.given.cy + self.change[2]))
        return PinholeIntrinsics(self.given.fx * ratio, self.given.fy * ratio, cx, cy)

    def errors(self, points_px: Array) -> Array:
        """(N, 2) reprojection errors, px; infinite behind the camera and without a point."""
        camera, front = self.intrinsics(), self.in_cam[:, 2] > 1e-9
        depth = np.where(front, self.in_cam[:, 2], 1.0)
        projected = self.in_cam[:, :2] / depth[:, None] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        return np.where(front[:, None], projected - points_px, np.inf)

    def improve(self, points_px: Array, inliers: NDArray[np.bool_], variance: float, prior: IntrinsicsPrior) -> bool:
        """Some Gauss-Newton steps on (N,) inliers of ``variance`` px^2; False where they fix no pose."""
        for _ in range(_STEPS_A_ROUND):
            residuals, jacobian = _linearized(self.in_cam[inliers], points_px[inliers], self.intrinsics())
            # The derivative of the loss, divided by the residual, is the weight of a residual in a least-squares problem.
            weights = 1 / np.sqrt(1 + (residuals / _LOSS_SCALE_PX) ** 2)
            hessian = jacobian.T @ (weights[:, None] * jacobian)
            gradient = jacobian.T @ (weights * residuals)
            hessian[6:, 6:] += variance * np.diag(prior.information())
            gradient[6:] += variance * prior.information() * self.change
            inverse = _inverse(hessian)
            if inverse is None:
                return False
            step = -inverse @ gradient
            step = step * min(1.0, _LONGEST_STEP / max(abs(step[6]), np.abs(step[:3]).max(), 1e-12))
            turn = _rotation(step[:3])
            self.in_cam = self.in_cam @ turn.T + step[3:6]
            self.rotation, self.shift = turn @ self.rotation, turn @ self.shift + step[3:6]
            self.change = self.change + step[6:]
            if float(step @ hessian @ step) < _SMALLEST_GAIN * variance:
                break
        return bool(np.isfinite(self.change).all() and abs(self.change[0]) < _LARGEST_CHANGE)


def free_covariance(
    cam_from_world: Pose,
    points_px: Array,
    points_world: Array,
    intrinsics: PinholeIntrinsics,
    prior: IntrinsicsPrior,
) -> Array | None:
    """(9, 9) covariance of pose and intrinsics from their inliers, or None if they do not fix them.

    Order: small rotation about the camera axes, rad, translation along them, unit of the world, logarithm of the focal
    length, principal point, px. All points of a patch of the image count as one.

    Args:
        cam_from_world: the pose.
        points_px: (N, 2) undistorted inliers, px.
        points_world: (N, 3) their points in world.
        intrinsics: px.
        prior: how well the intrinsics are known without the points.
    """
    in_cam = cam_from_world.apply(points_world)
    if not (in_cam[:, 2] > 0).all():
        return None
    residuals, jacobian = _linearized(in_cam, points_px, intrinsics)
    patches, weights = patch_weights(points_px)
    weights = np.tile(weights, 2)
    variance = max(float((weights * residuals**2).sum()) / max(2 * patches - 9, 1), _SMALLEST_VARIANCE)
    information = jacobian.T @ (weights[:, None] * jacobian)
    information[6:, 6:] += variance * np.diag(prior.information())
    covariance = _inverse(information)
    return None if covariance is None else variance * covariance


def _linearized(in_cam: Array, points_px: Array, intrinsics: PinholeIntrinsics) -> tuple[Array, Array]:
    """(2 N,) reprojection errors, px, of (N, 3) points in the camera, and their (2 N, 9) derivatives.

    The derivatives are by a turn of the points about the camera's centre, rad, a shift of them along its axes, in the unit
    of the world, the logarithm of the focal length and the principal point, px.
    """
    x, y, z = in_cam[:, 0], in_cam[:, 1], np.maximum(in_cam[:, 2], 1e-9)
    fx, fy = intrinsics.fx, intrinsics.fy
    zero, one = np.zeros_like(z), np.ones_like(z)
    rows: list[Array] = []
    # d(u, v) / d(point in camera); a turn w moves a point p by w x p.
    for by_point, along, by_centre in (
        (np.stack([fx / z, zero, -fx * x / z**2], axis=1), fx * x / z, (one, zero)),
        (np.stack([zero, fy / z, -fy * y / z**2], axis=1), fy * y / z, (zero, one)),
    ):
        others = np.stack([along, *by_centre], axis=1)
        rows.append(np.concatenate([np.cross(in_cam, by_point), by_point, others], axis=1))
    projected = np.stack([fx * x / z + intrinsics.cx, fy * y / z + intrinsics.cy], axis=1)
    return (projected - points_px).T.ravel(), np.concatenate(rows)


def _inverse(matrix: Array) -> Array | None:
    """Of a symmetric positive matrix whose rows have different units; None if it has none."""
    scale = np.sqrt(np.diag(matrix))
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        return None
    normalized = matrix / np.outer(scale, scale)
    if not np.isfinite(normalized).all() or np.linalg.cond(normalized) > 1e12:
        return None
    return np.linalg.inv(normalized) / np.outer(scale, scale)


def _rotation(turn: NDArray[np.floating]) -> Array:
    """The (3, 3) rotation about the axis of a (3,) vector by its length, rad (Rodrigues' formula)."""
    angle = float(np.linalg.norm(turn))
    if angle == 0:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
