"""A street of 40 m between two rows of houses under an open sky."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.synthetic.atlas import Illumination, Lamp
from trigpoint.synthetic.builder import Builder, Material
from trigpoint.synthetic.geometry import Box
from trigpoint.synthetic.pictures import cabinet, car_body, crate, facade, painting, photograph, poster
from trigpoint.synthetic.textures import asphalt, bricks, fractal_noise
from trigpoint.synthetic.walk import street_walk

LENGTH_M = 40.0
HALF_WIDTH_M = 5.0
_SCALE = 100.0


def build_street(builder: Builder) -> None:
    """Houses on both sides and at both ends, parked vans, kiosks and bins."""
    margin = 4.0
    ground = ((-margin, HALF_WIDTH_M + 2, 0), (LENGTH_M + 2 * margin, 0, 0), (0, -2 * HALF_WIDTH_M - 4, 0))
    builder.quad("ground", ground, asphalt, 64)
    for side in (1, -1):
        _row(builder, side)
    for end, yaw in ((-margin + 1, np.pi / 2), (LENGTH_M + margin - 1, -np.pi / 2)):
        far = Box.standing(end + (-3 if end < 0 else 3), 0.0, (2 * HALF_WIDTH_M + 3, 6.0, 8.0), float(yaw))
        builder.box(f"end/{yaw > 0}", far, facade, 90, ("front",))
    for number in range(7):
        _parked(builder, number)
    builder.bounds.append((np.array([-1e3, -1e3, 0.0]), np.array([1e3, 1e3, 1e3])))
    builder.walks.append(street_walk(LENGTH_M, 1.3, builder.random("walk", 0)))
    builder.panorama = _panorama(builder.random("sky"))
    builder.lights = _lights(builder)


def _row(builder: Builder, side: int) -> None:
    rng = builder.random("row", side)
    cursor, number = -2.5, 0
    while cursor < LENGTH_M + 2:
        width, height = rng.uniform(5.0, 8.0), rng.uniform(6.0, 9.5)
        setback = rng.uniform(0, 0.6)
        # The front of a box looks along its -y axis: towards the street for houses on the +y side.
        house = Box.standing(
            cursor + width / 2, side * (HALF_WIDTH_M + setback + 3), (width, 6.0, height), 0.0 if side > 0 else np.pi
        )
        name = f"house/{side}/{number}"
        builder.box(name, house, {"front": facade, "": bricks}, _SCALE, ("front",))
        index = len(builder.boxes) - 1
        for face in ("left", "right"):
            builder.quad(f"{name}/{face}", house.face(face), bricks, 30, index)
        _bills(builder, name, house, rng)
        cursor, number = cursor + width, number + 1


def _bills(builder: Builder, name: str, house: Box, rng: np.random.Generator) -> None:
    """Posters on the ground floor of a house."""
    origin, edge_u, edge_v = house.face("front")
    right, down = edge_u / house.size[0], edge_v / house.size[2]
    out = -house.axes()[1]
    cursor = rng.uniform(0.2, 1.0)
    number = 0
    while cursor + 1.2 < house.size[0]:
        width, height = rng.uniform(0.6, 1.1), rng.uniform(0.8, 1.4)
        top = house.size[2] - height - rng.uniform(0.6, 1.0)
        corner = origin + cursor * right + top * down + 0.02 * out
        make: Material = (poster, painting, photograph)[int(rng.integers(3))]
        builder.quad(f"{name}/bill/{number}", (corner, width * right, height * down), make, 190)
        cursor, number = cursor + width + rng.uniform(0.4, 2.2), number + 1


def _parked(builder: Builder, number: int) -> None:
    rng = builder.random("parked", number)
    side = 1 if number % 2 else -1
    x, y, yaw = 3 + 5.6 * number + rng.uniform(-0.8, 0.8), side * rng.uniform(3.3, 3.6), rng.uniform(-0.06, 0.06)
    name = f"parked/{number}"
    if rng.uniform() < 0.55:
        body = Box.standing(x, y, (rng.uniform(3.2, 4.0), 1.6, 0.95), yaw)
        cabin = Box.standing(x + 0.2, y, (rng.uniform(1.8, 2.6), 1.45, 0.65), yaw, 0.95)
        builder.box(f"{name}/body", body, car_body, 160)
        builder.box(f"{name}/cabin", cabin, photograph, 140)
    elif rng.uniform() < 0.5:
        builder.box(name, Box.standing(x, y, (1.5, 1.3, 2.3), yaw), {"top": crate, "": poster}, 170)
    else:
        builder.box(name, Box.standing(x, y, (0.9, 0.8, 1.15), yaw), cabinet, 200)
        builder.box(f"{name}/on", Box.standing(x, y, (0.5, 0.45, 0.4), yaw + 0.5, 1.15), crate, 220)


def _panorama(rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = 256, 512
    fade = np.linspace(0, 1, height)[:, None, None]
    blue = np.array([96.0, 150.0, 214.0]) * (1 - fade) + np.array([205.0, 222.0, 236.0]) * fade
    cover = np.clip(fractal_noise(rng, height, width, 90, 4) * 0.6, 0, 1)[..., None]
    image = (blue * (1 - cover) + 246.0 * cover).clip(0, 255).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2).astype(np.uint8, copy=False)
    # Its mirror image closes the circle without a seam.
    return np.concatenate([image, image[:, ::-1]], axis=1)


def _lights(builder: Builder) -> dict[str, Illumination]:
    rng = builder.random("lamps")
    sun = Lamp(np.array([2e4, -1.2e4, 3e4]), (0.75, 0.71, 0.62), 1e9)
    lanterns = tuple(
        Lamp(
            np.array([x + rng.uniform(-1, 1), side * 3.6, 4.3]),
            (2.1, 1.35, 0.62 * rng.uniform(0.8, 1.2)),
            2.4,
        )
        for x, side in ((3.0, 1.0), (12.0, -1.0), (21.0, 1.0), (30.0, -1.0), (38.0, 1.0))
    )
    return {
        "day": Illumination((0.42, 0.45, 0.5), (sun,)),
        "night": Illumination((0.02, 0.022, 0.034), lanterns),
    }
