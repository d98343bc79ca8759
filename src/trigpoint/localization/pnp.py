"""Absolute pose from 2D-3D correspondences: PoseLib behind a guard.

PoseLib 2.x accepts NaN, lists of different length, unknown options and impossible cameras without a word, and answers with
identity or NaN poses. Here bad input is refused before the solver, the time is bounded, and no answer is a reason, not a
pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trigpoint.core.errors import MappingError
from trigpoint.core.evenly import evenly
from trigpoint.core.pose import Pose

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

MIN_POINTS = 6
# Side of the patches, px of the view, whose points err together: what neighbouring keypoints are taken for is shifted or
# scaled as a whole. With each point counted as a witness of its own, stated standard deviations were 5 to 9 times too small
# (trig; fox, RedKitchen, office). Patches of 40 to 90 px tell right answers from wrong ones equally well.
_PATCH_PX = 60.0


@dataclass(frozen=True)
class PinholeIntrinsics:
    """Intrinsics of undistorted points, px."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True)
class PnpOptions:
    """How a pose is sought.

    Attributes:
        threshold_px: largest reprojection error of an inlier.
        max_iterations: RANSAC iterations at most. Together with ``sample_points`` this bounds the time.
        sample_points: RANSAC sees at most this many correspondences, evenly chosen; the best pose is then scored and
            refined on all of them. A quarter of the points allows four times the iterations in the same time.
        refine_rounds: rounds of collecting inliers among all correspondences and refining on them, at most.
    """

    threshold_px: float = 10.0
    max_iterations: int = 1500
    sample_points: int = 500
    refine_rounds: int = 5

    def __post_init__(self) -> None:
        counts = self.max_iterations >= 1 and self.sample_points >= MIN_POINTS and self.refine_rounds >= 0
        if not (0 < self.threshold_px < np.inf and counts):
            raise MappingError(
                "TP-605",
                f"impossible pose solver options: {self}",
                fix=f"threshold_px > 0, max_iterations >= 1, sample_points >= {MIN_POINTS}, refine_rounds >= 0.",
            )


@dataclass(frozen=True, eq=False)
class PnpResult:
    """A pose, or the reason why there is none.

    Attributes:
        cam_from_world: the pose, or None.
        inliers: (N,) bool.
        reason: why there is no pose, else ``""``.
    """

    cam_from_world: Pose | None
    inliers: Bool[np.ndarray, " N"]
    reason: str

    @property
    def count(self) -> int:
        """Number of inliers."""
        return int(self.inliers.sum())


def solve_pnp(
    points_px: Float64[np.ndarray, "N 2"],
    points_world: Float64[np.ndarray, "N 3"],
    intrinsics: PinholeIntrinsics,
    options: PnpOptions,
) -> PnpResult:
    """Estimate ``cam_from_world``.

    Args:
        points_px: (N, 2) undistorted image points, px.
        points_world: (N, 3) points in world.
        intrinsics: of the undistorted image.
        options: thresholds and limits.

    Raises:
        MappingError: lengths or shapes that do not fit (TP-601), NaN or infinity (TP-602), an impossible camera (TP-605).
    """
    _check_input(points_px, points_world, intrinsics)
    nothing = np.zeros(len(points_px), dtype=bool)
    reason = degeneracy(points_px, points_world)
    if reason:
        return PnpResult(None, nothing, reason)
    # World coordinates may be large; the solver works around their centre.
    centre = points_world.mean(axis=0)
    local = points_world - centre
    pose = _ransac(points_px, local, intrinsics, options)
    if pose is None:
        return PnpResult(None, nothing, "no pose agrees with more than a handful of keypoints")
    inliers = reprojection_errors_px(pose, points_px, local, intrinsics) < options.threshold_px
    for _ in range(options.refine_rounds):
        if inliers.sum() < MIN_POINTS:
            break
        pose = refine_pose(pose, points_px[inliers], local[inliers], intrinsics) or pose
        before, inliers = inliers, reprojection_errors_px(pose, points_px, local, intrinsics) < options.threshold_px
        if (before == inliers).all():
            break
    if inliers.sum() < MIN_POINTS:
        return PnpResult(None, nothing, "no pose agrees with more than a handful of keypoints")
    return PnpResult(Pose(pose.rotation, pose.translation - pose.rotation @ centre), inliers, "")


def degeneracy(points_px: Float64[np.ndarray, "N 2"], points_world: Float64[np.ndarray, "N 3"]) -> str:
    """Why (N, 2) image points, px, and their (N, 3) points in world cannot fix a pose, or ``""``."""
    if len(points_px) < MIN_POINTS:
        return f"only {len(points_px)} keypoints, at least {MIN_POINTS} are needed"
    for points, name in ((points_px, "keypoints"), (points_world, "predicted points")):
        extents = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if extents[0] <= 1e-9 * (1 + np.abs(points).max()):
            return f"all {name} are the same point"
        if extents[1] < 1e-6 * extents[0]:
            return f"all {name} lie on one line"
    return ""


def reprojection_errors_px(
    cam_from_world: Pose,
    points_px: Float64[np.ndarray, "N 2"],
    points_world: Float64[np.ndarray, "N 3"],
    intrinsics: PinholeIntrinsics,
) -> Float64[np.ndarray, " N"]:
    """(N,) distances, px, between points and projections; infinite behind the camera."""
    errors_px = np.linalg.norm(projected_px(cam_from_world, points_world, intrinsics) - points_px, axis=1)
    return np.where(np.isnan(errors_px), np.inf, errors_px)


def projected_px(
    cam_from_world: Pose, points_world: Float64[np.ndarray, "N 3"], intrinsics: PinholeIntrinsics
) -> Float64[np.ndarray, "N 2"]:
    """(N, 2) projections of (N, 3) points in world, px; NaN behind the camera."""
    in_cam = cam_from_world.apply(points_world)
    depth = np.where(in_cam[:, 2] > 1e-9, in_cam[:, 2], np.nan)
    return in_cam[:, :2] / depth[:, None] * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)


def refine_pose(
    start: Pose,
    points_px: Float64[np.ndarray, "N 2"],
    points_world: Float64[np.ndarray, "N 3"],
    intrinsics: PinholeIntrinsics,
) -> Pose | None:
    """Least squares on inliers. A robust loss on top of the threshold made the poses worse, not better.

    Args:
        start: ``cam_from_world``.
        points_px: (N, 2) undistorted image points, px.
        points_world: (N, 3) points in world.
        intrinsics: of the undistorted image.

    Returns:
        None where the solver fails.
    """
    import poselib

    # World coordinates may be large; the solver works around their centre.
    centre = points_world.mean(axis=0)
    pose = poselib.CameraPose()
    pose.R, pose.t = start.rotation, start.translation + start.rotation @ centre
    bundle = {"loss_type": "TRIVIAL", "max_iterations": 25}
    refined, _ = poselib.refine_absolute_pose(points_px, points_world - centre, pose, _camera(intrinsics), bundle)
    found = _finite(refined)
    return None if found is None else Pose(found.rotation, found.translation - found.rotation @ centre)


def pose_covariance(
    cam_from_world: Pose,
    points_px: Float64[np.ndarray, "N 2"],
    points_world: Float64[np.ndarray, "N 3"],
    intrinsics: PinholeIntrinsics,
) -> Float64[np.ndarray, "6 6"] | None:
    """(6, 6) covariance of the pose from its inliers, or None if they do not fix it.

    Order: small rotation about the camera axes, rad, then translation along them, unit of the world. The noise of the
    keypoints is taken from the residuals themselves. All points of a patch of the image count as one: what they have in
    common does not average out. So few patches, or patches close together, leave the pose uncertain, however many points.
    """
    in_cam = cam_from_world.apply(points_world)
    x, y, z = in_cam.T
    if not (z > 0).all():
        # Far from the origin of the world the depth of an inlier is lost to rounding.
        return None
    zero = np.zeros_like(z)
    # d(u, v) / d(point in camera), then d(point) / d(rotation, translation) = [-[p]_x, I].
    du = np.stack([intrinsics.fx / z, zero, -intrinsics.fx * x / z**2], axis=1)
    dv = np.stack([zero, intrinsics.fy / z, -intrinsics.fy * y / z**2], axis=1)
    jacobian = np.concatenate([np.concatenate([np.cross(in_cam, d), d], axis=1) for d in (du, dv)])
    residual = reprojection_errors_px(cam_from_world, points_px, points_world, intrinsics)
    patches, weights = patch_weights(points_px)
    variance = float((weights * residual**2).sum()) / max(2 * patches - 6, 1)
    information = jacobian.T @ (np.tile(weights, 2)[:, None] * jacobian)
    scale = np.sqrt(np.diag(information))
    unit = np.outer(scale, scale)
    # Rotations and translations have different units; a product of them may underflow although neither is zero.
    if not (np.isfinite(information).all() and (unit > 0).all()):
        return None
    normalized = information / unit
    if np.linalg.cond(normalized) > 1e12:
        return None
    with np.errstate(over="ignore"):
        covariance = variance * np.linalg.inv(normalized) / unit
    return covariance if np.isfinite(covariance).all() else None


def patch_weights(points_px: Float64[np.ndarray, "N 2"]) -> tuple[int, Float64[np.ndarray, " N"]]:
    """Number of patches with some of (N, 2) points, px, and their (N,) weights, which add up to 1 in each patch."""
    # Complex numbers, as np.unique of one axis is many times faster than of rows.
    column, row = np.floor(points_px / _PATCH_PX).T
    _, patch, counts = np.unique(column + 1j * row, return_inverse=True, return_counts=True)
    return len(counts), 1 / counts[patch]


def _check_input(points_px: np.ndarray, points_world: np.ndarray, intrinsics: PinholeIntrinsics) -> None:
    if points_px.ndim != 2 or points_px.shape[1:] != (2,) or points_world.shape != (len(points_px), 3):
        raise MappingError(
            "TP-601",
            f"correspondences of shapes {points_px.shape} and {points_world.shape} do not belong together",
            fix="Give (N, 2) image points and (N, 3) world points.",
        )
    if not (np.isfinite(points_px).all() and np.isfinite(points_world).all()):
        raise MappingError("TP-602", "correspondences contain NaN or infinity", fix="Leave these points out.")
    values = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy])
    if not (np.isfinite(values).all() and intrinsics.fx > 0 and intrinsics.fy > 0):
        raise MappingError("TP-605", f"impossible camera: {intrinsics}", fix="Focal lengths are positive, in pixels.")


def _camera(intrinsics: PinholeIntrinsics) -> dict[str, object]:
    # PoseLib reads no image size for a pinhole camera.
    params = [intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy]
    return {"model": "PINHOLE", "width": 1, "height": 1, "params": params}


def _ransac(points_px: np.ndarray, points: np.ndarray, intrinsics: PinholeIntrinsics, options: PnpOptions) -> Pose | None:
    import poselib

    chosen = evenly(len(points_px), options.sample_points)
    ransac = {"max_reproj_error": options.threshold_px, "max_iterations": options.max_iterations, "min_iterations": 100}
    result, info = poselib.estimate_absolute_pose(points_px[chosen], points[chosen], _camera(intrinsics), ransac, {})
    return _finite(result) if info["num_inliers"] >= 4 else None


def _finite(pose: object) -> Pose | None:
    rotation = np.asarray(getattr(pose, "R"), dtype=np.float64)  # noqa: B009 (poselib ships no types)
    translation = np.asarray(getattr(pose, "t"), dtype=np.float64)  # noqa: B009
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
        return None
    return Pose(rotation, translation)
