"""Localizes images for the viewer, and shows which of their keypoints agree with the pose."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ImageError, TrigpointError
from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.localization import Localization
from trigpoint.core.pose import Pose
from trigpoint.core.terminal import printable
from trigpoint.evaluation.metrics import pose_errors
from trigpoint.localization.camera_text import parse_camera
from trigpoint.localization.localizer import Localizer
from trigpoint.report.keypoint_picture import keypoint_picture
from trigpoint.viewer.query import Query

MAX_UPLOAD_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class QueryKeypoints:
    """The keypoints of one image as the viewer shows them.

    Attributes:
        picture: (h, w, 3) uint8, the image at reduced size with its keypoints.
        inlier_points: (N, 3) float64 points in world that agree with the pose.
    """

    picture: NDArray[np.uint8]
    inlier_points: NDArray[np.float64]


class Finds(Protocol):
    """What the viewer asks about images."""

    def upload(self, content: bytes, name: str) -> Query:
        """Localize the bytes of an image file."""
        ...

    def keypoints(self, query: Query) -> QueryKeypoints:
        """The keypoints of a query. Raises ImageError when its image cannot be read."""
        ...


class Finder:
    """Localizes images for several threads.

    Args:
        localizer: of the map.
        camera: ``--camera`` text for images whose camera is not known, or None.

    Raises:
        TrigpointError: the text makes no sense, as ``parse_camera``.
    """

    def __init__(self, localizer: Localizer, camera: str | None = None) -> None:
        self.localizer = localizer
        self.camera = None if camera is None else parse_camera(camera)
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
            answer = self.localizer.localize(path, camera=camera or self.camera, name=name)
        except TrigpointError as error:
            answer = self._failure(name, str(error))
        total_ms = 1e3 * (time.perf_counter() - began)
        pose = answer.cam_from_world
        error = None if pose is None or true_pose is None else pose_errors(pose, true_pose)
        # Names are shown in places that are not ours.
        return Query(printable(name), path, answer, true_pose, error, total_ms)

    def upload(self, content: bytes, name: str) -> Query:
        """Localize the bytes of an image file that somebody sent under ``name``."""
        suffix = Path(name).suffix.lower()
        with self._lock:
            self._uploads += 1
            number = self._uploads
        # The name was made up elsewhere: it is shown, and never used as a path.
        path = Path(self._folder.name) / f"{number:04d}{suffix if suffix in IMAGE_SUFFIXES else '.img'}"
        label = f"{Path(name).name or 'image'} (dropped in, {number})"
        if len(content) > MAX_UPLOAD_BYTES:
            reason = f"the file has {len(content) / 1e6:.0f} MB, at most {MAX_UPLOAD_BYTES / 1e6:.0f} MB can be dropped in"
            return Query(label, path, self._failure(label, reason), None, None, 0.0)
        try:
            path.write_bytes(content)
        except OSError as error:
            return Query(label, path, self._failure(label, f"the image cannot be kept ({error.strerror})"), None, None, 0.0)
        return self.locate(path, label)

    def keypoints(self, query: Query) -> QueryKeypoints:
        """The keypoints of a query, found again, and which of them agree with its pose; none do without a pose.

        Raises:
            ImageError: the image cannot be read.
        """
        pairs = self.localizer.correspondences(query.image_path, camera=query.answer.given_camera)
        return QueryKeypoints(np.asarray(keypoint_picture(query.image_path, pairs)), pairs.points_world[pairs.inliers])

    def _failure(self, name: str, reason: str) -> Localization:
        return Localization.failure(name, reason, units=self.localizer.units, map_id=self.localizer.map_id)


def readable_keypoints(finder: Finds, query: Query) -> QueryKeypoints | None:
    """The keypoints of a query, or None when its image cannot be read, which its reason says."""
    try:
        return finder.keypoints(query)
    except ImageError:
        return None
