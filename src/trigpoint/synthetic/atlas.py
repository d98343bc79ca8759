"""All textures of a synthetic scene in one image with its mip levels, and the light that falls on each of them.

A texture has its place, a multiple of ``ALIGN`` texels, in the atlas; level n of the atlas is 2^n times smaller. The light
maps have the same layout at ``1 / LIGHT_STEP`` of the size and hold what to multiply gamma-encoded colours with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.synthetic.geometry import Array, Box, Quad

ALIGN = 32
LEVELS = 6
LIGHT_STEP = 16
GAMMA = 2.2
_WIDTH = 4096


@dataclass(frozen=True, eq=False)
class Lamp:
    """A light source.

    Attributes:
        position: (3,) in world, m.
        colour: linear RGB strength at no distance.
        reach_m: distance at which half of it is left.
        aim: (3,) direction of a spot light, or None for light to all sides.
    """

    position: Array
    colour: tuple[float, float, float]
    reach_m: float
    aim: Array | None = None


@dataclass(frozen=True, eq=False)
class Illumination:
    """Light of one time of the day: ``ambient`` linear RGB from everywhere, and lamps."""

    ambient: tuple[float, float, float]
    lamps: tuple[Lamp, ...]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Textures side by side.

    Attributes:
        levels: mip levels, (H / 2^n, W / 2^n, 3) uint8 each.
        slots: (T, 4) int64 left, top, width, height of every texture, texels of level 0.
    """

    levels: tuple[NDArray[np.uint8], ...]
    slots: NDArray[np.int64]


@dataclass
class TextureBook:
    """Collects textures by name, so that equal surfaces share one."""

    images: list[NDArray[np.uint8]] = field(default_factory=list)
    indices: dict[str, int] = field(default_factory=dict)

    def index(self, name: str, width_m: float, height_m: float, scale: float, make: Callable[..., NDArray[np.uint8]]) -> int:
        """Index of the texture ``name``, which covers ``width_m`` x ``height_m``, m, at ``scale`` texels a metre.

        ``make(height, width, scale)`` draws it, (height, width, 3) uint8 pixels, when it is new.
        """
        if name not in self.indices:
            self.indices[name] = len(self.images)
            width, height = (max(1, round(extent * scale / ALIGN)) * ALIGN for extent in (width_m, height_m))
            self.images.append(make(height, width, scale))
        return self.indices[name]


def pack(images: Sequence[NDArray[np.uint8]]) -> Atlas:
    """Put textures, (h, w, 3) uint8 pixels with sides that are multiples of ``ALIGN``, on shelves, tallest first."""
    slots = np.zeros((len(images), 4), dtype=np.int64)
    width = max(_WIDTH, max(image.shape[1] for image in images))
    left, top, shelf = 0, 0, 0
    for index in sorted(range(len(images)), key=lambda item: -images[item].shape[0]):
        rows, columns = images[index].shape[:2]
        if left + columns > width:
            left, top, shelf = 0, top + shelf, 0
        slots[index] = (left, top, columns, rows)
        left, shelf = left + columns, max(shelf, rows)
    base = np.zeros((top + shelf, width, 3), dtype=np.uint8)
    for (x, y, columns, rows), image in zip(slots, images, strict=True):
        base[y : y + rows, x : x + columns] = image
    levels: list[NDArray[Any]] = [base]
    while len(levels) < LEVELS:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Atlas(tuple(levels), slots)


def light_map(
    atlas: Atlas,
    quads: Sequence[Quad],
    boxes: Sequence[Box],
    bounds: Sequence[tuple[Array, Array]],
    light: Illumination,
) -> NDArray[np.float32]:
    """Light on every texture, (H / LIGHT_STEP, W / LIGHT_STEP, 3) float32, to multiply gamma-encoded colours with.

    Lambert's law for every lamp, dark corners near boxes and near the walls of ``bounds``, one (low, high) for each cell.
    A texture that several quads share is lit as on the first of them.
    """
    height, width = atlas.levels[0].shape[:2]
    result = np.ones((height // LIGHT_STEP, width // LIGHT_STEP, 3), dtype=np.float32)
    seen: set[int] = set()
    for quad in quads:
        if quad.texture in seen:
            continue
        seen.add(quad.texture)
        x, y, columns, rows = atlas.slots[quad.texture] // LIGHT_STEP
        u, v = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
        points = quad.points(u[None, :], v[:, None]).reshape(-1, 3)
        linear = _lamps(points, quad.normal(), light) * _openness(points, quad, boxes, bounds[quad.cell])[:, None]
        result[y : y + rows, x : x + columns] = (linear ** (1 / GAMMA)).reshape(rows, columns, 3)
    return result


def _lamps(points: Array, normal: Array, light: Illumination) -> Array:
    total = np.tile(np.array(light.ambient), (len(points), 1))
    for lamp in light.lamps:
        towards = lamp.position - points
        distance = np.linalg.norm(towards, axis=1)
        # A little light reaches surfaces that face away: it is thrown back by the others.
        cosine = np.maximum(towards @ normal / distance, 0.12)
        if lamp.aim is not None:
            cosine = cosine * np.clip((-towards @ lamp.aim / distance - 0.55) / 0.3, 0.1, 1)
        total += (cosine / (1 + (distance / lamp.reach_m) ** 2))[:, None] * np.array(lamp.colour)
    return total


def _openness(points: Array, quad: Quad, boxes: Sequence[Box], bounds: tuple[Array, Array]) -> Array:
    lifted = points + 0.05 * quad.normal()
    low, high = bounds
    walls = np.concatenate([lifted - low, high - lifted], axis=1)
    openness = np.prod(1 - 0.3 * np.exp(-np.abs(walls) / 0.3), axis=1)
    for index, box in enumerate(boxes):
        if index != quad.box and np.linalg.norm(box.centre - points.mean(axis=0)) < 30:
            openness = openness * (1 - 0.45 * np.exp(-box.distance(lifted) / 0.13))
    return openness
