"""Colours of the synthetic images: perspective-correct, mip-mapped textures, light maps, and what a sensor makes of them."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.synthetic.atlas import LEVELS, LIGHT_STEP, Atlas
from trigpoint.synthetic.render import Plane, QuadArrays, Surfaces, camera_rays

# Slanted surfaces are sampled up to this much finer than their longer footprint asks for, so they do not blur.
_SLANT = 2.5
# OpenCV resamples into images of at most 32,767 rows or columns: long lists of pixels are folded.
_FOLD = 1024


def shade(
    surfaces: Surfaces, arrays: QuadArrays, camera: Camera, atlas: Atlas, light: Plane, background: Plane | None
) -> Plane:
    """Gamma-encoded colours (H, W, 3) float32, 0 to 255.

    Args:
        surfaces: what is seen, from ``rasterize``.
        arrays: the rectangles.
        camera: the camera of ``surfaces``.
        atlas: textures.
        light: light map of the atlas.
        background: (H, W, 3) float32 colours where nothing is seen; None for black.
    """
    rays = camera_rays(camera)
    shape = surfaces.quad.shape
    hit = np.flatnonzero(surfaces.quad >= 0)
    x, y = (np.broadcast_to(axis, shape).ravel()[hit] for axis in (rays.x, rays.y))
    quad = surfaces.quad.ravel()[hit]
    s, t, level = _texels(surfaces, arrays, camera, quad, x, y)
    slots = arrays.slots[quad]
    colours = _sample_mips(atlas, s, t, level, slots)
    colours *= _sample(light, s, t, slots, LIGHT_STEP)
    if len(hit) == surfaces.quad.size:
        return colours.reshape(*shape, 3)
    result = np.zeros((*shape, 3), dtype=np.float32) if background is None else background
    result.reshape(-1, 3)[hit] = colours
    return result


def _texels(
    surfaces: Surfaces, arrays: QuadArrays, camera: Camera, quad: NDArray[np.int32], x: Plane, y: Plane
) -> tuple[Plane, Plane, Plane]:
    """Texture coordinates, texels of level 0, and the mip level of (N,) pixels with rays (x, y, 1)."""
    fx, fy, _, _ = camera.pinhole_params()
    table = surfaces.texture_from_ray.copy()
    table[:, :2] *= arrays.slots[:, 2:, None]
    rows = [[table[:, row, column][quad] for column in range(3)] for row in range(3)]
    (s_dx, s_dy, s_0), (t_dx, t_dy, t_0), (w_dx, w_dy, w_0) = rows
    depth = np.reciprocal(w_dx * x + (w_dy * y + w_0))
    s, t = (s_dx * x + (s_dy * y + s_0)) * depth, (t_dx * x + (t_dy * y + t_0)) * depth
    # Derivatives along the image's rows and columns, texels a pixel.
    across, down = depth / np.float32(fx), depth / np.float32(fy)
    s_x, t_x = (s_dx - s * w_dx) * across, (t_dx - t * w_dx) * across
    s_y, t_y = (s_dy - s * w_dy) * down, (t_dy - t * w_dy) * down
    longer = np.maximum(s_x * s_x + t_x * t_x, s_y * s_y + t_y * t_y)
    shorter = np.square(s_x * t_y - s_y * t_x) / np.maximum(longer, 1e-12)
    footprint = np.maximum(np.maximum(shorter, longer / np.float32(_SLANT**2)), 1e-12)
    level = np.clip(np.float32(0.5) * np.log2(footprint), 0, LEVELS - 1.001).astype(np.float32, copy=False)
    return cast(tuple[Plane, Plane, Plane], (s, t, level))


def _sample_mips(atlas: Atlas, s: Plane, t: Plane, level: Plane, slots: Plane) -> Plane:
    """(N, 3) float32 colours, linear between two mip levels."""
    lower = level.astype(np.int8)
    fraction = level - lower
    colours = np.empty((len(s), 3), dtype=np.float32)
    for index in range(int(lower.min(initial=0)), int(lower.max(initial=0)) + 1):
        chosen = np.flatnonzero(lower == index)
        if len(chosen) == 0:
            continue
        part = s[chosen], t[chosen], slots[chosen]
        fine = _sample(atlas.levels[index], *part, 2**index)
        coarse = _sample(atlas.levels[index + 1], *part, 2 ** (index + 1))
        fine += (coarse - fine) * fraction[chosen][:, None]
        colours[chosen] = fine
    return colours


def _sample(image: NDArray[np.uint8] | Plane, s: Plane, t: Plane, slots: Plane, step: int) -> Plane:
    """(N, 3) float32: an image of the atlas, ``step`` times smaller than level 0, at texels of level 0 within the slots."""
    scale = np.float32(1 / step)
    half = np.float32(0.5)
    x = np.clip(s * scale, half, slots[:, 2] * scale - half) + (slots[:, 0] * scale - half)
    y = np.clip(t * scale, half, slots[:, 3] * scale - half) + (slots[:, 1] * scale - half)
    count = len(x)
    folded = -(-count // _FOLD) * _FOLD
    x, y = (np.resize(axis, folded).reshape(-1, _FOLD) for axis in (x, y))
    colours = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return colours.reshape(-1, 3)[:count].astype(np.float32, copy=False)


def sky(camera: Camera, world_from_cam: NDArray[np.float64], panorama: NDArray[np.uint8], brightness: float) -> Plane:
    """Colours (H, W, 3) float32 of a panorama, azimuth along the width, elevation 0 at its foot and 90 deg at its top."""
    rays = camera_rays(camera)
    x, y = (np.broadcast_to(axis, (camera.height, camera.width)) for axis in (rays.x, rays.y))
    turn = world_from_cam.astype(np.float32)
    east, north, up = (row[0] * x + row[1] * y + row[2] for row in turn)
    height, width = panorama.shape[:2]
    azimuth = (np.arctan2(north, east) / np.float32(2 * np.pi) + np.float32(0.5)) * np.float32(width)
    elevation = np.arctan2(up, np.hypot(east, north)) / np.float32(np.pi / 2)
    map_y = (1 - np.clip(elevation, 0, 1)) * np.float32(height - 1)
    colours = cv2.remap(panorama, azimuth, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return colours.astype(np.float32) * np.float32(brightness)


def develop(colours: Plane, rng: np.random.Generator, *, blur_px: float, noise: float, exposure: float) -> NDArray[np.uint8]:
    """What a camera saves, (H, W, 3) uint8: the lens blurs, the exposure varies by ``exposure``, the sensor adds noise."""
    image = cv2.GaussianBlur(colours, (0, 0), blur_px)
    balance = 1 + 0.3 * exposure * rng.uniform(-1, 1, 3)
    image *= (balance * (1 + exposure * rng.uniform(-1, 1))).astype(np.float32)
    image += np.float32(noise) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.rint(image, out=image).clip(0, 255).astype(np.uint8)
