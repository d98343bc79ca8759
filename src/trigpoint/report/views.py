"""Virtual cameras for the report's pictures, and coloured points drawn through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose

Array = NDArray[np.float64]
Colours = NDArray[np.uint8]

_NEAR = 1e-6
_SHADING = 8.0
_OBLIQUE_ELEVATION_DEG = 40.0
_OBLIQUE_AZIMUTH_DEG = 25.0
_OBLIQUE_FOV_DEG = 36.0


@dataclass(frozen=True, eq=False)
class View:
    """A virtual camera, perspective or orthographic.

    Attributes:
        width, height: size of the picture, px.
        view_from_world: pose of the virtual camera, OpenCV axes.
        scale: focal lengths (x, y), px, if perspective; else px for one unit of the scene.
        middle: principal point, px.
        perspective: which of the two.
    """

    width: int
    height: int
    view_from_world: Pose
    scale: tuple[float, float]
    middle: tuple[float, float]
    perspective: bool

    def project(self, points: Array) -> tuple[Array, Array]:
        """(N, 3) points in world, map units, to (N, 2) px and (N,) depth, map units along the optical axis.

        Points that are not in front of a perspective view become NaN.
        """
        in_view = self.view_from_world.apply(points)
        depth = in_view[:, 2].copy()
        flat = in_view[:, :2].copy()
        if self.perspective:
            flat /= np.where(depth > _NEAR, depth, np.nan)[:, None]
        flat *= self.scale
        flat += self.middle
        return flat, depth


def up_direction(poses: Sequence[Pose]) -> Array:
    """The (3,) unit vector that photographers held up: the mean of the cameras' up directions.

    Images turned in all directions have no such mean; then it is the direction of the least extent of the cameras.
    """
    # Images show what is up at their top: the negative y axis of the camera.
    mean = np.mean([-pose.rotation[1] for pose in poses], axis=0)
    length = float(np.linalg.norm(mean))
    if length > 0.3:
        return mean / length
    centres = np.array([pose.centre() for pose in poses])
    least = _principal_axes(centres)[0]
    return least if least @ mean >= 0 else -least


def ground_axes(up: Array, centres: Array) -> tuple[Array, Array]:
    """Two (3,) horizontal unit vectors: along the largest extent of the (N, 3) positions in world, and to the left of it."""
    right = _principal_axes(centres - np.outer(centres @ up, up))[2]
    if abs(right @ up) > 0.9:
        # All at one point: any horizontal direction will do.
        right = np.eye(3)[np.argmin(np.abs(up))]
    right = right - (right @ up) * up
    right = right / np.linalg.norm(right)
    # The sign of a principal axis is arbitrary: fix it, so equal scenes give equal pictures.
    right = right if right[np.argmax(np.abs(right))] > 0 else -right
    return right, np.asarray(np.cross(up, right), dtype=np.float64)


def _principal_axes(points: Array) -> Array:
    """(3, 3): unit vectors as rows, by ascending variance of the (N, 3) points along them."""
    centred = points - points.mean(axis=0)
    return np.asarray(np.linalg.eigh(centred.T @ centred)[1].T, dtype=np.float64)


def top_view(up: Array, shown: Array, width: int, *, max_height: int) -> View:
    """Orthographic view straight down that just holds some positions.

    Args:
        up: (3,) unit vector in world.
        shown: (N, 3) positions in world, map units.
        width: of the picture, px.
        max_height: of the picture, px; it is lower where the positions allow it.
    """
    right, ahead = ground_axes(up, shown)
    on_ground = shown @ np.stack([right, ahead], axis=1)
    low, high = on_ground.min(axis=0), on_ground.max(axis=0)
    span = np.maximum(high - low, max(float((high - low).max()) * 0.05, 1e-9))
    margin = 0.06 * width
    scale = min((width - 2 * margin) / span[0], (max_height - 2 * margin) / span[1])
    height = int(np.clip(span[1] * scale + 2 * margin, 0.3 * width, max_height))
    middle = (low + high) / 2
    rotation = np.stack([right, -ahead, -up])
    offset = np.array([-middle[0], middle[1], float((shown @ up).max()) + 1])
    return View(
        width, height, Pose(rotation, offset), (float(scale), float(scale)), (width / 2, height / 2), perspective=False
    )


def oblique_view(up: Array, shown: Array, width: int, height: int) -> View:
    """Perspective view down at an angle that just holds some positions.

    Args:
        up: (3,) unit vector in world.
        shown: (N, 3) positions in world, map units.
        width, height: of the picture, px.
    """
    right, ahead = ground_axes(up, shown)
    # Turned off the axes, so that walls along them are not seen edge on.
    turn, tilt = np.deg2rad(_OBLIQUE_AZIMUTH_DEG), np.deg2rad(_OBLIQUE_ELEVATION_DEG)
    level = np.sin(turn) * right + np.cos(turn) * ahead
    forward = np.cos(tilt) * level - np.sin(tilt) * up
    side = np.cos(turn) * right - np.sin(turn) * ahead
    rotation = np.stack([side, np.cross(forward, side), forward])
    in_view = shown @ rotation.T
    middle = (in_view.min(axis=0) + in_view.max(axis=0)) / 2
    focal = width / 2 / np.tan(np.deg2rad(_OBLIQUE_FOV_DEG) / 2)
    # Each point needs a distance of its own to be inside the picture; the largest puts all inside.
    beyond = np.abs(in_view[:, :2] - middle[:2]) * focal / (0.46 * np.array([width, height])) - (in_view[:, 2:] - middle[2])
    distance = max(float(beyond.max()), 1e-3)
    pose = Pose(rotation, np.array([0, 0, distance]) - middle)
    return View(width, height, pose, (float(focal), float(focal)), (width / 2, height / 2), perspective=True)


def image_view(pose: Pose, camera: Camera, width: int) -> View:
    """What an image should show from a pose, without its distortion, width px wide."""
    shrink = width / camera.width
    fx, fy, cx, cy = (value * shrink for value in camera.pinhole_params())
    return View(width, max(1, round(camera.height * shrink)), pose, (fx, fy), (cx, cy), perspective=True)


def draw_points(view: View, points: Array, rgb: Colours, *, radius_px: float) -> Colours:
    """Draw points as small discs, the nearest in front, with edges darkened by depth.

    Args:
        view: the virtual camera.
        points: (N, 3) in world, map units.
        rgb: (N, 3) uint8.
        radius_px: of a point at the median depth; nearer ones of a perspective view are larger.

    Returns:
        (height, width, 4) uint8 RGBA, transparent where there are no points.
    """
    px, depth = view.project(points)
    # NaN compares as false.
    inside = np.all((px > -4) & (px < (view.width + 4, view.height + 4)), axis=1)
    px, depth, rgb = px[inside], depth[inside], rgb[inside]
    # Many points share a pixel: the smallest depth of each first, then the colour of the point that has it.
    nearest = np.full(view.width * view.height, np.inf)
    image = np.zeros((view.width * view.height, 4), np.uint8)
    if len(px) == 0:
        return image.reshape(view.height, view.width, 4)
    radius = np.full(len(px), radius_px)
    if view.perspective:
        # Nearer surfaces have fewer points a pixel: larger discs close them.
        radius = np.clip(radius_px * np.median(depth) / depth, 0.5, 2.5 * radius_px)
    discs = list(_discs(np.floor(px).astype(np.int64), radius, view))
    for target, members in discs:
        np.minimum.at(nearest, target, depth[members])
    for target, members in discs:
        front = depth[members] == nearest[target]
        image[target[front], :3] = rgb[members[front]]
    image[:, 3] = np.where(np.isfinite(nearest), 255, 0)
    image = image.reshape(view.height, view.width, 4)
    image[..., :3] = image[..., :3] * _shade(nearest.reshape(view.height, view.width), view.perspective)[..., None]
    return image


def _discs(cell: NDArray[np.int64], radius: Array, view: View) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each offset inside the largest disc: (flat pixel indices, indices of the points that cover them)."""
    reach = int(np.ceil(radius.max())) - 1
    covered: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            x, y = cell[:, 0] + dx, cell[:, 1] + dy
            drawn = (np.hypot(dx, dy) < np.maximum(radius, 0.5)) & (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height)
            covered.append(((y * view.width + x)[drawn], np.flatnonzero(drawn)))
    return covered


def _shade(depth: Array, perspective: bool) -> Array:
    """Brightness, (h, w) in 0.35 to 1: pixels behind their neighbours are darker, which shows edges."""
    known = np.isfinite(depth)
    if not known.any():
        return np.ones_like(depth)
    if perspective:
        # Relative depth, so that edges show equally near and far.
        relief = np.log(np.where(known, depth, 1.0))
    else:
        relief = np.where(known, depth, 0.0) / max(float(np.ptp(depth[known])), 1e-9)
    behind = np.zeros_like(depth)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            both = known & np.roll(known, step, axis)
            behind += np.where(both, np.clip(relief - np.roll(relief, step, axis), 0, 0.15), 0)
    return np.clip(np.exp(-_SHADING * behind / 4), 0.35, 1)
