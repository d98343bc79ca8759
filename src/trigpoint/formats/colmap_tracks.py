"""Which 3D points of a COLMAP model each image observes, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError
from trigpoint.core.scene import Scene
from trigpoint.formats.colmap_model import find_models, fullest_model, load_model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observations:
    """The 3D points that one image observes.

    Attributes:
        point: (n,) int64 rows of ``Tracks.points``, ascending; a point observed twice occurs twice.
        image_px: (n, 2) float64 positions in the image, distortion included; (0.5, 0.5) is the first pixel's centre.
    """

    point: NDArray[np.int64]
    image_px: Array


@dataclass(frozen=True, eq=False)
class Tracks:
    """Triangulated points and who observes them.

    Attributes:
        points: (M, 3) float64 points in the world frame of the scene, in its unit, in the order of their COLMAP ids.
        error_px: (M,) mean reprojection errors; NaN where the model does not say.
        images: observations of each image of the scene by frame name; frames without observations have empty ones.
    """

    points: Array
    error_px: Array
    images: Mapping[str, Observations]


def tracks_files(scene: Scene) -> list[Path]:
    """The files that ``read_tracks`` reads; none if it is not a COLMAP scene."""
    model = _model_of(scene)
    return [] if model is None else sorted(path for path in model.iterdir() if path.suffix in (".bin", ".txt"))


def read_tracks(scene: Scene) -> Tracks | None:
    """The tracks of the model that the scene was read from; None if it is not a COLMAP scene or its model has no points.

    Raises:
        SceneError: the model is gone or damaged, as ``load_model``; it contradicts itself or holds a point that is not
            finite (TP-232).
    """
    if scene.format != "colmap":
        return None
    model = _model_of(scene)
    if model is None:
        raise SceneError("TP-210", "the COLMAP model is no longer there", where=scene.root, fix="Copy it again.")
    reconstruction = load_model(model)
    ids, points, error_px = _points(reconstruction)
    if len(ids) == 0:
        return None
    if not np.isfinite(points).all():
        raise SceneError("TP-232", "a 3D point is NaN or infinite", where=model, fix="Copy or export the model again.")
    images = {str(image.name): image for image in reconstruction.images.values()}
    observed = {}
    for frame in scene.frames:
        image = images.get(frame.name)
        observed[frame.name] = _observations(image, ids, f"{model}, {frame.name}") if image is not None else _nothing()
    return Tracks(points, error_px, observed)


def _model_of(scene: Scene) -> Path | None:
    """The folder of the model that a COLMAP scene is read from; None for other scenes, or where it is gone."""
    models = find_models(scene.root) if scene.format == "colmap" else []
    return fullest_model(models) if models else None


def _points(reconstruction: Any) -> tuple[NDArray[np.int64], Array, Array]:
    items = sorted(reconstruction.points3D.items())
    ids = np.array([key for key, _ in items], dtype=np.int64)
    points = np.array([point.xyz for _, point in items], dtype=np.float64).reshape(-1, 3)
    errors = np.array([point.error for _, point in items], dtype=np.float64)
    return ids, points, np.where(errors >= 0, errors, np.nan)


def _observations(image: Any, ids: NDArray[np.int64], where: str) -> Observations:
    seen = [(point.point3D_id, point.x(), point.y()) for point in image.get_observation_points2D()]
    if not seen:
        return _nothing()
    keys = np.array([item[0] for item in seen], dtype=np.int64)
    row = np.searchsorted(ids, keys).clip(max=len(ids) - 1)
    if (ids[row] != keys).any():
        raise SceneError("TP-232", "an image observes a 3D point that does not exist", where=where, fix="Export it again.")
    order = np.argsort(row, kind="stable")
    image_px = np.array([item[1:] for item in seen], dtype=np.float64)
    return Observations(row[order], image_px[order])


def _nothing() -> Observations:
    return Observations(np.zeros(0, dtype=np.int64), np.zeros((0, 2)))
