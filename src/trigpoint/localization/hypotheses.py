"""Choice among hypotheses (global codes, networks of an ensemble): the one with the most inliers wins.

Hypotheses go through the network in two batches, for a part of the keypoints. The trial ends early when one of them
reaches what settles it in this map; the winner is then predicted for all keypoints. So the time is bounded, and an image
that is not in the map costs hardly more than one that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.evenly import evenly
from trigpoint.core.pose import Pose
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import (
    MIN_POINTS,
    PinholeIntrinsics,
    PnpOptions,
    PnpResult,
    reprojection_errors_px,
    solve_pnp,
)
from trigpoint.mapping.scene_map import Hypothesis, SceneMap

Array = NDArray[np.float64]
# Number of inliers among some keypoints and their (N, 3) points in world.
CountInliers = Callable[[UndistortedKeypoints, Array], int]


@dataclass(frozen=True)
class TrialOptions:
    """How hypotheses are compared.

    Attributes:
        keypoints: keypoints that are tried, evenly chosen.
        iterations: RANSAC iterations for each hypothesis.
        stop_fraction: fraction of the map's ``sure_inlier_ratio`` at which the trial ends.
        first_batch: hypotheses in the first batch.
    """

    keypoints: int = 150
    iterations: int = 100
    stop_fraction: float = 0.8
    first_batch: int = 2


@dataclass(frozen=True, eq=False)
class ChosenHypothesis:
    """The winner.

    Attributes:
        index: its index among those tried.
        hypothesis: the winner itself.
        points_world: (N, 3) float64 points in world of all keypoints; NaN where a keypoint matches no landmark.
        tried: number of hypotheses whose inliers were counted.
    """

    index: int
    hypothesis: Hypothesis
    points_world: Array
    tried: int


def choose_hypothesis(
    scene_map: SceneMap,
    hypotheses: Sequence[Hypothesis],
    keypoints: UndistortedKeypoints,
    count_inliers: CountInliers,
    options: TrialOptions,
) -> ChosenHypothesis:
    """Find the hypothesis with the most inliers. The same keypoints are tried for each, so that what noise alone would give
    is the same for all.

    Args:
        scene_map: the map.
        hypotheses: at least one, the likeliest first; of equals the likelier wins.
        keypoints: of the query.
        count_inliers: ``in_best_pose`` or ``in_pose``.
        options: of the comparison.
    """
    best, most_inliers, tried = 0, -1, 0
    if len(hypotheses) > 1 and len(keypoints):
        subset = keypoints.select(evenly(len(keypoints), options.keypoints))
        sure = options.stop_fraction * scene_map.acceptance.sure_inlier_ratio * len(subset)
        for index, points_world in _in_batches(scene_map, hypotheses, subset.descriptors, options.first_batch):
            inliers = count_inliers(subset, points_world)
            tried += 1
            if inliers > most_inliers:
                best, most_inliers = index, inliers
            if most_inliers >= sure:
                break
    return ChosenHypothesis(best, hypotheses[best], scene_map.points(keypoints.descriptors, [hypotheses[best]])[0], tried)


def in_best_pose(pnp: PnpOptions, options: TrialOptions) -> CountInliers:
    """Inliers of the pose that a short RANSAC finds."""
    trial = replace(pnp, max_iterations=options.iterations, refine_rounds=0)
    return lambda keypoints, points: solve_known(keypoints.view_px, points, keypoints.intrinsics, trial).count


def in_pose(cam_from_world: Pose, threshold_px: float) -> CountInliers:
    """Inliers of a pose that is known."""

    def count(keypoints: UndistortedKeypoints, points_world: Array) -> int:
        """Number of (N, 3) points in world that are seen where the keypoints are."""
        errors_px = reprojection_errors_px(cam_from_world, keypoints.view_px, points_world, keypoints.intrinsics)
        return int((errors_px < threshold_px).sum())

    return count


def _in_batches(
    scene_map: SceneMap, hypotheses: Sequence[Hypothesis], descriptors: Tensor, first_batch: int
) -> Iterator[tuple[int, Array]]:
    """Each hypothesis with its points; the first few and the others go through the network in one batch each."""
    for batch in (range(min(first_batch, len(hypotheses))), range(first_batch, len(hypotheses))):
        if batch:
            yield from zip(batch, scene_map.points(descriptors, [hypotheses[index] for index in batch]), strict=True)


def solve_known(points_px: Array, points_world: Array, intrinsics: PinholeIntrinsics, options: PnpOptions) -> PnpResult:
    """As ``solve_pnp``, from the keypoints whose points are known.

    Args:
        points_px: (N, 2) undistorted image points, px.
        points_world: (N, 3) points in world; NaN where a keypoint has none, which is never an inlier.
        intrinsics: of the undistorted image.
        options: thresholds and limits.

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
