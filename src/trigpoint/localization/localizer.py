"""An image in, an answer out: decode, encode, predict scene coordinates, solve for the pose, judge it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.device import pick_device
from trigpoint.core.errors import MapFileError, MappingError, TrigpointError, WeightsError
from trigpoint.core.fork import require_torch_threads
from trigpoint.core.localization import Localization
from trigpoint.core.pose import Pose
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.stage_times import StageTimes
from trigpoint.features.encoders import load_encoder
from trigpoint.features.local import LocalEncoder
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.localization.correspondences import Correspondences
from trigpoint.localization.image_input import CameraInput, ImageInput, camera_of, decoded
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.pnp import reprojection_errors_px
from trigpoint.localization.pose_search import LocalizerOptions, PoseSearch
from trigpoint.mapping.scene_map import SceneMap, load_map


class Localizer:
    """Localizes images in one map. Nothing in it changes, so threads may share one.

    It is pickled as the path of its map file, which the other process reads again; a localizer of a map in memory cannot
    be pickled (TP-615).

    Attributes:
        map: the map.
        encoder: the local encoder that the map was made with.
        options: of the search for the pose.
        units: ``"m"`` or ``"units"``.
        map_id: identity of the map file.
    """

    def __init__(self, scene_map: SceneMap, encoder: LocalEncoder, options: LocalizerOptions | None = None) -> None:
        self.map = scene_map
        self.encoder = encoder
        self.options = options or LocalizerOptions()
        self.units = scene_map.units
        self.map_id = scene_map.map_id
        self._search = PoseSearch(scene_map, encoder, self.options)
        self._file: tuple[Path, str | None] | None = None

    @staticmethod
    def load(path: str | Path, *, device: str | None = "cpu", options: LocalizerOptions | None = None) -> Localizer:
        """Read a map file and its encoder.

        Args:
            path: map file.
            device: where the encoder and the map run, such as ``"cpu"`` or ``"cuda"``; None takes a GPU if there is one.
            options: of the search for the pose.

        Raises:
            MapFileError: the map cannot be used.
            WeightsError: the encoder's weights are missing (TP-501) or not those of the map (TP-505).
            ConfigError: the device does not exist (TP-703).
            MappingError: this is a forked process that has lost its threads (TP-609).
        """
        require_torch_threads(path)
        scene_map = load_map(Path(path))
        torch_device = pick_device(device)
        encoder = load_encoder(scene_map.config.features.encoder, torch_device)
        if encoder.weights_sha256 != scene_map.weights_sha256:
            raise WeightsError(
                "TP-505",
                f"the map was made with other weights of '{encoder.name}' than those installed",
                where=path,
                fix="Install the weights it was made with, or build it again.",
            )
        whole = scene_map.dim if scene_map.pca is None else len(scene_map.pca.mean)
        if whole != encoder.dim:
            raise MapFileError(
                "TP-405",
                f"the map is for descriptors of length {whole}, those of '{encoder.name}' have {encoder.dim}",
                where=path,
                fix="Build it again.",
            )
        if scene_map.pca is not None:
            encoder = ReducedEncoder(encoder, scene_map.pca)
        localizer = Localizer(scene_map.to(torch_device), encoder, options)
        localizer._file = (Path(path).absolute(), device)
        return localizer

    def __reduce__(self) -> tuple[Any, ...]:
        if self._file is None:
            raise MappingError(
                "TP-615",
                "a localizer of a map in memory cannot be handed to another process",
                fix="Save the map, and use Localizer.load there.",
            )
        return _loaded_again, (*self._file, self.options, self.map_id)

    def localize(self, image: ImageInput, *, camera: CameraInput = None, name: str | None = None) -> Localization:
        """Find the pose of one image.

        Args:
            image: file, upright (H, W) or (H, W, 3) RGB array of type uint8, or Pillow image.
            camera: intrinsics of the upright image at full size, or a function that gives them for its width and height.
                None: from EXIF where the image has it and the keypoints agree, or else estimated.
            name: name in the answer; None takes the path, or ``""`` without one.

        Raises:
            ImageError: the image cannot be used.
            GeometryError: the camera is for an image of another size (TP-315).
        """
        times = StageTimes()
        with times.measure("decode"):
            pixels = decoded(image, self.map.config.features.short_side_px)
            told = camera_of(pixels, camera)
        answer = self._search.find(pixels, told, times)
        solution, verdict = answer.solution, answer.verdict
        return Localization(
            name=_name_of(image) if name is None else name,
            status=verdict.status,
            reason=verdict.reason,
            cam_from_world=solution.pnp.cam_from_world,
            camera=solution.camera,
            camera_source=solution.camera_source,
            inliers=solution.pnp.count,
            points=len(solution.keypoints),
            confidence=verdict.confidence,
            covariance=answer.covariance,
            units=self.units,
            map_id=self.map_id,
            timings_ms={step: 1e3 * seconds for step, seconds in times.seconds.items()},
        )

    def localize_batch(
        self, images: Iterable[ImageInput], cameras: CameraInput | Iterable[CameraInput] = None, workers: int = 1
    ) -> Iterator[Localization]:
        """Find the poses of many images; yields the answers in their order.

        An image that cannot be used is a failed answer with the error as its reason.

        Args:
            images: as in ``localize``.
            cameras: as in ``localize``: one for all images, or one for each.
            workers: threads; more than the machine has cores make nothing faster.

        Raises:
            ValueError: another number of cameras than of images.
        """
        if cameras is None or isinstance(cameras, Camera) or callable(cameras):
            queries = zip(images, repeat(cameras))
        else:
            queries = zip(images, cameras, strict=True)
        if workers == 1:
            for image, camera in queries:
                yield self._localize_or_fail(image, camera)
            return
        with ThreadPoolExecutor(workers) as pool:
            # A short queue keeps every worker busy, and does not read all of a long list ahead.
            waiting: deque[Future[Localization]] = deque()
            for image, camera in queries:
                waiting.append(pool.submit(self._localize_or_fail, image, camera))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def correspondences(
        self, image: ImageInput, *, camera: CameraInput = None, cam_from_world: Pose | None = None
    ) -> Correspondences:
        """The 2D-3D correspondences of one image, and which of them are inliers of its pose.

        Args:
            image: as in ``localize``.
            camera: as in ``localize``.
            cam_from_world: the pose, where it is known; None searches for it as ``localize`` does.

        Raises:
            ImageError: the image cannot be used.
            GeometryError: the camera is for an image of another size (TP-315).
        """
        pixels = decoded(image, self.map.config.features.short_side_px)
        told = camera_of(pixels, camera)
        if cam_from_world is None:
            solution = self._search.find(pixels, told, StageTimes()).solution
        else:
            solution = self._search.solve(pixels, told, StageTimes(), cam_from_world)
        keypoints, points, pose = solution.keypoints, solution.chosen.points_world, solution.pnp.cam_from_world
        errors_px = np.full(len(keypoints), np.inf)
        if pose is not None:
            errors_px = reprojection_errors_px(pose, keypoints.view_px, points, keypoints.intrinsics)
        return Correspondences(
            keypoints_px=keypoints.image_px,
            points_world=points,
            descriptors=keypoints.descriptors.numpy(),
            errors_px=np.where(np.isnan(errors_px), np.inf, errors_px),
            inliers=solution.pnp.inliers,
            cam_from_world=pose,
            camera=solution.camera,
        )

    def warm_up(self) -> None:
        """Localize noise, so that the first image takes no longer than the others."""
        side = self.map.config.features.short_side_px
        noise = numpy_generator(0, "localizer", "warm-up").integers(0, 256, (side, side), dtype=np.uint8)
        self.localize(noise, camera=Camera.pinhole(side, side, guess_focal_px(side, side)))

    def _localize_or_fail(self, image: ImageInput, camera: CameraInput) -> Localization:
        try:
            return self.localize(image, camera=camera)
        except TrigpointError as error:
            return Localization.failure(_name_of(image), str(error), units=self.units, map_id=self.map_id)


def _name_of(image: ImageInput) -> str:
    return str(image) if isinstance(image, (str, Path)) else ""


def _loaded_again(path: Path, device: str | None, options: LocalizerOptions, map_id: str) -> Localizer:
    localizer = Localizer.load(path, device=device, options=options)
    if localizer.map_id != map_id:
        raise MappingError(
            "TP-616", "the map file was replaced meanwhile", where=path, fix="Load the localizer again in every process."
        )
    return localizer
