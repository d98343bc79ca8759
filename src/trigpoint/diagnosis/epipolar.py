"""Epipolar check of poses and cameras: matches between neighbouring images must lie on epipolar lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import ImageError
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.scene import Frame
from trigpoint.diagnosis.neighbours import Neighbours

Array = NDArray[np.float64]

SHORT_SIDE_PX = 480
MAX_PAIRS = 8
_MIN_MATCHES = 25
_MAX_KEYPOINTS = 1500
_MAX_ANGLE_DEG = 30.0
_RATIO = 0.75


@dataclass(frozen=True)
class EpipolarCheck:
    """How well the poses fit the images.

    Attributes:
        median_px: median distance of matched keypoints to their epipolar lines, px of images reduced to a short side of
            480 px; None if no pair of images had enough matches.
        pairs: number of pairs of images with enough matches.
        tried: number of pairs that were looked at.
        worst: the names of the pair with the largest median, and that median, px.
    """

    median_px: float | None
    pairs: int
    tried: int
    worst: tuple[str, str, float] | None


@dataclass(frozen=True, eq=False)
class _Keypoints:
    """(N, 2) undistorted positions, px of the full-size image, (N, 128) descriptors, px of the full size per reduced px."""

    points: Array
    descriptors: NDArray[np.float32]
    scale: float


def check_epipolar(frames: Sequence[Frame], neighbours: Neighbours, *, max_pairs: int = MAX_PAIRS) -> EpipolarCheck:
    """Match a few pairs of neighbouring images and measure them against the given poses and cameras.

    Args:
        frames: N posed frames.
        neighbours: of the same frames.
        max_pairs: pairs to look at, of evenly chosen frames.
    """
    results: list[tuple[str, str, float]] = []
    pairs = _choose_pairs(neighbours, max_pairs)
    for first, second in pairs:
        try:
            distances_px = _pair_distances(frames[first], frames[second])
        except ImageError:
            # Images that do not decode are reported with the picture checks.
            continue
        if len(distances_px) >= _MIN_MATCHES:
            results.append((frames[first].name, frames[second].name, float(np.median(distances_px))))
    if not results:
        return EpipolarCheck(None, 0, len(pairs), None)
    # The median of pair medians: one wrong pose, or a pair with thousands of matches, does not decide.
    median = float(np.median([result[2] for result in results]))
    return EpipolarCheck(median, len(results), len(pairs), max(results, key=lambda result: result[2]))


def _choose_pairs(neighbours: Neighbours, count: int) -> list[tuple[int, int]]:
    """Evenly chosen images, each with that neighbour within 30 degrees that is furthest away: it shows the most."""
    usable = (neighbours.angle_deg < _MAX_ANGLE_DEG) & (neighbours.step > 1e-9)
    step = np.where(usable, neighbours.step, -1.0)
    rows = np.flatnonzero(usable.any(axis=1))
    chosen = rows[evenly(len(rows), count)]
    pairs = [(int(row), int(neighbours.index[row, step[row].argmax()])) for row in chosen]
    return list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))


def _pair_distances(first: Frame, second: Frame) -> Array:
    """(M,) symmetric distances of matches to their epipolar lines, px of reduced images."""
    a, b = _keypoints(first), _keypoints(second)
    matches = _matches(a.descriptors, b.descriptors)
    if not len(matches):
        return np.zeros(0)
    points_a = np.column_stack([a.points[matches[:, 0]], np.ones(len(matches))])
    points_b = np.column_stack([b.points[matches[:, 1]], np.ones(len(matches))])
    fundamental = fundamental_matrix(first, second)
    lines_b, lines_a = points_a @ fundamental.T, points_b @ fundamental
    error = np.abs(np.einsum("ni,ni->n", points_b, lines_b))
    norm_a, norm_b = np.hypot(lines_a[:, 0], lines_a[:, 1]), np.hypot(lines_b[:, 0], lines_b[:, 1])
    good = (norm_a > 0) & (norm_b > 0)
    distance = (error[good] / norm_a[good] / a.scale + error[good] / norm_b[good] / b.scale) / 2
    return distance[np.isfinite(distance)]


def fundamental_matrix(first: Frame, second: Frame) -> Array:
    """The (3, 3) matrix F with x_second^T F x_first = 0 for undistorted pixels of two frames with poses.

    F = K2^-T [t]x R K1^-1 (Hartley and Zisserman, 2004, section 9.6), with t scaled to unit length: F is homogeneous.
    """
    second_from_first = second.pose() @ first.pose().inverse()
    x, y, z = second_from_first.translation / max(float(np.linalg.norm(second_from_first.translation)), 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    essential = cross @ second_from_first.rotation
    return np.linalg.inv(second.camera.matrix()).T @ essential @ np.linalg.inv(first.camera.matrix())


def _keypoints(frame: Frame) -> _Keypoints:
    import cv2

    image = read_image(frame.image_path, short_side_px=SHORT_SIDE_PX)
    sift = cv2.SIFT_create(nfeatures=_MAX_KEYPOINTS)  # pyright: ignore[reportAttributeAccessIssue]
    keypoints, descriptors = sift.detectAndCompute(image.gray, None)
    height, width = image.gray.shape
    scale = np.array([image.width / width, image.height / height])
    if descriptors is None or not len(keypoints):
        return _Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32), float(scale.mean()))
    # OpenCV counts from the centre of the first pixel.
    points = (np.array([keypoint.pt for keypoint in keypoints]) + 0.5) * scale
    return _Keypoints(frame.camera.undistort(points), descriptors, float(scale.mean()))


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
