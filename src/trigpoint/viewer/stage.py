"""The frame that is drawn: z is up, the middle of the scene is the origin, and every scene has the same size.

Browsers draw with 32-bit numbers between fixed depths; so scenes of any unit, and far from the world's origin, look alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.report.formatting import round_below
from trigpoint.report.views import oblique_view, up_direction

Array = NDArray[np.float64]

# Distance of the outer points from the middle, in stage units.
RADIUS = 5.0
# A mean up direction this near to an axis of the world is that axis: the poses are aligned with gravity.
_SNAP_COSINE = 0.99
_WINDOW_PX = (1000, 760)
# The corners of a scene are mostly empty.
_CORNERS = 0.82


@dataclass(frozen=True, eq=False)
class Stage:
    """x_stage = scale * rotation @ (x_world - origin).

    Attributes:
        rotation: (3, 3).
        origin: (3,) in world.
        scale: stage units per world unit.
        reach: (2, 3) lowest and highest corner of what is worth seeing, in the stage.
    """

    rotation: Array
    origin: Array
    scale: float
    reach: Array

    @staticmethod
    def of(poses: Sequence[Pose], points: Array) -> Stage:
        """The stage for ``cam_from_world`` poses (at least one) and (N, 3) points in world."""
        rotation = _upright(up_direction(poses))
        turned = np.concatenate([np.array([pose.centre() for pose in poses]), points]) @ rotation.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        radius = float(np.linalg.norm(high - low)) / 2
        scale = RADIUS / radius if radius > 0 else 1.0
        middle = (low + high) / 2
        return Stage(rotation, rotation.T @ middle, scale, np.stack([low - middle, high - middle]) * scale)

    @staticmethod
    def around(origin: Array, scale: float) -> Stage:
        """A stage around a (3,) point of the world, where nothing is known but the scene."""
        return Stage(np.eye(3), np.asarray(origin, dtype=np.float64), scale, np.array([[-1.0] * 3, [1.0] * 3]) * RADIUS / 2)

    def points(self, xyz: Array) -> Array:
        """(N, 3) world points in the stage."""
        return self.scale * (np.asarray(xyz, dtype=np.float64).reshape(-1, 3) - self.origin) @ self.rotation.T

    def camera(self, cam_from_world: Pose) -> tuple[Array, Array]:
        """Orientation (4,) as a quaternion, scalar first, and (3,) position of a camera in the stage, OpenCV axes."""
        turned = Rotation.from_matrix(self.rotation @ cam_from_world.rotation.T)
        return turned.as_quat(canonical=True, scalar_first=True), self.points(cam_from_world.centre())[0]

    def first_view(self) -> tuple[Array, Array, float]:
        """Where to look from at first, the (3,) point to look at, both in the stage, and the vertical angle of view, rad."""
        corners = _CORNERS * np.stack(np.meshgrid(*self.reach.T, indexing="ij"), axis=-1).reshape(-1, 3)
        view = oblique_view(np.array([0.0, 0.0, 1.0]), corners, *_WINDOW_PX)
        position = view.view_from_world.centre()
        forward = view.view_from_world.rotation[2]
        angle = 2 * math.atan(view.height / 2 / view.scale[1])
        return position, position + forward * float(-position @ forward), angle

    def grid_cell(self) -> float:
        """A round length, 1, 2 or 5 times a power of ten, about a tenth of the scene; in world units."""
        return round_below(float(np.ptp(self.reach, axis=0)[:2].max()) / self.scale / 8)


def camera_lines(stage: Stage, poses: Sequence[tuple[Pose, Camera]], size: float) -> Array:
    """Cameras as pyramids: (8 N, 2, 3) ends of their edges in the stage, in its units; ``size`` is their length there."""
    lines = [np.zeros((0, 2, 3))]
    for pose, camera in poses:
        fx, fy, cx, cy = camera.pinhole_params()
        ends = [(0.0 - cx, 0.0 - cy), (camera.width - cx, 0.0 - cy), (camera.width - cx, camera.height - cy)]
        corners = np.array([(x / fx, y / fy, 1.0) for x, y in [*ends, (0.0 - cx, camera.height - cy)]]) * size / stage.scale
        rim = stage.points(pose.inverse().apply(corners))
        centre = np.broadcast_to(stage.points(pose.centre()), rim.shape)
        lines += [np.stack([centre, rim], axis=1), np.stack([rim, np.roll(rim, -1, axis=0)], axis=1)]
    return np.concatenate(lines)


def _upright(up: Array) -> Array:
    """(3, 3) rotation that takes the (3,) unit vector ``up`` to z and turns as little as possible beside."""
    axis = int(np.argmax(np.abs(up)))
    if abs(up[axis]) > _SNAP_COSINE:
        up = np.sign(up[axis]) * np.eye(3)[axis]
    ahead = np.eye(3)[int(np.argmin(np.abs(up)))]
    right = ahead - (ahead @ up) * up
    right = right / np.linalg.norm(right)
    return np.stack([right, np.asarray(np.cross(up, right), dtype=np.float64), up])
