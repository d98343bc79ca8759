"""Synthetic scenes, built once, and an independent way to find depth."""

from __future__ import annotations

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.synthetic.scene import SyntheticConfig, synthetic_camera
from trigpoint.synthetic.world import SyntheticWorld, build_world

PINHOLE = synthetic_camera(SyntheticConfig(width=320, height=240))
DISTORTED = synthetic_camera(SyntheticConfig(width=320, height=240, camera_model="OPENCV"))
_BUILT: dict[str, SyntheticWorld] = {}


def scene_of(kind: str) -> SyntheticWorld:
    if kind not in _BUILT:
        _BUILT[kind] = build_world(kind, 3)
    return _BUILT[kind]


def back_project(pixels_px: np.ndarray, depth_m: np.ndarray, camera: Camera) -> np.ndarray:
    """(N, 3) points in the camera frame."""
    fx, fy, cx, cy = camera.pinhole_params()
    flat = camera.undistort(pixels_px)
    return np.column_stack([(flat[:, 0] - cx) / fx, (flat[:, 1] - cy) / fy, np.ones(len(flat))]) * depth_m[:, None]


def nearest_depth(scene: SyntheticWorld, pose: Pose, rays_in_cam: np.ndarray) -> np.ndarray:
    """Depth of the first front side that each ray (x, y, 1) meets: one plane after another, in double precision."""
    best = np.full(len(rays_in_cam), np.inf)
    rays, centre = rays_in_cam @ pose.rotation, pose.centre()
    for quad in scene.quads:
        normal = quad.normal()
        if (centre - quad.origin) @ normal <= 0:
            continue
        with np.errstate(divide="ignore"):
            depth = ((quad.origin - centre) @ normal) / (rays @ normal)
        depth = np.where(np.isfinite(depth), depth, -1)
        offset = centre + depth[:, None] * rays - quad.origin
        u, v = offset @ quad.edge_u / (quad.edge_u @ quad.edge_u), offset @ quad.edge_v / (quad.edge_v @ quad.edge_v)
        hit = (depth > 0) & (np.minimum(u, v) >= 0) & (np.maximum(u, v) <= 1)
        best = np.where(hit, np.minimum(best, depth), best)
    return best
