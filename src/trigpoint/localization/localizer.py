"""An image in, an answer out: decode, encode, regress, solve, judge."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError, WeightsError
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.localization import Localization
from trigpoint.features.encoders import load_encoder
from trigpoint.features.extract import ImageFeatures, extract_features, rays_of
from trigpoint.features.local import LocalEncoder
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.features.views import plain_view
from trigpoint.localization.focal import estimate_focal
from trigpoint.localization.hypotheses import TrialOptions, choose_hypothesis, solve_known
from trigpoint.localization.intrinsics import exif_camera, guess_focal_px
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, pose_covariance
from trigpoint.localization.verdict import Verdict, VerdictOptions, judge, noise_inliers
from trigpoint.mapping.scene_map import SceneMap, load_map


@dataclass(frozen=True)
class LocalizerOptions:
    """How images are localized: the comparison of hypotheses, the pose solver and the verdict."""

    trial: TrialOptions = field(default_factory=TrialOptions)
    pnp: PnpOptions = field(default_factory=PnpOptions)
    verdict: VerdictOptions = field(default_factory=VerdictOptions)


class Localizer:
    """Localizes images in one map. Not thread-safe: use one for each thread.

    Attributes:
        units: ``"m"`` or ``"units"``.
        map_id: identity of the map file.
    """

    def __init__(self, scene_map: SceneMap, encoder: LocalEncoder, options: LocalizerOptions | None = None) -> None:
        self.map = scene_map
        self.encoder = encoder
        self.options = options or LocalizerOptions()
        self.units = scene_map.units
        self.map_id = scene_map.map_id
        self._warm_up()

    @staticmethod
    def load(path: str | Path, *, device: str | None = "cpu", options: LocalizerOptions | None = None) -> Localizer:
        """Read a map file and its encoder.

        Raises:
            MapFileError: the map cannot be used.
            WeightsError: the encoder's weights are missing (TP-501) or not those of the map (TP-505).
        """
        from trigpoint.core.device import pick_device

        scene_map = load_map(Path(path))
        encoder = load_encoder(scene_map.config.features.encoder, pick_device(device))
        if encoder.weights_sha256 != scene_map.weights_sha256:
            raise WeightsError(
                "TP-505",
                f"the map was made with other weights of '{encoder.name}' than those installed",
                where=path,
                fix="Install the weights it was made with, or build it again.",
            )
        if scene_map.pca is not None:
            encoder = ReducedEncoder(encoder, scene_map.pca)
        return Localizer(scene_map, encoder, options)

    def localize(self, path: str | Path, *, camera: Camera | None = None, name: str | None = None) -> Localization:
        """Localize one image.

        Args:
            path: image file.
            camera: intrinsics of the upright image at full size; None: from EXIF, or else the focal length is estimated.
            name: name in the answer; the path as given if None.

        Raises:
            ImageError: the file cannot be used.
            GeometryError: the camera is for an image of another size (TP-315).
        """
        began = time.perf_counter()
        path = Path(path)
        image = read_image(path, short_side_px=self.map.config.features.short_side_px)
        source = "given"
        if camera is None:
            camera, source = exif_camera(path), "exif"
        decode_ms = 1e3 * (time.perf_counter() - began)
        answer = self.localize_image(image, camera=camera, name=str(path) if name is None else name)
        found = answer.camera_source if answer.camera_source == "estimated" else source
        return replace(answer, camera_source=found, timings_ms={"decode": decode_ms, **answer.timings_ms})

    def localize_image(self, image: DecodedImage, *, camera: Camera | None = None, name: str = "") -> Localization:
        """As ``localize`` for a decoded image. Without a camera the focal length is estimated.

        Raises:
            GeometryError: the camera is for an image of another size (TP-315).
        """
        clock = _Clock()
        found = self._features(image)
        clock.lap("features")
        hypotheses = self.map.hypotheses(found, (image.width, image.height))
        clock.lap("retrieval")
        source = "given" if camera is not None else "estimated"
        first = camera or Camera.pinhole(image.width, image.height, guess_focal_px(image.width, image.height))
        _check_size(first, image)
        query = _Query(found, first)
        chosen = choose_hypothesis(
            self.map, hypotheses, query.descriptors, query.points_px, query.intrinsics, self.options.pnp, self.options.trial
        )
        clock.lap("coordinates")
        if camera is None:
            # The guessed camera has no distortion either, so the points are those of all keypoints.
            camera = self._estimated_camera(image, found, chosen.points)
            query = _Query(found, camera)
        solution = self._solve(camera, query, chosen.points, chosen.tried)
        clock.lap("pose")
        return Localization(
            name=name,
            status=solution.verdict.status,
            reason=solution.verdict.reason,
            cam_from_world=solution.result.cam_from_world,
            camera=camera,
            camera_source=source,
            inliers=solution.result.count,
            points=len(solution.result.inliers),
            confidence=solution.verdict.confidence,
            covariance=solution.covariance,
            units=self.units,
            map_id=self.map_id,
            timings_ms=clock.laps,
        )

    def _features(self, image: DecodedImage) -> ImageFeatures:
        config = self.map.config.features
        view = plain_view(image.width, image.height, config.short_side_px, self.encoder.size_multiple)
        return extract_features(self.encoder, image, view, config.query_keypoints)

    def _solve(self, camera: Camera, query: _Query, points: NDArray[np.float64], tried: int) -> _Solution:
        points_px, intrinsics = query.points_px, query.intrinsics
        result = solve_known(points_px, points, intrinsics, self.options.pnp)
        covariance, distance = None, math.inf
        if result.cam_from_world is not None:
            inliers = result.inliers
            covariance = pose_covariance(result.cam_from_world, points_px[inliers], points[inliers], intrinsics)
            distance = float(np.median(np.linalg.norm(points[inliers] - result.cam_from_world.centre(), axis=1)))
        area = camera.width * camera.height * query.scale**2
        options = self.options
        tried += options.pnp.max_iterations
        matched = int(np.isfinite(points).all(axis=1).sum())
        noise = noise_inliers(matched, area, options.pnp.threshold_px, tried, options.verdict)
        verdict = judge(result, covariance, distance, noise, self.map.acceptance, options.verdict)
        return _Solution(result, covariance, verdict)

    def _estimated_camera(self, image: DecodedImage, found: ImageFeatures, points: NDArray[np.float64]) -> Camera:
        known = np.isfinite(points).all(axis=1)
        index = torch.from_numpy(known)
        found = ImageFeatures(found.image_px[known], found.descriptors[index], found.scores[index], found.scale)
        focal = estimate_focal(found, points[known], image.width, image.height, self.options.pnp)
        return Camera.pinhole(image.width, image.height, focal)

    def _warm_up(self) -> None:
        """Run the networks once, so that the first image is as fast as the others."""
        side = self.map.config.features.short_side_px
        side += -side % self.encoder.size_multiple
        self.encoder.encode(torch.zeros((side, side), dtype=torch.uint8), 16)
        self.map.points(torch.zeros((16, self.map.dim)), [self.map.blank_hypothesis()])


class _Query:
    """The usable keypoints of an image, undistorted.

    Attributes:
        descriptors: (N, C) of the keypoints that the camera model can undistort.
        points_px: (N, 2) where they would be without distortion, px of the view around the principal point. In px of the
            view, thresholds mean the same for every image size.
        intrinsics: of that view.
        scale: view px per image px.
    """

    def __init__(self, found: ImageFeatures, camera: Camera) -> None:
        rays = rays_of(camera, found.image_px)
        usable = np.isfinite(rays).all(axis=1)
        fx, fy = (focal * found.scale for focal in camera.pinhole_params()[:2])
        self.descriptors = found.descriptors[torch.from_numpy(usable)]
        self.points_px = rays[usable] * (fx, fy)
        self.intrinsics = PinholeIntrinsics(fx, fy, 0.0, 0.0)
        self.scale = found.scale


@dataclass(frozen=True, eq=False)
class _Solution:
    result: PnpResult
    covariance: NDArray[np.float64] | None
    verdict: Verdict


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = 1e3 * (now - self.last)
        self.last = now


def _check_size(camera: Camera, image: DecodedImage) -> None:
    if (camera.width, camera.height) != (image.width, image.height):
        raise GeometryError(
            "TP-315",
            f"the camera is for images of {camera.width}x{camera.height} px, this image has {image.width}x{image.height}",
            fix="Give the intrinsics of the full-size, upright image.",
        )
