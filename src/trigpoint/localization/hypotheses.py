"""Which reading of a photo is right: several global encodings or networks are tried, the one most keypoints agree with wins.

All hypotheses go through the network in one batch, for a part of the keypoints. The trial ends early when one of them
reaches what is typical for the map; the winner is then solved with all keypoints. So the time is bounded, and a photo of
another place costs hardly more than one of this place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.localization.pnp import MIN_POINTS, PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp
from trigpoint.mapping.scene_map import Hypothesis, SceneMap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrialOptions:
    """How hypotheses are compared.

    Attributes:
        keypoints: keypoints that are tried, evenly chosen.
        iterations: RANSAC iterations for each hypothesis.
        enough: share of the map's typical inlier share at which the trial ends.
    """

    keypoints: int = 300
    iterations: int = 150
    enough: float = 0.7


@dataclass(frozen=True, eq=False)
class Chosen:
    """The winner.

    Attributes:
        hypothesis: index among those tried.
        points: (N, 3) points in world of all keypoints.
        tried: number of poses that were scored before it won.
    """

    hypothesis: int
    points: Array
    tried: int


def choose_hypothesis(
    scene_map: SceneMap,
    hypotheses: Sequence[Hypothesis],
    descriptors: Tensor,
    points_px: Array,
    intrinsics: PinholeIntrinsics,
    pnp: PnpOptions,
    options: TrialOptions,
) -> Chosen:
    """Find the hypothesis that most keypoints agree with. The same number of keypoints is tried for each, so that what noise
    alone would give is the same for all.

    Args:
        scene_map: the map.
        hypotheses: at least one, the likeliest first.
        descriptors: (N, C) local descriptors of the query.
        points_px: (N, 2) undistorted keypoints, px of the view.
        intrinsics: of the undistorted view.
        pnp: of the pose solver.
        options: of the comparison.
    """
    best, tried = 0, 0
    if len(hypotheses) > 1 and len(descriptors):
        some = np.unique(np.linspace(0, len(descriptors) - 1, min(len(descriptors), options.keypoints)).astype(int))
        trial = replace(pnp, max_iterations=options.iterations, refine_rounds=0)
        enough = options.enough * scene_map.calibration.typical_share * len(some)
        best_count = -1
        for index, points in enumerate(scene_map.points(descriptors[some], hypotheses)):
            count = solve_known(points_px[some], points, intrinsics, trial).count
            tried += options.iterations
            if count > best_count:
                best, best_count = index, count
            if best_count >= enough:
                break
    return Chosen(best, scene_map.points(descriptors, [hypotheses[best]])[0], tried)


def solve_known(points_px: Array, points_world: Array, intrinsics: PinholeIntrinsics, options: PnpOptions) -> PnpResult:
    """As ``solve_pnp``, from the keypoints whose points are known: those without have NaN and are never inliers.

    Raises:
        MappingError: as ``solve_pnp``.
    """
    known = np.isfinite(points_world).all(axis=1)
    if known.all():
        return solve_pnp(points_px, points_world, intrinsics, options)
    inliers = np.zeros(len(known), dtype=bool)
    if known.sum() < MIN_POINTS:
        reason = f"only {known.sum()} of {len(known)} keypoints match a landmark, at least {MIN_POINTS} are needed"
        return PnpResult(None, inliers, reason)
    result = solve_pnp(points_px[known], points_world[known], intrinsics, options)
    inliers[known] = result.inliers
    return replace(result, inliers=inliers)
