"""Intrinsics, poses and tracks of a ``pycolmap.Reconstruction`` as values of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.tracks import Observations, Tracks


def intrinsics_from_colmap(camera: Any) -> tuple[str, tuple[int, int], tuple[float, ...]]:
    """(model, (width, height) in px, parameters) of a ``pycolmap.Camera``, as ``Camera`` takes them."""
    params = tuple(float(value) for value in camera.params)
    return str(camera.model_name), (int(camera.width), int(camera.height)), params


def pose_from_colmap(image: Any, where: str) -> Pose | None:
    """``cam_from_world`` of a ``pycolmap.Image``; None if it is not registered. Raises as ``Pose.from_quaternion``."""
    if not image.has_pose:
        return None
    rigid = image.cam_from_world()
    x, y, z, w = (float(value) for value in rigid.rotation.quat)
    return Pose.from_quaternion([w, x, y, z], rigid.translation, where=where)


def images_from_colmap(reconstruction: Any, where: str) -> list[tuple[str, Any]]:
    """(name, ``pycolmap.Image``) of a reconstruction, sorted by name.

    Raises:
        SceneError: a name that is not valid UTF-8 (TP-232).
    """
    try:
        return sorted(((str(image.name), image) for image in reconstruction.images.values()), key=lambda item: item[0])
    except UnicodeDecodeError:
        raise SceneError(
            "TP-232",
            "an image name in the model is not valid UTF-8",
            where=where,
            fix="Rename the image and reconstruct again.",
        ) from None


def tracks_from_colmap(reconstruction: Any, names: Sequence[str], where: str) -> Tracks | None:
    """The tracks of the named images, points in the order of their COLMAP ids; None if the model has no points.

    Args:
        reconstruction: a ``pycolmap.Reconstruction``.
        names: images of the scene; those that the model does not hold observe nothing.
        where: what to call the model in errors.

    Raises:
        SceneError: the model contradicts itself or holds a point that is not finite (TP-232).
    """
    items = sorted(reconstruction.points3D.items())
    if not items:
        return None
    ids = np.array([key for key, _ in items], dtype=np.int64)
    points = np.array([point.xyz for _, point in items], dtype=np.float64).reshape(-1, 3)
    errors_px = np.array([point.error for _, point in items], dtype=np.float64)
    if not np.isfinite(points).all():
        raise SceneError("TP-232", "a 3D point is NaN or infinite", where=where, fix="Copy or export the model again.")
    images = dict(images_from_colmap(reconstruction, where))
    observations = {
        name: _observations(images[name], ids, f"{where}, {name}") if name in images else Observations.none()
        for name in names
    }
    # COLMAP writes -1 for an error that it does not know.
    return Tracks(points, np.where(errors_px >= 0, errors_px, np.nan), observations)


def _observations(image: Any, ids: NDArray[np.int64], where: str) -> Observations:
    observed = [(point.point3D_id, point.x(), point.y()) for point in image.get_observation_points2D()]
    if not observed:
        return Observations.none()
    keys = np.array([item[0] for item in observed], dtype=np.int64)
    row = np.searchsorted(ids, keys).clip(max=len(ids) - 1)
    if (ids[row] != keys).any():
        raise SceneError("TP-232", "an image observes a 3D point that does not exist", where=where, fix="Export it again.")
    order = np.argsort(row, kind="stable")
    image_px = np.array([item[1:] for item in observed], dtype=np.float64)
    return Observations(row[order], image_px[order])
