"""Finds which rectangle a camera sees at each pixel, with exact depth.

The homogeneous texture coordinates (u, v, 1) / z of a plane are linear in the ray (x, y, 1), distorted lens or not, so
each rectangle costs three linear functions over the part of the image that it can touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.synthetic.atlas import Atlas
from trigpoint.synthetic.geometry import Array, Quad

Plane = NDArray[np.float32]

NEAR_M = 0.02
_EDGE = 1e-5


@dataclass(frozen=True, eq=False)
class Rays:
    """Viewing rays (x, y, 1) in the camera frame at the pixel centres; x and y broadcast to (H, W), float32.

    The extents say which x each column and which y each row can have: (W,) and (H,) each.
    """

    x: Plane
    y: Plane
    column_extent: tuple[Plane, Plane]
    row_extent: tuple[Plane, Plane]


@dataclass(frozen=True, eq=False)
class Surfaces:
    """What is seen at each pixel: ``quad`` (H, W) int32, -1 for nothing; ``inverse_depth`` (H, W) float32, 1/m."""

    quad: NDArray[np.int32]
    inverse_depth: Plane
    texture_from_ray: NDArray[np.float32]

    def depth_m(self) -> Plane:
        """(H, W) float32 depth along the optical axis, infinite where nothing is seen."""
        with np.errstate(divide="ignore"):
            return np.reciprocal(self.inverse_depth)


@dataclass(frozen=True, eq=False)
class QuadArrays:
    """The rectangles of a scene as arrays: (Q, 3, 3) columns edge_u, edge_v, origin; (Q, 4, 3) corners; (Q, 4) slots."""

    frames: Array
    corners: Array
    slots: NDArray[np.float32]

    @staticmethod
    def of(quads: Sequence[Quad], atlas: Atlas) -> QuadArrays:
        """Collect the quads of a scene."""
        frames = np.array([np.stack([quad.edge_u, quad.edge_v, quad.origin], axis=1) for quad in quads])
        corners = np.array([quad.corners() for quad in quads])
        return QuadArrays(frames, corners, atlas.slots[[quad.texture for quad in quads]].astype(np.float32))


@lru_cache(maxsize=8)
def camera_rays(camera: Camera) -> Rays:
    """Rays of all pixel centres of a camera. Pixels beyond the range of a distortion model have NaN rays."""
    fx, fy, cx, cy = camera.pinhole_params()
    columns, rows = np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5
    if camera.model in ("PINHOLE", "SIMPLE_PINHOLE"):
        x, y = ((columns - cx) / fx).astype(np.float32), ((rows - cy) / fy).astype(np.float32)
        return Rays(x[None, :], y[:, None], (x, x), (y, y))
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    rays = ((camera.undistort(pixels) - (cx, cy)) / (fx, fy)).astype(np.float32).reshape(camera.height, camera.width, 2)
    x, y = np.ascontiguousarray(rays[..., 0]), np.ascontiguousarray(rays[..., 1])
    columns_x, rows_y = (np.fmin.reduce(x, 0), np.fmax.reduce(x, 0)), (np.fmin.reduce(y, 1), np.fmax.reduce(y, 1))
    return Rays(x, y, columns_x, rows_y)


def rasterize(arrays: QuadArrays, pose: Pose, camera: Camera) -> Surfaces:
    """The nearest rectangle at every pixel centre of a camera at ``pose`` (cam_from_world)."""
    rays = camera_rays(camera)
    frames = pose.rotation @ arrays.frames
    frames[:, :, 2] += pose.translation
    corners = arrays.corners @ pose.rotation.T + pose.translation
    # The determinant is the area times the distance of the camera in front of the plane.
    area = np.linalg.norm(np.cross(frames[:, :, 0], frames[:, :, 1]), axis=1)
    seen = (np.linalg.det(frames) > 1e-6 * area) & (corners[:, :, 2].max(axis=1) > NEAR_M)
    texture_from_ray = np.zeros((len(frames), 3, 3))
    texture_from_ray[seen] = np.linalg.inv(frames[seen])
    # Faces that share an edge overlap by a hair, so that no ray slips between them.
    texture_from_ray[:, :2] += _EDGE * texture_from_ray[:, 2:]
    texture_from_ray[:, :2] /= 1 + 2 * _EDGE
    coefficients = texture_from_ray.astype(np.float32)
    shape = (camera.height, camera.width)
    surfaces = Surfaces(np.full(shape, -1, dtype=np.int32), np.zeros(shape, dtype=np.float32), coefficients)
    # Near surfaces first: what they hide need not be written.
    for index in sorted(np.flatnonzero(seen), key=lambda item: corners[item, :, 2].min()):
        window = _window(corners[index], rays)
        if window is not None:
            _draw(surfaces, rays, window, int(index))
    return surfaces


def _window(corners: Array, rays: Rays) -> tuple[slice, slice] | None:
    """The rows and columns that a polygon, (4, 3) in the camera frame, can touch."""
    visible = corners if corners[:, 2].min() >= NEAR_M else _clip_near(corners)
    image = visible[:, :2] / visible[:, 2:]
    low, high = image.min(axis=0), image.max(axis=0)
    columns = np.flatnonzero((rays.column_extent[1] >= low[0]) & (rays.column_extent[0] <= high[0]))
    rows = np.flatnonzero((rays.row_extent[1] >= low[1]) & (rays.row_extent[0] <= high[1]))
    if len(columns) == 0 or len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _clip_near(corners: Array) -> Array:
    points = []
    for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            points.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            points.append(here + (there - here) * (NEAR_M - here[2]) / (there[2] - here[2]))
    return np.array(points)


def _draw(surfaces: Surfaces, rays: Rays, window: tuple[slice, slice], index: int) -> None:
    rows, columns = window
    x = rays.x[:, columns] if rays.x.shape[0] == 1 else rays.x[window]
    y = rays.y[rows] if rays.y.shape[1] == 1 else rays.y[window]
    u, v, w = (row[0] * x + (row[1] * y + row[2]) for row in surfaces.texture_from_ray[index])
    nearest = surfaces.inverse_depth[window]
    hit = np.minimum(u, v) >= 0
    hit &= np.maximum(u, v) <= w
    hit &= w > nearest
    hit &= w < 1 / NEAR_M
    np.copyto(nearest, w, where=hit)
    np.copyto(surfaces.quad[window], np.int32(index), where=hit)
