"""The camera and the pose of one image, from its 2D-3D correspondences and what is told of the camera.

A camera that was given is used, and doubted in words where the keypoints contradict it. One from EXIF gives way to the one
that they fit, as images are zoomed and cut after their EXIF block is written. Without either it is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.features.extract import ImageFeatures
from trigpoint.localization.camera_check import CheckOptions, contradicting_fit
from trigpoint.localization.focal import estimate_camera, guess_prior
from trigpoint.localization.free_camera import FreeFit, fit_free_camera
from trigpoint.localization.guided import GuidedMatches
from trigpoint.localization.hypotheses import ChosenHypothesis, solve_known
from trigpoint.localization.image_input import ESTIMATED, EXIF, ToldCamera
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, reprojection_errors_px

# Where fewer keypoints agree than this fraction of what is typical for mapping images, the camera may be far from right, and
# the free fit end elsewhere: so one is estimated from scratch. It replaces that of EXIF if so many times as many agree then.
_FEW, _CLEARLY_MORE = 0.5, 1.1
# Of two cameras the one that stays near the middle of the image is taken, unless so many times as many agree with the other.
_MORE = 1.02


@dataclass(frozen=True, eq=False)
class Solution:
    """What the search found for one image.

    Attributes:
        camera: the intrinsics that were used.
        camera_source: where they come from: ``"given"``, ``"exif"`` or ``"estimated"``.
        keypoints: (N,) of the image, undistorted with them.
        chosen: the hypothesis with the most inliers, and its scene coordinates.
        pnp: the pose with its inliers.
        doubt: why the camera that was given cannot be right, or ``""``.
        note: what else was found out about the image, or ``""``.
        turns: by how many quarters the image was turned clockwise to be recognised; the pose is that of the image as given.
        guided: the landmarks that the pose was refined on, where the map has any near it.
    """

    camera: Camera
    camera_source: str
    keypoints: UndistortedKeypoints
    chosen: ChosenHypothesis
    pnp: PnpResult
    doubt: str = ""
    note: str = ""
    turns: int = 0
    guided: GuidedMatches | None = None


@dataclass(frozen=True, eq=False)
class CameraSearch:
    """The correspondences of one image, for which camera and pose are sought.

    Attributes:
        width: of the upright image, px.
        height: of the upright image, px.
        features: its local features.
        chosen: their scene coordinates, of the features that the camera that is told can undistort.
        options: of the pose solver.
    """

    width: int
    height: int
    features: ImageFeatures
    chosen: ChosenHypothesis
    options: PnpOptions

    def with_pose(self, told: ToldCamera, cam_from_world: Pose) -> Solution:
        """The inliers of a pose that is known; a camera that is not told is estimated."""
        camera = told.camera or self._estimated()
        keypoints = UndistortedKeypoints.of(self.features, camera)
        errors_px = reprojection_errors_px(cam_from_world, keypoints.view_px, self.chosen.points_world, keypoints.intrinsics)
        result = PnpResult(cam_from_world, errors_px < self.options.threshold_px, "")
        return Solution(camera, told.source, keypoints, self.chosen, result)

    def solve(self, told: ToldCamera, typical_inlier_ratio: float) -> Solution:
        """Camera and pose with the most inliers.

        Args:
            told: what is known of the camera.
            typical_inlier_ratio: of mapping images.
        """
        if told.camera is None:
            return self._solved(self._estimated(), ESTIMATED)
        solution = self._solved(told.camera, told.source)
        fit = contradicting_fit(
            solution.pnp,
            solution.keypoints.view_px,
            self.chosen.points_world,
            solution.keypoints.intrinsics,
            self._view_size,
            CheckOptions(self.options.threshold_px, told.source == EXIF),
        )
        if told.source == EXIF:
            few = _FEW * typical_inlier_ratio * len(solution.keypoints)
            return solution if fit is None and solution.pnp.count > few else self._instead_of(solution, fit)
        if fit is None:
            return solution
        doubt = f"the keypoints contradict the camera that was given, {in_words(told.camera)}: {fit.count} of "
        doubt += f"{len(solution.keypoints)} agree with {in_words(self._camera_of(fit.intrinsics, told.camera))}, "
        return replace(solution, doubt=f"{doubt}{solution.pnp.count} with it")

    def _instead_of(self, recorded: Solution, fit: FreeFit | None) -> Solution:
        """With an estimated camera, if more keypoints agree with it than with that of EXIF, or ``fit`` contradicts that."""
        best = self._solved(self._estimated(), ESTIMATED)
        if fit is not None and fit.count > _MORE * best.pnp.count:
            best = self._solved(self._camera_of(fit.intrinsics, recorded.camera), ESTIMATED)
        if fit is None and best.pnp.count <= _CLEARLY_MORE * recorded.pnp.count:
            return recorded
        return replace(best, note=_replaced(recorded.camera, best.camera))

    def fitted(self, solution: Solution) -> Solution | None:
        """The solution with the focal length and principal point that its keypoints fit; None where they fit none."""
        start, keypoints = solution.pnp.cam_from_world, solution.keypoints
        if start is None:
            return None
        points, prior = self.chosen.points_world, guess_prior(*self._view_size)
        fit = fit_free_camera(start, keypoints.view_px, points, keypoints.intrinsics, prior, self.options.threshold_px)
        return None if fit is None else self._with_fit(solution, fit.cam_from_world, fit.intrinsics)

    def fitted_to_landmarks(self, solution: Solution, guided: GuidedMatches, threshold_px: float) -> Solution | None:
        """The solution with what the landmarks fit that its pose was refined on, to a smaller error than its keypoints.

        Args:
            solution: what ``fitted`` gave.
            guided: its landmarks.
            threshold_px: largest error of an inlier, px of the view.
        """
        matches, prior = (guided.points_px, guided.points_world), guess_prior(*self._view_size)
        fit = fit_free_camera(guided.cam_from_world, *matches, solution.keypoints.intrinsics, prior, threshold_px)
        return None if fit is None else self._with_fit(solution, fit.cam_from_world, fit.intrinsics)

    def _with_fit(self, solution: Solution, pose: Pose, fitted: PinholeIntrinsics) -> Solution:
        """The solution with another pose and other intrinsics; the lens distortion that was told stays off."""
        before = solution.keypoints
        view_px, intrinsics = before.view_px - (fitted.cx, fitted.cy), replace(fitted, cx=0.0, cy=0.0)
        keypoints = replace(before, view_px=view_px, intrinsics=intrinsics)
        errors_px = reprojection_errors_px(pose, view_px, self.chosen.points_world, intrinsics)
        result = PnpResult(pose, errors_px < self.options.threshold_px, "")
        camera = self._camera_of(fitted, solution.camera)
        note = _replaced(solution.camera, camera) if solution.camera_source == EXIF else solution.note
        return replace(solution, camera=camera, camera_source=ESTIMATED, keypoints=keypoints, pnp=result, note=note)

    @property
    def _view_size(self) -> tuple[float, float]:
        return self.width * self.features.scale, self.height * self.features.scale

    def _solved(self, camera: Camera, source: str) -> Solution:
        keypoints = UndistortedKeypoints.of(self.features, camera)
        result = solve_known(keypoints.view_px, self.chosen.points_world, keypoints.intrinsics, self.options)
        return Solution(camera, source, keypoints, self.chosen, result)

    def _estimated(self) -> Camera:
        """The points must be those of all keypoints, as they are for a camera without distortion."""
        points: NDArray[np.float64] = self.chosen.points_world
        known = np.isfinite(points).all(axis=1)
        middle = Camera.pinhole(self.width, self.height, guess_focal_px(self.width, self.height))
        centred_px = (self.features.image_px[known] - (self.width / 2, self.height / 2)) * self.features.scale
        fit = estimate_camera(centred_px, points[known], self._view_size, self.options)
        return middle if fit is None else self._camera_of(fit.intrinsics, middle)

    def _camera_of(self, fitted: PinholeIntrinsics, told: Camera) -> Camera:
        """A pinhole camera at full size of ``fitted``, in px of the view from the principal point of ``told``."""
        scale = self.features.scale
        _, _, cx, cy = told.pinhole_params()
        params = (fitted.fx / scale, fitted.fy / scale, cx + fitted.cx / scale, cy + fitted.cy / scale)
        return Camera("PINHOLE", self.width, self.height, params)


def in_words(camera: Camera) -> str:
    """Focal length and principal point of a camera, px."""
    fx, _, cx, cy = camera.pinhole_params()
    return f"focal length {fx:.0f} px, principal point ({cx:.0f}, {cy:.0f})"


def _replaced(recorded: Camera, fitted: Camera) -> str:
    return f"EXIF says {in_words(recorded)}, which does not fit; {in_words(fitted)} does"
