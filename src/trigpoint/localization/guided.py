"""Guided refinement: a pose tells where each landmark should be seen, and what is seen there makes the pose exact.

Matching all keypoints with all landmarks keeps only those that are unmistakable. Near the pose a landmark competes with the
few keypoints in a window about its projection, so many more are matched, and the window shrinks as the pose gets better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.nearby import pairs_within
from trigpoint.localization.pnp import MIN_POINTS, projected_px, refine_pose, reprojection_errors_px
from trigpoint.mapping.described_points import DescribedPoints

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Round:
    """One round of matching and refining.

    Attributes:
        window_px: radius of the window about the projection of a landmark, px of the view.
        threshold_px: largest reprojection error of a match that counts.
    """

    window_px: float
    threshold_px: float


# Chosen on RedKitchen and South Building: a fourth round and wider windows took twice the time and gained nothing.
ROUNDS = (Round(8.0, 5.0), Round(4.0, 2.5), Round(2.0, 1.5))


@dataclass(frozen=True, eq=False)
class GuidedMatches:
    """A refined pose and what it was refined on.

    Attributes:
        cam_from_world: the pose.
        points_px: (K, 2) keypoints, undistorted, px of the view.
        points_world: (K, 3) their landmarks.
    """

    cam_from_world: Pose
    points_px: Array
    points_world: Array


def refine_guided(
    keypoints: UndistortedKeypoints,
    landmarks: DescribedPoints,
    positions_world: Array,
    start: Pose,
    rounds: Sequence[Round] = ROUNDS,
) -> GuidedMatches | None:
    """Refine a pose on the landmarks near it, in rounds of ever narrower windows.

    The time is that of projecting the landmarks once, and of what is seen near their projections.

    Args:
        keypoints: (N,) of the query.
        landmarks: M of the map.
        positions_world: (M, 3) their positions in world.
        start: ``cam_from_world``, right to within the first window.
        rounds: one after the other.

    Returns:
        None where too few landmarks are seen where they should be.
    """
    comparable = landmarks.comparable(keypoints.descriptors)
    near = np.arange(len(positions_world))
    pose, matches = start, None
    for step in rounds:
        expected_px = projected_px(pose, positions_world[near], keypoints.intrinsics)
        rows, columns = pairs_within(keypoints.view_px, expected_px, step.window_px)
        # Whatever is near nothing now will hardly be later.
        seen, columns = np.unique(columns, return_inverse=True)
        near = near[seen]
        cosine = landmarks.cosines(comparable, rows, near[columns])
        rows, columns = _best_for_each_other(rows, columns, np.where(cosine < landmarks.min_cosine, np.nan, cosine))
        points_px, points = keypoints.view_px[rows], positions_world[near[columns]]
        found = _refined(GuidedMatches(pose, points_px, points), keypoints, step.threshold_px)
        if found is None:
            return matches
        matches, pose = found, found.cam_from_world
    return matches


def _refined(matches: GuidedMatches, keypoints: UndistortedKeypoints, threshold_px: float) -> GuidedMatches | None:
    """The pose refined on its inliers among the matches, twice, as a better one has others; None where there are too few."""
    pose, points_px, points = matches.cam_from_world, matches.points_px, matches.points_world
    for _ in range(2):
        good = reprojection_errors_px(pose, points_px, points, keypoints.intrinsics) < threshold_px
        if good.sum() < MIN_POINTS:
            return None
        pose = refine_pose(pose, points_px[good], points[good], keypoints.intrinsics) or pose
        matches = GuidedMatches(pose, points_px[good], points[good])
    return matches


def _best_for_each_other(
    rows: NDArray[np.int64], columns: NDArray[np.int64], cosine: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Those of (P,) pairs whose cosine is the largest of their row and of their column; NaN is no pair."""
    order = np.argsort(-cosine, kind="stable")[: np.isfinite(cosine).sum()]
    rows, columns = rows[order], columns[order]
    first_of_row, first_of_column = (np.zeros(len(rows), dtype=bool) for _ in range(2))
    first_of_row[np.unique(rows, return_index=True)[1]] = True
    first_of_column[np.unique(columns, return_index=True)[1]] = True
    best = first_of_row & first_of_column
    return rows[best], columns[best]
