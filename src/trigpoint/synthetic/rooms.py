"""Furnished rooms: one, or several that look alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trigpoint.synthetic.atlas import Illumination, Lamp
from trigpoint.synthetic.builder import Builder, Material
from trigpoint.synthetic.geometry import Array, Box, wall_frame
from trigpoint.synthetic.pictures import bookshelf, cabinet, crate, painting, photograph, poster, rug
from trigpoint.synthetic.textures import planks, plaster, tiles, worn
from trigpoint.synthetic.walk import loop_walk

LOOK_ALIKES = 3
SPACING_M = 8.0
_OVERHANG_M = 0.02
_PICTURES: tuple[Material, ...] = (poster, photograph, painting, poster)
# (front, width, depth, height) of what stands along the walls, m.
_FURNITURE: tuple[tuple[Material, float, float, float], ...] = (
    (bookshelf, 1.1, 0.3, 2.0),
    (cabinet, 1.2, 0.45, 0.85),
    (bookshelf, 0.8, 0.35, 1.3),
    (crate, 0.6, 0.5, 0.55),
    (cabinet, 0.9, 0.5, 1.85),
    (crate, 0.7, 0.45, 0.75),
)
# The only things that tell look-alike rooms apart: pictures by wall and number, and what stands on the table.
_TELLTALES = {"picture/0/1", "picture/2/0", "on-table/1"}


def build_room(builder: Builder) -> None:
    """One room of 6 x 5 x 2.8 m."""
    _furnish(builder, np.array([3.0, 2.5, 2.8]), variant=0)


def build_look_alikes(builder: Builder) -> None:
    """Rooms of 5 x 4.6 x 2.6 m in a row, the same but for a few pictures and a box."""
    for variant in range(LOOK_ALIKES):
        builder.offset, builder.cell = np.array([variant * SPACING_M, 0.0, 0.0]), variant
        _furnish(builder, np.array([2.5, 2.3, 2.6]), variant)


def _furnish(builder: Builder, half: Array, variant: int) -> None:
    corners = [(-half[0], half[1]), (half[0], half[1]), (half[0], -half[1]), (-half[0], -half[1])]
    size = np.array([2 * half[0], 2 * half[1]]) + 2 * _OVERHANG_M
    left, back = np.array([size[0], 0, 0]), np.array([0, size[1], 0])
    floor: Material = planks if builder.random("floor").uniform() < 0.4 else tiles
    builder.quad("floor", ((-size[0] / 2, size[1] / 2, 0), left, -back), floor, 200)
    builder.quad("ceiling", ((-size[0] / 2, -size[1] / 2, half[2]), left, back), _ceiling, 120)
    for wall in range(4):
        start, end = np.array([*corners[wall], 0.0]), np.array([*corners[(wall + 1) % 4], 0.0])
        builder.quad(f"wall/{wall}", wall_frame(start, end, float(half[2]), _OVERHANG_M), plaster, 200)
        _furnish_wall(builder, wall, (start, end), variant)
    _furnish_middle(builder, variant)
    builder.bounds.append((builder.offset - half * (1, 1, 0), builder.offset + half))
    radii = (float(half[0]) - 1.25, float(half[1]) - 1.2)
    builder.walks.append(loop_walk(builder.offset[:2], radii, builder.random("walk", variant)))
    if not builder.lights:
        builder.lights = _lights(builder, half)


def _furnish_wall(builder: Builder, wall: int, foot: tuple[Array, Array], variant: int) -> None:
    rng = builder.random("wall-layout", wall)
    start, end = foot
    length = float(np.linalg.norm(end - start))
    along = (end - start) / length
    inward = np.array([along[1], -along[0], 0.0])
    yaw = float(np.arctan2(along[1], along[0]))
    tall: list[tuple[float, float]] = []
    for number, (front, width, depth, height, middle) in enumerate(_pieces(rng, wall, length)):
        spot = start + middle * along + (depth / 2 + 0.01) * inward
        piece = Box.standing(float(spot[0]), float(spot[1]), (width, depth, height), yaw)
        faces = ("front", "left", "right", "top")
        side: Material = planks if front is bookshelf else front
        builder.box(f"piece/{wall}/{number}", piece, {"front": front, "": side}, 256, faces)
        if height > 1:
            tall.append((middle - width / 2, middle + width / 2))
        else:
            _pile(builder, f"pile/{wall}/{number}", piece, rng)
    for number, (middle, width, height) in enumerate(_picture_spots(rng, length, tall)):
        name = f"picture/{wall}/{number}"
        foot_left = start + (middle - width / 2) * along + 0.015 * inward + (0, 0, rng.uniform(1.15, 1.45))
        frame = wall_frame(foot_left, foot_left + width * along, height)
        make = _PICTURES[int(rng.integers(len(_PICTURES)))]
        builder.quad(_named(name, variant), frame, make, 360)


def _pieces(rng: np.random.Generator, wall: int, length: float) -> Iterator[tuple[Material, float, float, float, float]]:
    """(front, width, depth, height, position along the wall), m, of the furniture at one wall."""
    cursor = 0.65 + rng.uniform(0, 0.2)
    order = np.roll(np.arange(len(_FURNITURE)), -2 * wall - int(rng.integers(2)))
    for index in order:
        front, width, depth, height = _FURNITURE[index]
        width, height = width * rng.uniform(0.9, 1.1), height * rng.uniform(0.92, 1.08)
        if cursor + width > length - 0.6:
            return
        yield front, width, depth, height, cursor + width / 2
        cursor += width + rng.uniform(0.25, 0.7)


def _picture_spots(
    rng: np.random.Generator, length: float, tall: list[tuple[float, float]]
) -> Iterator[tuple[float, float, float]]:
    """(position along the wall, width, height), m, of pictures that no tall furniture hides."""
    cursor = 0.2 + rng.uniform(0, 0.2)
    while True:
        width, height = rng.uniform(0.45, 0.85), rng.uniform(0.45, 0.95)
        blocking = [right for left, right in tall if cursor < right and left < cursor + width]
        if cursor + width > length - 0.15:
            return
        if blocking:
            cursor = max(blocking) + 0.06
            continue
        yield cursor + width / 2, width, height
        cursor += width + rng.uniform(0.15, 0.6)


def _pile(builder: Builder, name: str, below: Box, rng: np.random.Generator) -> None:
    """Something small on a piece of furniture."""
    size = (rng.uniform(0.22, 0.42), rng.uniform(0.18, 0.3), rng.uniform(0.15, 0.4))
    spot = below.centre + rng.uniform(-0.25, 0.25) * below.size[0] * below.axes()[0]
    top = float(below.centre[2] + below.size[2] / 2)
    yaw = below.yaw_rad + rng.uniform(-0.3, 0.3)
    make: Material = (crate, painting, bookshelf)[int(rng.integers(3))]
    builder.box(name, Box.standing(float(spot[0]), float(spot[1]), size, yaw, top), make, 300)


def _furnish_middle(builder: Builder, variant: int) -> None:
    rng = builder.random("middle")
    yaw = rng.uniform(-0.2, 0.2)
    builder.quad("rug", ((-1.1, 0.8, 0.008), (2.2, 0, 0), (0, -1.6, 0)), rug, 220)
    table = Box.standing(0.0, 0.0, (1.3, 0.75, 0.04), yaw, 0.7)
    builder.table("table", table, planks, 256)
    for number, x in enumerate((-0.36, 0.05, 0.42)):
        size = (rng.uniform(0.18, 0.3), rng.uniform(0.15, 0.28), rng.uniform(0.12, 0.4))
        box = Box.standing(x, rng.uniform(-0.12, 0.12), size, rng.uniform(-1, 1), 0.74)
        builder.box(_named(f"on-table/{number}", variant), box, (crate, painting, photograph)[number], 320)


def _named(name: str, variant: int) -> str:
    return f"{name}/{variant}" if name in _TELLTALES else name


def _ceiling(rng: np.random.Generator, height: int, width: int, scale: float) -> np.ndarray:
    image = np.full((height, width, 3), (226, 224, 216), dtype=np.uint8)
    panel = round(0.62 * scale)
    image[::panel] = image[1::panel] = 150
    image[:, ::panel] = image[:, 1::panel] = 150
    return worn(rng, image, scale, strength=1.2, marks=30)


def _lights(builder: Builder, half: Array) -> dict[str, Illumination]:
    rng = builder.random("lamps")
    origin, ceiling = builder.offset, float(half[2])
    day = Illumination(
        (0.34, 0.35, 0.37),
        (
            Lamp(origin + np.array([-0.8 * half[0], 0.2 * half[1], 1.7]), (0.62, 0.66, 0.72), 3.5),
            Lamp(origin + np.array([0.3 * half[0], 0.0, ceiling - 0.25]), (0.55, 0.52, 0.48), 2.5),
        ),
    )
    spots = []
    for index, side in enumerate(((0.0, 0.0), (1.0, 1.0), (-1.0, -1.0))):
        offset = half[:2] * side * rng.uniform(0.45, 0.65, 2)
        position = origin + np.array([*offset, ceiling - rng.uniform(0.15, 0.6)])
        aim = None if index else np.array([0.0, 0.0, -1.0])
        spots.append(Lamp(position, (0.85 * rng.uniform(0.8, 1.2), 0.52, 0.26), 1.3, aim))
    return {"day": day, "night": Illumination((0.022, 0.022, 0.03), tuple(spots))}
