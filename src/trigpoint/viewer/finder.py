"""Localizes images for the viewer, one at a time, and shows which of their keypoints agree with the pose."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ImageError, TrigpointError
from trigpoint.core.image import IMAGE_SUFFIXES, image_size, read_image
from trigpoint.core.localization import FAILED, Localization
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import pose_errors
from trigpoint.features.extract import ImageFeatures, extract_features, rays_of
from trigpoint.features.views import plain_view
from trigpoint.localization.intrinsics import parse_camera
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pnp import PinholeIntrinsics, reprojection_errors_px
from trigpoint.viewer.query import Query

_AGREES, _DISAGREES = (60, 220, 120), (235, 90, 70)
_PICTURE_SIDE_PX = 360
MAX_UPLOAD_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class Agreement:
    """Which keypoints of an image agree with its pose.

    Attributes:
        rgb: (h, w, 3) uint8, the image at reduced size.
        keypoints_px: (N, 2) px of ``rgb``.
        agrees: (N,) bool.
        xyz: (N, 3) predicted points in world.
    """

    rgb: NDArray[np.uint8]
    keypoints_px: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    xyz: NDArray[np.float64]

    def picture(self) -> NDArray[np.uint8]:
        """(h, w, 3) the image with its keypoints: green where they agree, small and red where not."""
        image = Image.fromarray(self.rgb)
        draw = ImageDraw.Draw(image)
        for wanted, colour, radius in ((False, _DISAGREES, 1.0), (True, _AGREES, 2.0)):
            for x, y in self.keypoints_px[self.agrees == wanted]:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        return np.asarray(image)


class Finds(Protocol):
    """What the viewer asks about images."""

    def upload(self, content: bytes, name: str) -> Query:
        """Localize the bytes of an image file."""
        ...

    def agreement(self, query: Query) -> Agreement:
        """The keypoints of a query. Raises ImageError when its image cannot be read."""
        ...


class Finder:
    """A localizer for several threads: one image at a time.

    Args:
        localizer: of the map.
        camera: ``--camera`` text for images whose camera is not known, or None.
    """

    def __init__(self, localizer: Localizer, camera: str | None = None) -> None:
        self.localizer = localizer
        self.camera = camera
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="trigpoint-view-")
        self._uploads = 0

    def close(self) -> None:
        """Remove the images that were dropped in."""
        self._folder.cleanup()

    def locate(self, path: Path, name: str, camera: Camera | None = None, true_pose: Pose | None = None) -> Query:
        """Localize one image. One that cannot be read is a failed answer with the error as its reason.

        Args:
            path: image file.
            name: what to call it.
            camera: its intrinsics, if known.
            true_pose: ``cam_from_world``, if known.
        """
        began = time.perf_counter()
        try:
            if camera is None and self.camera is not None:
                camera = parse_camera(self.camera, *image_size(path))
            with self._lock:
                answer = self.localizer.localize(path, camera=camera, name=name)
        except TrigpointError as error:
            answer = self.failed(name, str(error))
        total_ms = 1e3 * (time.perf_counter() - began)
        pose = answer.cam_from_world
        error = None if pose is None or true_pose is None else pose_errors(pose, true_pose)
        return Query(name, path, answer, true_pose, error, total_ms)

    def upload(self, content: bytes, name: str) -> Query:
        """Localize the bytes of an image file that somebody sent under ``name``."""
        suffix = Path(name).suffix.lower()
        with self._lock:
            self._uploads += 1
            # The name was made up elsewhere: it is shown, and never used as a path.
            path = Path(self._folder.name) / f"{self._uploads:04d}{suffix if suffix in IMAGE_SUFFIXES else '.img'}"
        label = f"{Path(name).name or 'image'} (dropped in, {self._uploads})"
        if len(content) > MAX_UPLOAD_BYTES:
            reason = f"the file has {len(content) / 1e6:.0f} MB, at most {MAX_UPLOAD_BYTES / 1e6:.0f} MB can be dropped in"
            return Query(label, path, self.failed(label, reason), None, None, 0.0)
        try:
            path.write_bytes(content)
        except OSError as error:
            return Query(label, path, self.failed(label, f"the image cannot be kept ({error.strerror})"), None, None, 0.0)
        return self.locate(path, label)

    def agreement(self, query: Query) -> Agreement:
        """The keypoints of a query, found again, and which of them agree with its pose; none do without a pose.

        Raises:
            ImageError: the image cannot be read.
        """
        shown = read_image(query.image_path, short_side_px=_PICTURE_SIDE_PX, color=True)
        assert shown.rgb is not None  # asked for
        config, encoder = self.localizer.map.config.features, self.localizer.encoder
        image = read_image(query.image_path, short_side_px=config.short_side_px)
        with self._lock:
            view = plain_view(image.width, image.height, config.short_side_px, encoder.size_multiple)
            found = extract_features(encoder, image, view, config.query_keypoints)
            hypotheses = self.localizer.map.hypotheses(found, (image.width, image.height))
            predicted = self.localizer.map.points(found.descriptors, hypotheses)
        agreeing = [self._agreeing(query.answer, found, xyz) for xyz in predicted]
        # The pose came from the hypothesis that most keypoints agree with.
        best = int(np.argmax([agrees.sum() for agrees in agreeing]))
        keypoints_px = found.image_px * (shown.rgb.shape[1] / shown.width)
        return Agreement(shown.rgb, keypoints_px, agreeing[best], predicted[best])

    def _agreeing(self, answer: Localization, found: ImageFeatures, xyz: NDArray[np.float64]) -> NDArray[np.bool_]:
        if answer.cam_from_world is None or answer.camera is None:
            return np.zeros(len(found), dtype=np.bool_)
        rays = rays_of(answer.camera, found.image_px)
        focal = np.array(answer.camera.pinhole_params()[:2]) * found.scale
        intrinsics = PinholeIntrinsics(focal[0], focal[1], 0.0, 0.0)
        # Rays that the camera model does not have are NaN, which compares as false.
        errors = reprojection_errors_px(answer.cam_from_world, rays * focal, xyz, intrinsics)
        return errors < self.localizer.options.pnp.threshold_px

    def failed(self, name: str, reason: str) -> Localization:
        """The answer about an image that could not even be tried."""
        units, map_id = self.localizer.units, self.localizer.map_id
        return Localization(name, FAILED, reason, None, None, "", 0, 0, 0.0, None, units, map_id)


def readable_agreement(finder: Finds, query: Query) -> Agreement | None:
    """The keypoints of a query, or None when its image cannot be read, which its reason says."""
    try:
        return finder.agreement(query)
    except ImageError:
        return None
