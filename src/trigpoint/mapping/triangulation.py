"""Points from keypoints that several posed images share, all tracks at once (Hartley and Zisserman, 2004, chapter 12).

The point nearest to all rays of a track starts a robust least squares fit of the reprojection errors, whose scale shrinks
from tens of pixels to the threshold. Keypoints that do not fit are dropped, and the fit is repeated with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.mapping.observations import Observations, PosedKeypoints

Array = NDArray[np.float64]

# Largest distance of a match to its epipolar line and of a point to its keypoints, px of the view: keypoints are found
# again to a pixel or two, and poses of structure from motion are about as good.
MAX_ERROR_PX = 4.0
# Smallest of the largest angle under which two images see a point: below it depth is ten times less certain than the rest.
MIN_ANGLE_DEG = 2.0
_SCALES_PX = (64.0, 32.0, 16.0, 8.0, 4.0, 4.0)
_FINAL_STEPS = 4
# Keeps the equations of rays that are all but parallel solvable; such points are dropped for their angle.
_DAMPING = 1e-9


@dataclass(frozen=True, eq=False)
class Triangulated:
    """Landmarks.

    Attributes:
        points: (M, 3) float64 in the normalised frame.
        observations: keypoints that see them; track m is point m.
    """

    points: Array
    observations: Observations


def triangulate(
    keypoints: PosedKeypoints,
    observations: Observations,
    *,
    min_images: int = 3,
    max_error_px: float = MAX_ERROR_PX,
    min_angle_deg: float = MIN_ANGLE_DEG,
) -> Triangulated:
    """Triangulate tracks and keep those that fit.

    Args:
        keypoints: of all images.
        observations: tracks with at most one keypoint in an image, all with finite rays.
        min_images: images that must see a point.
        max_error_px: largest reprojection error, px of the view.
        min_angle_deg: smallest of the largest angle between two rays to a point.
    """
    observations = _seen_by(observations, np.ones(len(observations), dtype=bool), min_images)
    points = _nearest_to_rays(keypoints, observations)
    for scale_px in _SCALES_PX:
        points = _step(keypoints, observations, points, max(scale_px, max_error_px))
    for _ in range(2):
        good = _reprojection_errors_px(keypoints, observations, points) < max_error_px
        before, observations = observations, _seen_by(observations, good, min_images)
        points = points[_survivors(before, good, min_images)]
        for _ in range(_FINAL_STEPS):
            points = _step(keypoints, observations, points, np.inf)
    fits = np.ones(observations.tracks, dtype=bool)
    errors = _reprojection_errors_px(keypoints, observations, points)
    np.logical_and.at(fits, observations.track, errors < max_error_px)
    fits &= _largest_angles_deg(keypoints, observations, points) >= min_angle_deg
    return Triangulated(points[fits], observations.select(fits[observations.track]))


def _survivors(observations: Observations, good: NDArray[np.bool_], min_images: int) -> NDArray[np.bool_]:
    """(T,) whether at least ``min_images`` observations of a track are good."""
    return np.bincount(observations.track[good], minlength=observations.tracks) >= min_images


def _seen_by(observations: Observations, good: NDArray[np.bool_], min_images: int) -> Observations:
    return observations.select(good & _survivors(observations, good, min_images)[observations.track])


def _sums(observations: Observations, values: Array) -> Array:
    """Sums over the observations of each track."""
    return np.add.reduceat(values, observations.starts, axis=0) if len(values) else values[:0]


def _solve(matrices: Array, right: Array) -> Array:
    """(T, 3) solutions of (T, 3, 3) positive semidefinite systems."""
    diagonal = _DAMPING * (1e-12 + np.trace(matrices, axis1=1, axis2=2))
    return np.linalg.solve(matrices + diagonal[:, None, None] * np.eye(3), right[:, :, None])[:, :, 0]


def _directions(keypoints: PosedKeypoints, observations: Observations) -> Array:
    """(O, 3) unit rays in the normalised frame."""
    rays = np.column_stack([keypoints.rays[observations.keypoint], np.ones(len(observations))])
    turned = np.einsum("oji,oj->oi", keypoints.cam_from_scene[observations.image, :, :3], rays)
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _nearest_to_rays(keypoints: PosedKeypoints, observations: Observations) -> Array:
    """(T, 3) points with the least sum of squared distances to the rays of each track."""
    directions = _directions(keypoints, observations)
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    centres = keypoints.centres()[observations.image]
    return _solve(_sums(observations, across), _sums(observations, np.einsum("oij,oj->oi", across, centres)))


def _in_cameras(keypoints: PosedKeypoints, observations: Observations, points: Array) -> Array:
    cameras = keypoints.cam_from_scene[observations.image]
    return np.einsum("oij,oj->oi", cameras[:, :, :3], points[observations.track]) + cameras[:, :, 3]


def _residuals_px(keypoints: PosedKeypoints, observations: Observations, in_cam: Array) -> tuple[Array, Array]:
    """(O, 2) reprojection errors, px, and (O,) depths; the depth of points behind a camera is 0, and their error too."""
    depth = np.where(in_cam[:, 2] > 1e-9, in_cam[:, 2], 0.0)
    seen = in_cam[:, :2] / np.where(depth > 0, depth, 1.0)[:, None]
    errors = keypoints.focal_px[observations.image] * (seen - keypoints.rays[observations.keypoint])
    return np.where(depth[:, None] > 0, errors, 0.0), depth


def _reprojection_errors_px(keypoints: PosedKeypoints, observations: Observations, points: Array) -> Array:
    """(O,) lengths of the errors, px of the view; infinite behind a camera."""
    errors, depth = _residuals_px(keypoints, observations, _in_cameras(keypoints, observations, points))
    return np.where(depth > 0, np.linalg.norm(errors, axis=1), np.inf)


def _step(keypoints: PosedKeypoints, observations: Observations, points: Array, scale_px: float) -> Array:
    """One Gauss-Newton step with the weights of a Cauchy loss of this scale."""
    in_cam = _in_cameras(keypoints, observations, points)
    errors, depth = _residuals_px(keypoints, observations, in_cam)
    weight = (depth > 0) / (1 + np.square(errors).sum(axis=1) / scale_px**2)
    safe = np.where(depth > 0, depth, 1.0)
    focal = keypoints.focal_px[observations.image] / safe[:, None]
    by_cam = np.zeros((len(observations), 2, 3))
    by_cam[:, 0, 0], by_cam[:, 1, 1] = focal.T
    by_cam[:, :, 2] = -focal * in_cam[:, :2] / safe[:, None]
    jacobian = by_cam @ keypoints.cam_from_scene[observations.image, :, :3]
    weighted = jacobian * weight[:, None, None]
    information = _sums(observations, np.einsum("oki,okj->oij", weighted, jacobian))
    return points - _solve(information, _sums(observations, np.einsum("oki,ok->oi", weighted, errors)))


def _largest_angles_deg(keypoints: PosedKeypoints, observations: Observations, points: Array) -> Array:
    """(T,) largest angle between two lines of sight of each track."""
    sight = points[observations.track] - keypoints.centres()[observations.image]
    sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-12)
    smallest = np.ones(observations.tracks)
    lengths = np.bincount(observations.track, minlength=1)
    # Observations are sorted by track: pairs at every distance in that order are all pairs of every track.
    for offset in range(1, int(lengths.max(initial=1))):
        same = observations.track[offset:] == observations.track[:-offset]
        cosine = (sight[offset:][same] * sight[:-offset][same]).sum(axis=1)
        np.minimum.at(smallest, observations.track[offset:][same], cosine)
    return np.rad2deg(np.arccos(smallest.clip(-1, 1)))
