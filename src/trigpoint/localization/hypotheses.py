"""Choice among hypotheses (global codes, networks of an ensemble): the one with the most inliers wins.

Hypotheses go through the network in two batches, for a part of the keypoints. The trial ends early when one of them
reaches what settles it in this map; the winner is then solved with all keypoints. So the time is bounded, and an image of
another scene costs hardly more than one of this scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.evenly import evenly
from trigpoint.localization.pnp import MIN_POINTS, PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp
from trigpoint.mapping.scene_map import Hypothesis, SceneMap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrialOptions:
    """How hypotheses are compared.

    Attributes:
        keypoints: keypoints that are tried, evenly chosen.
        iterations: RANSAC iterations for each hypothesis.
        enough: fraction of the map's ``sure_inlier_ratio`` at which the trial ends.
        first: hypotheses in the first batch.
    """

    keypoints: int = 150
    iterations: int = 100
    enough: float = 0.8
    first: int = 2


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
    best, best_count, tried = 0, -1, 0
    if len(hypotheses) > 1 and len(descriptors):
        some = evenly(len(descriptors), options.keypoints)
        trial = replace(pnp, max_iterations=options.iterations, refine_rounds=0)
        enough = options.enough * scene_map.acceptance.sure_inlier_ratio * len(some)
        for index, points in _in_groups(scene_map, hypotheses, descriptors[some], options.first):
            count = solve_known(points_px[some], points, intrinsics, trial).count
            tried += options.iterations
            if count > best_count:
                best, best_count = index, count
            if best_count >= enough:
                break
    return Chosen(best, scene_map.points(descriptors, [hypotheses[best]])[0], tried)


def _in_groups(
    scene_map: SceneMap, hypotheses: Sequence[Hypothesis], descriptors: Tensor, first: int
) -> Iterator[tuple[int, Array]]:
    """Each hypothesis with its points; the first few and the others go through the network in one batch each."""
    for group in (range(min(first, len(hypotheses))), range(first, len(hypotheses))):
        if group:
            yield from zip(group, scene_map.points(descriptors, [hypotheses[index] for index in group]), strict=True)


def solve_known(points_px: Array, points_world: Array, intrinsics: PinholeIntrinsics, options: PnpOptions) -> PnpResult:
    """As ``solve_pnp``, from the keypoints whose points are known: those without have NaN and are never inliers.

    Raises:
        MappingError: as ``solve_pnp``.
    """
    known: NDArray[np.bool_] = np.asarray(np.isfinite(points_world).all(axis=1))
    if known.all():
        return solve_pnp(points_px, points_world, intrinsics, options)
    inliers = np.zeros(len(known), dtype=bool)
    if known.sum() < MIN_POINTS:
        reason = f"only {known.sum()} of {len(known)} keypoints match a landmark, at least {MIN_POINTS} are needed"
        return PnpResult(None, inliers, reason)
    result = solve_pnp(points_px[known], points_world[known], intrinsics, options)
    inliers[known] = result.inliers
    return replace(result, inliers=inliers)
