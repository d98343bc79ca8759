"""Points from keypoints that several posed photos share, all tracks at once (Hartley and Zisserman, 2004, chapter 12).

The point nearest to all rays of a track starts a robust least squares fit of the reprojection errors, whose scale shrinks
from tens of pixels to the threshold. Keypoints that do not fit are dropped, and the fit is repeated with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.mapping.observations import PosedKeypoints, Sightings

Array = NDArray[np.float64]

_SCALES_PX = (64.0, 32.0, 16.0, 8.0, 4.0, 4.0)
_FINAL_STEPS = 4
# Keeps the equations of rays that are all but parallel solvable; such points are dropped for their angle.
_DAMPING = 1e-9


@dataclass(frozen=True, eq=False)
class Triangulated:
    """Landmarks.

    Attributes:
        points: (M, 3) float64 in the normalised frame.
        sightings: keypoints that see them; track m is point m.
    """

    points: Array
    sightings: Sightings


def triangulate(
    keypoints: PosedKeypoints, sightings: Sightings, *, min_photos: int, max_error_px: float, min_angle_deg: float
) -> Triangulated:
    """Triangulate tracks and keep those that fit.

    Args:
        keypoints: of all photos.
        sightings: tracks with at most one keypoint in a photo, all with finite rays.
        min_photos: photos that must see a point.
        max_error_px: largest reprojection error, px of the view.
        min_angle_deg: smallest of the largest angle between two rays to a point.
    """
    sightings = _seen_by(sightings, np.ones(len(sightings), dtype=bool), min_photos)
    points = _nearest_to_rays(keypoints, sightings)
    for scale_px in _SCALES_PX:
        points = _step(keypoints, sightings, points, max(scale_px, max_error_px))
    for _ in range(2):
        kept = _reprojection_errors_px(keypoints, sightings, points) < max_error_px
        before, sightings = sightings, _seen_by(sightings, kept, min_photos)
        points = points[_survivors(before, kept, min_photos)]
        for _ in range(_FINAL_STEPS):
            points = _step(keypoints, sightings, points, np.inf)
    fits = np.ones(sightings.tracks, dtype=bool)
    errors = _reprojection_errors_px(keypoints, sightings, points)
    np.logical_and.at(fits, sightings.track, errors < max_error_px)
    fits &= _largest_angles_deg(keypoints, sightings, points) >= min_angle_deg
    return Triangulated(points[fits], sightings.select(fits[sightings.track]))


def _survivors(sightings: Sightings, kept: NDArray[np.bool_], min_photos: int) -> NDArray[np.bool_]:
    """(T,) whether enough sightings of a track are kept."""
    return np.bincount(sightings.track[kept], minlength=sightings.tracks) >= min_photos


def _seen_by(sightings: Sightings, kept: NDArray[np.bool_], min_photos: int) -> Sightings:
    return sightings.select(kept & _survivors(sightings, kept, min_photos)[sightings.track])


def _sums(sightings: Sightings, values: Array) -> Array:
    """Sums over the sightings of each track."""
    return np.add.reduceat(values, sightings.starts, axis=0) if len(values) else values[:0]


def _solve(matrices: Array, right: Array) -> Array:
    """(T, 3) solutions of (T, 3, 3) positive semidefinite systems."""
    diagonal = _DAMPING * (1e-12 + np.trace(matrices, axis1=1, axis2=2))
    return np.linalg.solve(matrices + diagonal[:, None, None] * np.eye(3), right[:, :, None])[:, :, 0]


def _directions(keypoints: PosedKeypoints, sightings: Sightings) -> Array:
    """(O, 3) unit rays in the normalised frame."""
    rays = np.column_stack([keypoints.rays[sightings.keypoint], np.ones(len(sightings))])
    turned = np.einsum("oji,oj->oi", keypoints.cam_from_place[sightings.photo, :, :3], rays)
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _nearest_to_rays(keypoints: PosedKeypoints, sightings: Sightings) -> Array:
    """(T, 3) points with the least sum of squared distances to the rays of each track."""
    directions = _directions(keypoints, sightings)
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    centres = keypoints.centres()[sightings.photo]
    return _solve(_sums(sightings, across), _sums(sightings, np.einsum("oij,oj->oi", across, centres)))


def _in_cameras(keypoints: PosedKeypoints, sightings: Sightings, points: Array) -> Array:
    cameras = keypoints.cam_from_place[sightings.photo]
    return np.einsum("oij,oj->oi", cameras[:, :, :3], points[sightings.track]) + cameras[:, :, 3]


def _residuals_px(keypoints: PosedKeypoints, sightings: Sightings, in_cam: Array) -> tuple[Array, Array]:
    """(O, 2) reprojection errors, px, and (O,) depths; the depth of points behind a camera is 0, and their error too."""
    depth = np.where(in_cam[:, 2] > 1e-9, in_cam[:, 2], 0.0)
    seen = in_cam[:, :2] / np.where(depth > 0, depth, 1.0)[:, None]
    errors = keypoints.focal_px[sightings.photo] * (seen - keypoints.rays[sightings.keypoint])
    return np.where(depth[:, None] > 0, errors, 0.0), depth


def _reprojection_errors_px(keypoints: PosedKeypoints, sightings: Sightings, points: Array) -> Array:
    """(O,) lengths of the errors; infinite behind a camera."""
    errors, depth = _residuals_px(keypoints, sightings, _in_cameras(keypoints, sightings, points))
    return np.where(depth > 0, np.linalg.norm(errors, axis=1), np.inf)


def _step(keypoints: PosedKeypoints, sightings: Sightings, points: Array, scale_px: float) -> Array:
    """One Gauss-Newton step with the weights of a Cauchy loss of this scale."""
    in_cam = _in_cameras(keypoints, sightings, points)
    errors, depth = _residuals_px(keypoints, sightings, in_cam)
    weight = (depth > 0) / (1 + np.square(errors).sum(axis=1) / scale_px**2)
    safe = np.where(depth > 0, depth, 1.0)
    focal = keypoints.focal_px[sightings.photo] / safe[:, None]
    by_cam = np.zeros((len(sightings), 2, 3))
    by_cam[:, 0, 0], by_cam[:, 1, 1] = focal.T
    by_cam[:, :, 2] = -focal * in_cam[:, :2] / safe[:, None]
    jacobian = by_cam @ keypoints.cam_from_place[sightings.photo, :, :3]
    weighted = jacobian * weight[:, None, None]
    information = _sums(sightings, np.einsum("oki,okj->oij", weighted, jacobian))
    return points - _solve(information, _sums(sightings, np.einsum("oki,ok->oi", weighted, errors)))


def _largest_angles_deg(keypoints: PosedKeypoints, sightings: Sightings, points: Array) -> Array:
    """(T,) largest angle between two lines of sight of each track."""
    sight = points[sightings.track] - keypoints.centres()[sightings.photo]
    sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-12)
    smallest = np.ones(sightings.tracks)
    lengths = np.bincount(sightings.track, minlength=1)
    for apart in range(1, int(lengths.max(initial=1))):
        same = sightings.track[apart:] == sightings.track[:-apart]
        cosine = (sight[apart:][same] * sight[:-apart][same]).sum(axis=1)
        np.minimum.at(smallest, sightings.track[apart:][same], cosine)
    return np.rad2deg(np.arccos(smallest.clip(-1, 1)))
