"""Where the images of a synthetic scene are taken: on the walks for mapping, beside them for testing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError
from trigpoint.core.pose import Pose
from trigpoint.synthetic.geometry import Array
from trigpoint.synthetic.world import SyntheticWorld

MIN_CLEARANCE_M = 0.3
MAX_OFFSET_M = 0.5
MAX_TURN_DEG = 15.0
_MIN_OFFSET_M = 0.1
# A test image is fair when this much of what it sees is seen in two mapping images or more.
MIN_FRACTION_SEEN = 0.6
_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A pose, ``cam_from_world``, in one cell of the scene."""

    pose: Pose
    cell: int


def mapping_views(scene: SyntheticWorld, count: int) -> list[Viewpoint]:
    """``count`` viewpoints, evenly spaced in time along the walks, cell after cell."""
    cells = np.arange(count) * len(scene.walks) // max(count, 1)
    views = []
    for cell, walk in enumerate(scene.walks):
        images = int((cells == cell).sum())
        views += [Viewpoint(walk.pose((index + 0.5) / images), cell) for index in range(images)]
    return views


@dataclass(frozen=True, eq=False)
class Coverage:
    """What a set of views sees, at a low resolution."""

    scene: SyntheticWorld
    views: list[Viewpoint]
    camera: Camera

    @cached_property
    def _depths_m(self) -> list[NDArray[np.float32]]:
        return [self.scene.depth_m(view.pose, self.camera) for view in self.views]

    def fraction_seen(self, pose: Pose, cell: int) -> float:
        """Fraction of the surface points in a view, ``cam_from_world``, that two of the views of its cell or more see."""
        points = _points(pose, self.scene.depth_m(pose, self.camera), self.camera)
        if len(points) == 0:
            return 0.0
        seen = np.zeros(len(points), dtype=np.int64)
        for view, depth in zip(self.views, self._depths_m, strict=True):
            if view.cell == cell:
                seen += _is_seen(view.pose.apply(points), depth, self.camera)
        return float((seen >= 2).mean())


def held_out_views(
    scene: SyntheticWorld, mapping: list[Viewpoint], count: int, camera: Camera, purpose: str
) -> list[Viewpoint]:
    """``count`` viewpoints off the walks, moved by 0.1 to 0.5 m and turned by up to 15 degrees.

    None is nearer than 0.3 m to a surface, and each sees mostly what the mapping images see.

    Raises:
        ConfigError: no such viewpoint found, because the mapping images are too few (TP-732).
    """
    small = camera.resized(48, max(1, round(48 * camera.height / camera.width)))
    coverage = Coverage(scene, mapping, Camera.pinhole(small.width, small.height, *small.pinhole_params()[:2]))
    return [_test_view(scene, coverage, index, purpose) for index in range(count)]


def _test_view(scene: SyntheticWorld, coverage: Coverage, index: int, purpose: str) -> Viewpoint:
    rng = scene.random("test-view", purpose, index)
    cell = index % len(scene.walks)
    for _ in range(_ATTEMPTS):
        base = scene.walks[cell].pose(rng.uniform(0.02, 0.98))
        direction = rng.standard_normal(3) * (1, 1, 0.35)
        centre = base.centre() + rng.uniform(_MIN_OFFSET_M, MAX_OFFSET_M) * direction / np.linalg.norm(direction)
        axis = rng.standard_normal(3)
        turn = np.deg2rad(MAX_TURN_DEG * np.sqrt(rng.uniform())) * axis / np.linalg.norm(axis)
        rotation = Rotation.from_rotvec(turn).as_matrix() @ base.rotation
        pose = Pose(rotation, -rotation @ centre)
        if scene.clearance(centre) >= MIN_CLEARANCE_M and coverage.fraction_seen(pose, cell) >= MIN_FRACTION_SEEN:
            return Viewpoint(pose, cell)
    raise ConfigError(
        "TP-732",
        f"no viewpoint for a test image sees enough of the {len(coverage.views)} mapping images",
        fix="Raise n_train.",
    )


def _points(pose: Pose, depth_m: NDArray[np.float32], camera: Camera) -> Array:
    rows, columns = np.nonzero(np.isfinite(depth_m))
    fx, fy, cx, cy = camera.pinhole_params()
    depth = depth_m[rows, columns].astype(np.float64)
    x, y = (columns + 0.5 - cx) / fx * depth, (rows + 0.5 - cy) / fy * depth
    return pose.inverse().apply(np.stack([x, y, depth], axis=1))


def _is_seen(points_in_cam: Array, depth_m: NDArray[np.float32], camera: Camera) -> NDArray[np.bool_]:
    fx, fy, cx, cy = camera.pinhole_params()
    x, y, z = points_in_cam.T
    ahead = z > 0.05
    safe = np.where(ahead, z, 1.0)
    columns, rows = np.floor(x / safe * fx + cx), np.floor(y / safe * fy + cy)
    inside = ahead & (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    result = np.zeros(len(z), dtype=bool)
    surface = depth_m[rows[inside].astype(np.int64), columns[inside].astype(np.int64)]
    result[inside] = np.abs(surface - z[inside]) < 0.1 * z[inside]
    return result
