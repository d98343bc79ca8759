"""The search for the pose of one image: features, hypotheses, scene coordinates, PnP, verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.evenly import evenly
from trigpoint.core.fork import require_torch_threads
from trigpoint.core.image import DecodedImage
from trigpoint.core.localization import OK, REJECTED
from trigpoint.core.pose import Pose
from trigpoint.core.stage_times import StageTimes
from trigpoint.features.extract import ImageFeatures, extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view, turned_view
from trigpoint.localization.camera_check import told_prior
from trigpoint.localization.camera_search import CameraSearch, Solution, in_words
from trigpoint.localization.focal import guess_prior
from trigpoint.localization.free_camera import free_covariance
from trigpoint.localization.guided import ROUNDS, GuidedMatches, refine_guided
from trigpoint.localization.hypotheses import CountInliers, TrialOptions, choose_hypothesis, in_best_pose, in_pose
from trigpoint.localization.image_input import ESTIMATED, GIVEN, ToldCamera
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PnpOptions, PnpResult, pose_covariance, reprojection_errors_px
from trigpoint.localization.rival import SUSPICIOUS_SHARE, Rival, is_elsewhere, rival_among_others, rival_elsewhere
from trigpoint.localization.verdict import Precision, Verdict, VerdictOptions, judge, noise_inliers
from trigpoint.mapping.scene_map import SceneMap

# Clockwise quarters that are tried on an image that is not recognised: lying on a side is more frequent than on the head.
_TURNS = (1, 3, 2)
# The acceptance of a map is measured on images as they are. Four tries of an image out of the map reach more than one.
_TURNED_MARGIN = 1.5
# Principal point and direction trade against each other: where one is guessed, the other is known to some degrees at best.
_GUESSED_ROTATION = 2.0
# With so many inliers an image is recognised by the most useful landmarks. Images out of a map had 80 at most.
_UNMISTAKABLE = 100
# Keypoints that are asked whether they look like another place, where more than so many agree with the pose.
_KEYPOINTS_ELSEWHERE, _MANY = 500, 200
# A rival by chance has hardly any landmark within the last window of the refinement.
_SHARE_OF_GUIDED = 0.3
# With the camera that the keypoints fit 0.96 to 1.06 times as many landmarks are seen as with right ones (RedKitchen, South
# Building), and 1.1 to 2.5 times as many as with cameras off by a fifth. Few vary more, by about their root.
_MORE_SEEN, _BY_CHANCE = 1.08, 1.5
# What is seen with the fitted camera makes it better, and more is seen then.
_FITTED_ROUNDS = 2
# A refined pose must still agree with so many of the keypoints that the first was found with, and may be so many of its
# standard deviations away.
_KEPT, _FARTHEST = 0.9, 3.0


@dataclass(frozen=True)
class LocalizerOptions:
    """The comparison of hypotheses, the pose solver, the verdict, and whether images that are not recognised are turned."""

    trial: TrialOptions = field(default_factory=TrialOptions)
    pnp: PnpOptions = field(default_factory=PnpOptions)
    verdict: VerdictOptions = field(default_factory=VerdictOptions)
    turns: bool = True


@dataclass(frozen=True, eq=False)
class Answer:
    """A solution and what is thought of it.

    Attributes:
        solution: camera, pose and inliers.
        covariance: (6, 6) of the pose, rad and the unit of the world in the camera frame, or None.
        verdict: status, reason and confidence.
    """

    solution: Solution
    covariance: NDArray[np.float64] | None
    verdict: Verdict


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

    def find(self, image: DecodedImage, told: ToldCamera, times: StageTimes) -> Answer:
        """The pose, with the image turned by quarters where it is not recognised as it is.

        Args:
            image: reduced to the size that the map wants.
            told: what is known of its camera.
            times: gets the times of the steps.

        Raises:
            MappingError: as ``solve``.
        """
        first = self._judged(self.solve(image, told, times), times)
        if not self.options.turns or first.verdict.status == OK or self._bound(first.solution) < first.solution.pnp.count:
            return first
        for turns in _TURNS:
            answer = self._judged(self.solve(image, told, times, turns=turns), times)
            enough = answer.solution.pnp.count > _TURNED_MARGIN * self._bound(answer.solution)
            if answer.verdict.status == OK and enough:
                return answer
        return first

    def solve(
        self,
        image: DecodedImage,
        told: ToldCamera,
        times: StageTimes,
        cam_from_world: Pose | None = None,
        turns: int = 0,
    ) -> Solution:
        """Features, then scene coordinates of the best hypothesis, then camera and pose.

        Args:
            image: reduced to the size that the map wants.
            told: what is known of its camera.
            times: gets the times of the steps.
            cam_from_world: the pose, where it is known; then its inliers are all that is sought.
            turns: quarters by which the encoder sees the image turned clockwise; the pose is that of the image as given.

        Raises:
            MappingError: this is a forked process that has lost its threads (TP-609).
        """
        require_torch_threads()
        with times.measure("features"):
            features = self._features(image, turns)
        with times.measure("retrieval"):
            hypotheses = self.map.hypotheses(features, (image.width, image.height))
        with times.measure("coordinates"):
            first = told.camera or Camera.pinhole(image.width, image.height, guess_focal_px(image.width, image.height))
            keypoints = UndistortedKeypoints.of(features, first)
            count = self._inlier_count(cam_from_world)
            chosen = choose_hypothesis(self.map, hypotheses, keypoints, count, self.options.trial)
        search = CameraSearch(image.width, image.height, features, chosen, self.options.pnp)
        with times.measure("pose"):
            solution = self._solved(search, told, cam_from_world)
        wider = self.map.wider(chosen.hypothesis)
        if wider is not None and solution.pnp.count < _UNMISTAKABLE:
            with times.measure("coordinates"):
                points = self.map.points(keypoints.descriptors, [wider])[0]
            with times.measure("pose"):
                chosen = replace(chosen, hypothesis=wider, points_world=points, tried=chosen.tried + 1)
                solution = self._solved(replace(search, chosen=chosen), told, cam_from_world)
        if cam_from_world is not None:
            return solution
        solution = replace(solution, turns=turns)
        with times.measure("refinement"):
            return self._refined(solution, search)

    def _solved(self, search: CameraSearch, told: ToldCamera, cam_from_world: Pose | None) -> Solution:
        """Camera and pose, or the inliers of a pose that is known."""
        if cam_from_world is not None:
            return search.with_pose(told, cam_from_world)
        return search.solve(told, self.map.acceptance.typical_inlier_ratio)

    def _refined(self, solution: Solution, search: CameraSearch) -> Solution:
        """The solution with its pose refined on the landmarks of the map, unless that contradicts it.

        A camera is contradicted where clearly more landmarks are seen where they should be with the one that the keypoints
        fit: it is doubted if it was given, and otherwise gives way.
        """
        found, before = self.map.described, solution.pnp
        if found is None or before.cam_from_world is None or before.count <= self._bound(solution):
            return solution
        guided = refine_guided(solution.keypoints, *found, before.cam_from_world)
        fitted, free = self._with_fitted_camera(solution, search)
        seen, with_fitted = (0 if matches is None else len(matches.points_px) for matches in (guided, free))
        if fitted is not None and with_fitted > _MORE_SEEN * seen + _BY_CHANCE * math.sqrt(seen):
            if solution.camera_source != GIVEN:
                solution, before, guided = fitted, fitted.pnp, free
            elif not solution.doubt:
                doubt = "the landmarks contradict the camera that was given: "
                doubt += f"{with_fitted} are seen where they should be with {in_words(fitted.camera)}, {seen} with it"
                solution = replace(solution, doubt=doubt)
        if guided is None or before.cam_from_world is None:
            return solution
        keypoints, points, pose = solution.keypoints, solution.chosen.points_world, guided.cam_from_world
        errors_px = reprojection_errors_px(pose, keypoints.view_px, points, keypoints.intrinsics)
        after = PnpResult(pose, errors_px < self.options.pnp.threshold_px, "")
        if after.count < _KEPT * before.count:
            return solution
        covariance = self._covariance(solution)
        if covariance is None or _deviations(before.cam_from_world, pose, covariance) > _FARTHEST:
            return solution
        return replace(solution, pnp=after, guided=guided)

    def _with_fitted_camera(self, solution: Solution, search: CameraSearch) -> tuple[Solution | None, GuidedMatches | None]:
        """The solution with the camera that keypoints and then landmarks fit, and the landmarks seen with it."""
        found, fitted = self.map.described, search.fitted(solution)
        if found is None or fitted is None or fitted.pnp.cam_from_world is None:
            return None, None
        free = refine_guided(fitted.keypoints, *found, fitted.pnp.cam_from_world)
        for _ in range(_FITTED_ROUNDS):
            assert fitted.pnp.cam_from_world is not None
            # Narrow windows hold what fits the camera as it is.
            wide = refine_guided(fitted.keypoints, *found, fitted.pnp.cam_from_world, ROUNDS[:1])
            again = None if wide is None else search.fitted_to_landmarks(fitted, wide, ROUNDS[0].window_px)
            if again is None or again.pnp.cam_from_world is None:
                break
            seen = refine_guided(again.keypoints, *found, again.pnp.cam_from_world)
            if seen is None or (free is not None and len(seen.points_px) <= len(free.points_px)):
                break
            fitted, free = again, seen
        return fitted, free

    def _features(self, image: DecodedImage, turns: int) -> ImageFeatures:
        config = self.map.config.features
        view = plain_view(image.width, image.height, config.short_side_px, self.encoder.size_multiple)
        if turns:
            view = turned_view(view, image.width, image.height, turns, self.encoder.size_multiple)
        return extract_features(self.encoder, image, view, config.query_keypoints)

    def _inlier_count(self, cam_from_world: Pose | None) -> CountInliers:
        if cam_from_world is None:
            return in_best_pose(self.options.pnp, self.options.trial)
        return in_pose(cam_from_world, self.options.pnp.threshold_px)

    def _judged(self, solution: Solution, times: StageTimes) -> Answer:
        with times.measure("pose"):
            covariance, verdict = self.judge(solution)
        if solution.doubt:
            reason = solution.doubt if verdict.status == OK else f"{verdict.reason}; {solution.doubt}"
            verdict = Verdict(REJECTED, reason, verdict.confidence / 2)
        turned = f"recognised when turned clockwise by {90 * solution.turns} degrees" if solution.turns else ""
        notes = [solution.note, turned]
        reason = "; ".join([verdict.reason, *(note for note in notes if note)])
        return Answer(solution, covariance, replace(verdict, reason=reason))

    def _bound(self, solution: Solution) -> float:
        """Number of inliers that an image out of the map reaches."""
        return self.map.acceptance.noise_inlier_ratio * len(solution.keypoints)

    def _covariance(self, solution: Solution) -> NDArray[np.float64] | None:
        """(6, 6) of a pose that was found; intrinsics that are not calibrated make it larger."""
        keypoints, result = solution.keypoints, solution.pnp
        assert result.cam_from_world is not None
        if solution.guided is None:
            view_px, points = keypoints.view_px[result.inliers], solution.chosen.points_world[result.inliers]
        else:
            view_px, points = solution.guided.points_px, solution.guided.points_world
        calibrated = pose_covariance(result.cam_from_world, view_px, points, keypoints.intrinsics)
        if calibrated is None:
            return None
        calibrated = self.map.error_scale**2 * calibrated
        if solution.camera_source == GIVEN:
            return calibrated
        estimated = solution.camera_source == ESTIMATED
        prior = guess_prior(*keypoints.size) if estimated else told_prior(True, keypoints.size)
        joint = free_covariance(result.cam_from_world, view_px, points, keypoints.intrinsics, prior)
        if joint is None:
            return None
        # As many inliers as images out of the map have may agree by chance, and free intrinsics follow them. What maps of a
        # kind are usually off does not come on top: free intrinsics take most of it up.
        right = max(result.count - self._bound(solution), 1.0)
        free = joint[:6, :6] * (self.map.acceptance.error_scale * result.count / right) ** 2
        return free if free[3:, 3:].trace() > calibrated[3:, 3:].trace() else calibrated

    def judge(self, solution: Solution) -> tuple[NDArray[np.float64] | None, Verdict]:
        """The (6, 6) covariance of the pose, rad and the unit of the world in the camera frame, and the verdict on it."""
        keypoints, points, result = solution.keypoints, solution.chosen.points_world, solution.pnp
        covariance, distance = None, math.inf
        if result.cam_from_world is not None:
            covariance = self._covariance(solution)
            distance = _median(np.linalg.norm(points[result.inliers] - result.cam_from_world.centre(), axis=1))
        options = self.options
        # Whoever turns the image tries all turns.
        attempts = 1 + len(_TURNS) if solution.turns else 1
        tried_poses = attempts * (solution.chosen.tried * options.trial.iterations + options.pnp.max_iterations)
        matched = int(np.isfinite(points).all(axis=1).sum())
        noise = noise_inliers(matched, keypoints.area_px, options.pnp.threshold_px, tried_poses, options.verdict)
        limits = options.verdict
        if solution.camera_source != GIVEN and solution.guided is None:
            limits = replace(limits, max_rotation_std_deg=_GUESSED_ROTATION * limits.max_rotation_std_deg)
        precision = Precision(covariance, distance, self.map.units)
        seek = partial(self._rival, solution, distance)
        return covariance, judge(result, precision, noise, self.map.acceptance, limits, seek)

    def _rival(self, solution: Solution, seen_at: float) -> Rival | None:
        """Another pose that explains nearly as many keypoints, far from the one at which points are seen at a distance."""
        keypoints, chosen, best = solution.keypoints, solution.chosen, solution.pnp
        elsewhere = self.map.elsewhere(chosen.hypothesis, chosen.points_world[best.inliers])
        options = self.options.pnp
        if solution.guided is None:
            rival = rival_among_others(keypoints, chosen.points_world, best, seen_at, options)
            if rival is not None or elsewhere is None:
                return rival
            points = self.map.points(keypoints.descriptors, [elsewhere])[0]
            return rival_elsewhere(keypoints, points, best, seen_at, options)
        rival = rival_among_others(keypoints, chosen.points_world, best, seen_at, options, SUSPICIOUS_SHARE)
        if rival is not None and self._is_place(rival, solution, solution.guided, seen_at):
            return rival
        if elsewhere is None:
            return None
        # Of many that agree some tell, in a third of the time.
        some = evenly(len(keypoints), _KEYPOINTS_ELSEWHERE if best.count > _MANY else len(keypoints))
        asked, known = keypoints.select(some), replace(best, inliers=best.inliers[some])
        points = self.map.points(asked.descriptors, [elsewhere])[0]
        rival = rival_elsewhere(asked, points, known, seen_at, options, SUSPICIOUS_SHARE)
        return rival if rival is not None and self._is_place(rival, solution, solution.guided, seen_at) else None

    def _is_place(self, rival: Rival, solution: Solution, guided: GuidedMatches, seen_at: float) -> bool:
        """Whether landmarks are seen where they should be from a rival, too, which stays elsewhere when refined on them."""
        found = self.map.described
        there = None if found is None else refine_guided(solution.keypoints, *found, rival.cam_from_world)
        if there is None or len(there.points_px) < _SHARE_OF_GUIDED * len(guided.points_px):
            return False
        return is_elsewhere(there.cam_from_world, guided.cam_from_world, seen_at)


def _deviations(before: Pose, after: Pose, covariance: NDArray[np.float64]) -> float:
    """How many standard deviations of the first pose, by its (6, 6) covariance, the second is away, in angle or position."""
    moved = after @ before.inverse()
    sine = float(np.linalg.norm(moved.rotation - moved.rotation.T)) / 2**1.5
    angle_std, position_std = (float(np.sqrt(part.trace())) for part in (covariance[:3, :3], covariance[3:, 3:]))
    return max(sine / angle_std, float(np.linalg.norm(moved.translation)) / position_std)


def _median(values: NDArray[np.floating]) -> float:
    """Of (N,) values, as ``numpy.median``, which imports numpy's masked arrays first."""
    middle = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
    return float(middle.mean())
