"""The camera of an image that does not tell it: focal length and principal point that most predicted points agree with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trigpoint.localization.free_camera import FreeFit, IntrinsicsPrior, fit_free_camera
from trigpoint.localization.intrinsics import focal_candidates
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp

# A wrong focal length still leaves a fraction of the points within the threshold, so few iterations rank the candidates.
_RANKING_ITERATIONS = 500
_FOCAL_RANGE = (0.3, 8.0)
# Focal lengths are not known at all; a factor of e^10 is as good as none.
_ANY_FOCAL = 10.0
# Standard deviations of the principal point, as fractions of the longer side: images as their camera made them, and parts of
# images, whose principal point may even be outside.
_WHOLE_IMAGE, _PART_OF_IMAGE = 0.02, 0.3
# An image is taken for a part of another where so many times as many points agree then. A free principal point gained 1.6 %
# at most in whole images (fox), and 10 to 80 % in their halves.
_PART_GAINS = 1.02

Array = NDArray[np.float64]


def guess_prior(width: float, height: float) -> IntrinsicsPrior:
    """What is known of the camera of an image of width x height px that tells nothing, and may be a part of another."""
    return IntrinsicsPrior(_ANY_FOCAL, _PART_OF_IMAGE * max(width, height))


def estimate_camera(
    centred_px: Array, points_world: Array, size: tuple[float, float], options: PnpOptions
) -> FreeFit | None:
    """Estimate focal length and principal point of a camera with square pixels and no distortion, and its pose.

    The principal point stays near the middle of the image, unless clearly more points agree with another: then the image is
    a part of a larger one.

    Args:
        centred_px: (N, 2) keypoints, px of the view, from the centre of the image.
        points_world: (N, 3) predicted points in world, all finite.
        size: width and height of the image, px of the view.
        options: of the pose solver.

    Returns:
        Intrinsics from the centre of the image, px of the view. None when no candidate gives a pose.
    """
    start = _best_candidate(centred_px, points_world, size, options)
    if start is None:
        return None
    intrinsics, result = start
    assert result.cam_from_world is not None
    longest = max(size)
    prior = IntrinsicsPrior(_ANY_FOCAL, _WHOLE_IMAGE * longest)
    whole = fit_free_camera(result.cam_from_world, centred_px, points_world, intrinsics, prior, options.threshold_px)
    if whole is None:
        return None
    prior = guess_prior(*size)
    part = fit_free_camera(whole.cam_from_world, centred_px, points_world, whole.intrinsics, prior, options.threshold_px)
    best = part if part is not None and part.count > _PART_GAINS * whole.count else whole
    return best if _FOCAL_RANGE[0] * longest < best.intrinsics.fx < _FOCAL_RANGE[1] * longest else None


def _best_candidate(
    centred_px: Array, points_world: Array, size: tuple[float, float], options: PnpOptions
) -> tuple[PinholeIntrinsics, PnpResult] | None:
    ranking = replace(options, max_iterations=min(options.max_iterations, _RANKING_ITERATIONS), refine_rounds=1)
    best: tuple[PinholeIntrinsics, PnpResult] | None = None
    for focal in focal_candidates(*size):
        intrinsics = PinholeIntrinsics(focal, focal, 0.0, 0.0)
        result = solve_pnp(centred_px, points_world, intrinsics, ranking)
        if result.cam_from_world is not None and (best is None or result.count > best[1].count):
            best = intrinsics, result
    return best
