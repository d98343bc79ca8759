"""Ground-truth scene coordinates of training samples: from depth images, structure from motion, or triangulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from trigpoint.core.errors import ImageError, MappingError
from trigpoint.core.image import check_image_bytes
from trigpoint.core.image_limits import MAX_FILE_BYTES
from trigpoint.core.regular_file import read_regular
from trigpoint.core.scene import Frame, Scene
from trigpoint.core.tracks import Tracks
from trigpoint.features.extract import rays_of
from trigpoint.mapping.landmark_tracks import LandmarkTracks

Array = NDArray[np.float64]

# A keypoint is taken for the triangulated one within this fraction of the image's longer side.
_SAME_KEYPOINT = 0.002
_NOTHING = (0, 65535)
# With fewer triangulated keypoints an image, poses, cameras or images have something that only a robust loss can live with.
_FEWEST_LANDMARKS = 0.05


class Supervision(Protocol):
    """Where known points come from."""

    def points(self, frame: Frame, image_px: Array) -> Array:
        """(N, 3) points in world seen at (N, 2) positions in the image, px; NaN where unknown."""
        ...


class DepthImages:
    """Points from the depth images of a scene."""

    def points(self, frame: Frame, image_px: Array) -> Array:
        """(N, 3) points in world of (N, 2) px; NaN where unknown.

        Depth images of another size than the image must show the same field of view.
        """
        result = np.full((len(image_px), 3), np.nan)
        if frame.depth_path is None:
            return result
        depth = _decoded(frame.depth_path)
        if depth is None or depth.dtype != np.uint16 or depth.ndim != 2:
            raise MappingError(
                "TP-662",
                "the depth image cannot be used: it is not a whole image of one channel with 16 bits",
                where=frame.depth_path,
                fix="Export it again, or map without it: --set supervision=none.",
            )
        cell = (image_px * (depth.shape[1] / frame.camera.width, depth.shape[0] / frame.camera.height)).astype(int)
        steps = depth[cell[:, 1].clip(0, depth.shape[0] - 1), cell[:, 0].clip(0, depth.shape[1] - 1)]
        z = np.where(np.isin(steps, _NOTHING), np.nan, steps * frame.depth_unit)
        in_cam = np.column_stack([rays_of(frame.camera, image_px), np.ones(len(z))]) * z[:, None]
        return frame.pose().inverse().apply(in_cam)


def _decoded(path: Path) -> NDArray[Any] | None:
    """The values of a depth image; None where it is none. Depth images come with scenes from strangers, too."""
    try:
        data = read_regular(path, MAX_FILE_BYTES)
        check_image_bytes(data, path)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, ImageError, cv2.error):
        return None


class TriangulatedPoints:
    """Triangulated points, at the keypoints that see them."""

    def __init__(self, tracks: Tracks) -> None:
        self.tracks = tracks

    def points(self, frame: Frame, image_px: Array) -> Array:
        """(N, 3) points in world of (N, 2) px, NaN where no keypoint with a point is near."""
        result = np.full((len(image_px), 3), np.nan)
        seen = self.tracks.images[frame.name]
        if len(seen.point) and len(image_px):
            radius = _SAME_KEYPOINT * max(frame.camera.width, frame.camera.height)
            distance, nearest = map(np.asarray, KDTree(seen.image_px).query(image_px, distance_upper_bound=radius))
            near = np.isfinite(distance)
            result[near] = self.tracks.points[seen.point[nearest[near]]]
        return result


def landmark_supervision(landmarks: LandmarkTracks) -> TriangulatedPoints | None:
    """The triangulated keypoints of a scene as supervision; None if there are too few of them to learn from."""
    return TriangulatedPoints(landmarks.tracks) if landmarks.fraction > _FEWEST_LANDMARKS else None


def supervision_of(kind: Literal["depth", "points"], scene: Scene) -> Supervision:
    """The source of known points that comes with a scene.

    Args:
        kind: ``"depth"`` or ``"points"``, as in ``GivenSupervision``.
        scene: the scene.

    Raises:
        MappingError: the scene has nothing of the kind (TP-663).
    """
    if kind == "depth" and any(frame.depth_path for frame in scene.frames):
        return DepthImages()
    tracks = scene.tracks if kind == "points" else None
    if tracks is not None:
        return TriangulatedPoints(tracks)
    raise MappingError(
        "TP-663",
        "this scene has no depth images" if kind == "depth" else "this scene has no triangulated points",
        where=scene.root,
        fix="Map without them: --set supervision=none.",
    )
