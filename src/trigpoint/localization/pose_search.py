"""The search for the pose of one image: features, hypotheses, scene coordinates, PnP, verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.fork import require_torch_threads
from trigpoint.core.image import DecodedImage
from trigpoint.core.pose import Pose
from trigpoint.core.stage_times import StageTimes
from trigpoint.features.extract import ImageFeatures, extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view
from trigpoint.localization.focal import estimate_focal
from trigpoint.localization.hypotheses import (
    ChosenHypothesis,
    CountInliers,
    TrialOptions,
    choose_hypothesis,
    in_best_pose,
    in_pose,
    solve_known,
)
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PnpOptions, PnpResult, pose_covariance, reprojection_errors_px
from trigpoint.localization.rival import find_rival
from trigpoint.localization.verdict import Precision, Verdict, VerdictOptions, judge, noise_inliers
from trigpoint.mapping.scene_map import SceneMap


@dataclass(frozen=True)
class LocalizerOptions:
    """The comparison of hypotheses, the pose solver and the verdict."""

    trial: TrialOptions = field(default_factory=TrialOptions)
    pnp: PnpOptions = field(default_factory=PnpOptions)
    verdict: VerdictOptions = field(default_factory=VerdictOptions)


@dataclass(frozen=True, eq=False)
class Solution:
    """What the search found for one image.

    Attributes:
        camera: the intrinsics that were used.
        keypoints: (N,) of the image, undistorted with them.
        chosen: the hypothesis with the most inliers, and its scene coordinates.
        pnp: the pose with its inliers.
    """

    camera: Camera
    keypoints: UndistortedKeypoints
    chosen: ChosenHypothesis
    pnp: PnpResult


class PoseSearch:
    """Finds the pose of one image in a map. It holds no state.

    Args:
        scene_map: the map.
        encoder: its local encoder.
        options: of the search.
    """

    def __init__(self, scene_map: SceneMap, encoder: LocalEncoder, options: LocalizerOptions) -> None:
        self.map = scene_map
        self.encoder = encoder
        self.options = options

    def solve(
        self, image: DecodedImage, camera: Camera | None, times: StageTimes, cam_from_world: Pose | None = None
    ) -> Solution:
        """Features, then scene coordinates of the best hypothesis, then the pose.

        Args:
            image: reduced to the size that the map wants.
            camera: its intrinsics; None estimates the focal length.
            times: gets the times of the steps.
            cam_from_world: the pose, where it is known; then its inliers are all that is sought.

        Raises:
            MappingError: this is a forked process that has lost its threads (TP-609).
        """
        require_torch_threads()
        with times.measure("features"):
            features = self._features(image)
        with times.measure("retrieval"):
            hypotheses = self.map.hypotheses(features, (image.width, image.height))
        with times.measure("coordinates"):
            first = camera or Camera.pinhole(image.width, image.height, guess_focal_px(image.width, image.height))
            keypoints = UndistortedKeypoints.of(features, first)
            count = self._inlier_count(cam_from_world)
            chosen = choose_hypothesis(self.map, hypotheses, keypoints, count, self.options.trial)
        with times.measure("pose"):
            if camera is None:
                # The guessed camera has no distortion either, so the points are those of all keypoints.
                camera = self._estimated_camera(image, features, chosen.points_world)
                keypoints = UndistortedKeypoints.of(features, camera)
            return Solution(camera, keypoints, chosen, self._pose(keypoints, chosen.points_world, cam_from_world))

    def _features(self, image: DecodedImage) -> ImageFeatures:
        config = self.map.config.features
        view = plain_view(image.width, image.height, config.short_side_px, self.encoder.size_multiple)
        return extract_features(self.encoder, image, view, config.query_keypoints)

    def _inlier_count(self, cam_from_world: Pose | None) -> CountInliers:
        if cam_from_world is None:
            return in_best_pose(self.options.pnp, self.options.trial)
        return in_pose(cam_from_world, self.options.pnp.threshold_px)

    def _pose(self, keypoints: UndistortedKeypoints, points: NDArray[np.float64], known: Pose | None) -> PnpResult:
        """The pose of (N, 3) points in world, or the inliers of the one that is known."""
        if known is None:
            return solve_known(keypoints.view_px, points, keypoints.intrinsics, self.options.pnp)
        errors_px = reprojection_errors_px(known, keypoints.view_px, points, keypoints.intrinsics)
        return PnpResult(known, errors_px < self.options.pnp.threshold_px, "")

    def judge(self, solution: Solution) -> tuple[NDArray[np.float64] | None, Verdict]:
        """The (6, 6) covariance of the pose, rad and the unit of the world in the camera frame, and the verdict on it."""
        keypoints, points, result = solution.keypoints, solution.chosen.points_world, solution.pnp
        covariance, distance = None, math.inf
        if result.cam_from_world is not None:
            view_px, inlier_points = keypoints.view_px[result.inliers], points[result.inliers]
            covariance = pose_covariance(result.cam_from_world, view_px, inlier_points, keypoints.intrinsics)
            if covariance is not None:
                covariance = self.map.error_scale**2 * covariance
            distance = _median(np.linalg.norm(inlier_points - result.cam_from_world.centre(), axis=1))
        options = self.options
        tried_poses = solution.chosen.tried * options.trial.iterations + options.pnp.max_iterations
        matched = int(np.isfinite(points).all(axis=1).sum())
        noise = noise_inliers(matched, keypoints.area_px, options.pnp.threshold_px, tried_poses, options.verdict)
        precision = Precision(covariance, distance, self.map.units)
        seek = partial(find_rival, keypoints, points, result, distance, options.pnp)
        return covariance, judge(result, precision, noise, self.map.acceptance, options.verdict, seek)

    def _estimated_camera(self, image: DecodedImage, features: ImageFeatures, points: NDArray[np.float64]) -> Camera:
        known = np.isfinite(points).all(axis=1)
        centred_px = (features.image_px[known] - (image.width / 2, image.height / 2)) * features.scale
        focal = estimate_focal(centred_px, points[known], features.scale, (image.width, image.height), self.options.pnp)
        return Camera.pinhole(image.width, image.height, focal)


def _median(values: NDArray[np.floating]) -> float:
    """Of (N,) values, as ``numpy.median``, which imports numpy's masked arrays first."""
    middle = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
    return float(middle.mean())
