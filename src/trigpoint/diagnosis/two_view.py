"""Two images compared: matches between them that one relative pose explains, whatever the poses of the scene say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import ImageError
from trigpoint.core.image import read_image
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame

Array = NDArray[np.float64]

SHORT_SIDE_PX = 480
_MAX_KEYPOINTS = 1500
_RATIO = 0.75
# Matches of things that look alike agree with some relative pose, too, but few of them do: on a facade and on a statue from
# the internet 17 to 21 matches, half of all or less, agreed on a wrong one, never 25 or more.
_MIN_MATCHES, _MIN_FRACTION = 25, 0.5
# 300 trials find the pose that half of the matches agree with 9,999 times of 10,000.
_MAX_ERROR_PX, _MIN_ITERATIONS, _MAX_ITERATIONS = 1.5, 300, 5000
# A point that is seen at a smaller angle than three pixels from two positions is about as likely behind the cameras.
_SURE_PARALLAX_PX, _MIN_SURE = 3.0, 10
_MIN_FRONT = 0.5
# Distance on the plane at depth 1 of a point that a camera looks away from.
_FAR = 10.0


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of one image.

    Attributes:
        rays: (N, 2) undistorted positions on the plane at depth 1 of the camera, without unit.
        descriptors: (N, 128).
        focal_px: focal length, px of the reduced image.
    """

    rays: Array
    descriptors: NDArray[np.float32]
    focal_px: float


@dataclass(frozen=True, eq=False)
class VerifiedPair:
    """Matches of two images that agree with one relative pose.

    Attributes:
        first, second: indices of the frames.
        rays_first, rays_second: (V, 3) homogeneous positions on the plane at depth 1 of each camera.
        focal_px: focal lengths of both, px of the reduced images.
    """

    first: int
    second: int
    rays_first: Array
    rays_second: Array
    focal_px: tuple[float, float]

    def distance_px(self, second_from_first: Pose) -> float:
        """Median distance of the matches to their epipolar lines, px of images reduced to a short side of 480 px.

        Without a translation, the distance to where the rotation takes each keypoint.
        """
        turned = self.rays_first @ second_from_first.rotation.T
        direction = _unit(second_from_first.translation)
        if direction is None:
            seen = turned[:, 2] > 0
            moved = turned[:, :2] / np.where(seen, turned[:, 2], 1)[:, None] - self.rays_second[:, :2]
            return float(np.median(np.where(seen, np.hypot(*moved.T), _FAR))) * self.focal_px[1]
        x, y, z = direction
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        lines_second = turned @ cross.T
        lines_first = self.rays_second @ cross @ second_from_first.rotation
        error = np.abs((self.rays_second * lines_second).sum(axis=1))
        norms = [np.hypot(lines[:, 0], lines[:, 1]).clip(1e-12) for lines in (lines_first, lines_second)]
        return float(np.median(error * (self.focal_px[0] / norms[0] + self.focal_px[1] / norms[1]) / 2))

    def is_behind(self, second_from_first: Pose) -> bool:
        """Whether most points that are seen from two clearly different positions would lie behind a camera."""
        direction = _unit(second_from_first.translation)
        if direction is None:
            return False
        turned, second = self.rays_first @ second_from_first.rotation.T, self.rays_second
        normal = np.cross(turned, second)
        sine = np.linalg.norm(normal, axis=1) / np.linalg.norm(turned, axis=1) / np.linalg.norm(second, axis=1)
        sure = sine > _SURE_PARALLAX_PX / min(self.focal_px)
        if sure.sum() < _MIN_SURE:
            return False
        # Depths a and b solve a * turned + direction = b * second.
        depth_first = (np.cross(second, direction) * normal).sum(axis=1)
        depth_second = (np.cross(turned, direction) * normal).sum(axis=1)
        return bool(((depth_first > 0) & (depth_second > 0))[sure].mean() < _MIN_FRONT)


class PairMatcher:
    """Matches images of a scene; keypoints of each image are found once.

    Args:
        frames: posed frames.
    """

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._keypoints: dict[int, Keypoints | None] = {}

    def pair(self, first: int, second: int) -> VerifiedPair | None:
        """The matches of two images that agree; None where they are too few, or an image does not decode."""
        a, b = self._of(first), self._of(second)
        if a is None or b is None:
            return None
        matches = _matches(a.descriptors, b.descriptors)
        if len(matches) < _MIN_MATCHES:
            return None
        rays_a, rays_b = a.rays[matches[:, 0]], b.rays[matches[:, 1]]
        agree = _agreeing(rays_a, rays_b, (a.focal_px, b.focal_px))
        if agree.sum() < max(_MIN_MATCHES, _MIN_FRACTION * len(matches)):
            return None
        ones = np.ones((int(agree.sum()), 1))
        return VerifiedPair(
            first, second, np.hstack([rays_a[agree], ones]), np.hstack([rays_b[agree], ones]), (a.focal_px, b.focal_px)
        )

    def _of(self, index: int) -> Keypoints | None:
        if index not in self._keypoints:
            try:
                self._keypoints[index] = find_keypoints(self._frames[index])
            except ImageError:
                # Images that do not decode are reported with the picture checks.
                self._keypoints[index] = None
        return self._keypoints[index]


def find_keypoints(frame: Frame) -> Keypoints:
    """SIFT keypoints of an image reduced to a short side of 480 px, as rays of its camera.

    Raises:
        ImageError: as ``read_image``.
    """
    import cv2

    image = read_image(frame.image_path, short_side_px=SHORT_SIDE_PX)
    sift = cv2.SIFT_create(nfeatures=_MAX_KEYPOINTS)  # pyright: ignore[reportAttributeAccessIssue]
    keypoints, descriptors = sift.detectAndCompute(image.gray, None)
    height, width = image.gray.shape
    scale = np.array([image.width / width, image.height / height])
    matrix = frame.camera.matrix()
    focal_px = float((matrix[0, 0] / scale[0] + matrix[1, 1] / scale[1]) / 2)
    if descriptors is None or not len(keypoints):
        return Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32), focal_px)
    # OpenCV counts from the centre of the first pixel.
    points = (np.array([keypoint.pt for keypoint in keypoints]) + 0.5) * scale
    undistorted = frame.camera.undistort(points)
    rays = (np.column_stack([undistorted, np.ones(len(points))]) @ np.linalg.inv(matrix).T)[:, :2]
    known = np.isfinite(rays).all(axis=1)
    return Keypoints(rays[known], descriptors[known], focal_px)


def _unit(translation: Array) -> Array | None:
    """The direction of a (3,) translation in any unit; None without one."""
    length = float(np.linalg.norm(translation))
    return translation / length if length > 0 else None


def _matches(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.int64]:
    """(M, 2) indices of mutual nearest neighbours that are clearly nearer than the second nearest."""
    import cv2

    if min(len(a), len(b)) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    back = {match.queryIdx: match.trainIdx for match in matcher.match(b, a)}
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, second in matcher.knnMatch(a, b, k=2)
        if best.distance < _RATIO * second.distance and back.get(best.trainIdx) == best.queryIdx
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _agreeing(first: Array, second: Array, focal_px: tuple[float, float]) -> NDArray[np.bool_]:
    """(M,) whether each match agrees with the essential matrix that most of them agree with."""
    import poselib

    a, b = ({"model": "SIMPLE_PINHOLE", "width": 1, "height": 1, "params": [focal, 0.0, 0.0]} for focal in focal_px)
    iterations = {"min_iterations": _MIN_ITERATIONS, "max_iterations": _MAX_ITERATIONS}
    options = {"max_epipolar_error": _MAX_ERROR_PX, "seed": 0, **iterations}
    _, info = poselib.estimate_relative_pose(first * focal_px[0], second * focal_px[1], a, b, options, {})
    return np.array(info["inliers"], dtype=bool).reshape(len(first))
