"""Whether the keypoints of an image contradict the camera that it is said to be taken with.

A pose that was found with a wrong camera still has many inliers, and they agree with each other: only a fit with
free intrinsics tells. Where it ends far from the camera that was told, compared with how well the points fix it, and takes
the pose along, the camera is wrong: that of another zoom, of the whole of which this is a part, or of another image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose
from trigpoint.localization.focal import guess_prior
from trigpoint.localization.free_camera import FreeFit, IntrinsicsPrior, fit_free_camera, free_covariance
from trigpoint.localization.pnp import PinholeIntrinsics, PnpResult

Array = NDArray[np.float64]
# Standard deviations of right cameras, of the logarithm of the focal length and as a fraction of the longer side: of those
# that were calibrated, and of those from EXIF, rounded to whole millimetres and without a principal point.
_CALIBRATED, _RECORDED = (0.01, 0.01), (0.03, 0.03)
# So many standard deviations are the free intrinsics away from right cameras at most: 2.4 (fox), 3.6 (other scenes). From
# cameras off by 10 % they are 4.7 to 10 in eight of ten images, by 50 % 15 to 60. Between the limits the inliers decide:
# right cameras gained 2 % of them at most.
_CERTAIN, _LIKELY = 4.0, 3.0
_LIKELY_GAIN = 1.02
# EXIF is doubted earlier: if it was right, the camera that replaces it is nearly as good.
_DOUBTFUL = 2.5
# Camera positions that differ by less, as fraction of the distance to the points, and by less than this angle are the same.
_SAME_FRACTION, _SAME_DEG = 0.02, 1.5


@dataclass(frozen=True)
class CheckOptions:
    """How a camera is checked.

    Attributes:
        threshold_px: largest error of an inlier, px of the view.
        recorded: whether the camera is from EXIF.
    """

    threshold_px: float
    recorded: bool


def told_prior(recorded: bool, size: tuple[float, float]) -> IntrinsicsPrior:
    """How well a camera is known that was given, or recorded in EXIF.

    Args:
        recorded: whether it is from EXIF.
        size: width and height of the image, px of the view.
    """
    log_focal, of_side = _RECORDED if recorded else _CALIBRATED
    return IntrinsicsPrior(log_focal, of_side * max(size))


def contradicting_fit(
    result: PnpResult,
    points_px: Array,
    points_world: Array,
    intrinsics: PinholeIntrinsics,
    size: tuple[float, float],
    options: CheckOptions,
) -> FreeFit | None:
    """Pose and intrinsics that the points fit, if they contradict those that were told.

    Args:
        result: of the pose solver with the intrinsics that were told.
        points_px: (N, 2) undistorted keypoints, px of the view.
        points_world: (N, 3) points in world; NaN where a keypoint has none.
        intrinsics: that were told, px of the view.
        size: width and height of the image, px of the view.
        options: of the check.

    Returns:
        None where the points agree with the camera, or cannot tell.
    """
    told = result.cam_from_world
    if told is None:
        return None
    fit = fit_free_camera(told, points_px, points_world, intrinsics, guess_prior(*size), options.threshold_px)
    if fit is None or not _moved(told, fit.cam_from_world, points_world[fit.inliers]):
        return None
    inliers_px, inlier_points = points_px[fit.inliers], points_world[fit.inliers]
    covariance = free_covariance(fit.cam_from_world, inliers_px, inlier_points, fit.intrinsics, guess_prior(*size))
    if covariance is None:
        return None
    deviations = _deviations(intrinsics, fit.intrinsics, covariance[6:, 6:], told_prior(False, size))
    if deviations > (_DOUBTFUL if options.recorded else _CERTAIN):
        return fit
    return fit if deviations > _LIKELY and fit.count > _LIKELY_GAIN * result.count else None


def _moved(told: Pose, fitted: Pose, points_world: Array) -> bool:
    shift = float(np.linalg.norm(told.centre() - fitted.centre()))
    distance = float(np.sort(np.linalg.norm(points_world - fitted.centre(), axis=1))[len(points_world) // 2])
    # The trace of a rotation by an angle is 1 + 2 cos(angle); core/pose.py, for tiny angles, imports scipy.
    cosine = (float(np.trace(told.rotation @ fitted.rotation.T)) - 1) / 2
    return shift > _SAME_FRACTION * distance or cosine < np.cos(np.deg2rad(_SAME_DEG))


def _deviations(told: PinholeIntrinsics, fitted: PinholeIntrinsics, covariance: Array, prior: IntrinsicsPrior) -> float:
    """Root mean square of the standard deviations between focal length and principal point that were told and fitted."""
    change = np.array([np.log(fitted.fx / told.fx), fitted.cx - told.cx, fitted.cy - told.cy])
    return float(np.sqrt(change @ np.linalg.solve(covariance + np.diag(1 / prior.information()), change) / 3))
