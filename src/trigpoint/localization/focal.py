"""The focal length of an image that does not tell it: the one that most predicted points agree with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from trigpoint.core.pose import Pose
from trigpoint.localization.intrinsics import focal_candidates, guess_focal_px
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp

# A wrong focal length still leaves a fraction of the points within the threshold, so few iterations rank the candidates.
_RANKING_ITERATIONS = 500
_FOCAL_RANGE = (0.3, 4.0)
_LOSS_SCALE_PX = 3.0


def estimate_focal(
    centred_px: NDArray[np.float64],
    points_world: NDArray[np.float64],
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


def _refine(result: PnpResult, points_px: NDArray[np.float64], points: NDArray[np.float64], focal_px: float) -> float:
    """Refine pose and focal length together on the inliers, by the reprojection error with a robust loss.

    Args:
        result: the pose with its inliers, which is where the refinement starts.
        points_px: (N, 2) keypoints, px of the view, from the principal point.
        points: (N, 3) points in world.
        focal_px: focal length to start from, px of the view.

    Returns:
        The focal length, px of the view.
    """
    pose = result.cam_from_world or Pose.identity()
    observed, local = points_px[result.inliers], points[result.inliers] - pose.centre()

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2 M,) reprojection errors of M inliers, px; (7,) turn, rad, translation in camera, log of the focal ratio."""
        rotation = Rotation.from_rotvec(parameters[:3]).as_matrix() @ pose.rotation
        in_cam = local @ rotation.T + parameters[3:6]
        depth = np.maximum(in_cam[:, 2:], 1e-6)
        return (np.exp(parameters[6]) * focal_px * in_cam[:, :2] / depth - observed).ravel()

    solution = least_squares(residuals, np.zeros(7), loss="soft_l1", f_scale=_LOSS_SCALE_PX, max_nfev=30)
    return float(np.exp(solution.x[6]) * focal_px)
