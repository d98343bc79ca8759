"""Puts a synthetic scene together, piece by piece: named textures, rectangles, boxes, lamps, walks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigpoint.core.randomness import numpy_generator
from trigpoint.synthetic.atlas import Illumination, TextureBook
from trigpoint.synthetic.geometry import Array, Box, Quad
from trigpoint.synthetic.walk import Walk

Material = Callable[[np.random.Generator, int, int, float], NDArray[np.uint8]]

SIDES = ("front", "back", "left", "right", "top")
LEG_M = 0.06


@dataclass
class Builder:
    """A scene under construction.

    Attributes:
        seed: seed of every random choice.
        quads: rectangles so far.
        boxes: solid boxes so far.
        bounds: (low, high) corners of each cell, (3,) each, m.
        walks: where people walk with a camera, one for each cell.
        lights: ``"day"`` and ``"night"``.
        panorama: the sky, (H, W, 3) uint8, or None for a scene with a ceiling.
    """

    seed: int
    book: TextureBook = field(default_factory=TextureBook)
    quads: list[Quad] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    bounds: list[tuple[Array, Array]] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    lights: dict[str, Illumination] = field(default_factory=dict)
    panorama: NDArray[np.uint8] | None = None
    offset: Array = field(default_factory=lambda: np.zeros(3))
    cell: int = 0

    def random(self, *purpose: str | int) -> np.random.Generator:
        """The generator for one purpose of this scene."""
        return numpy_generator(self.seed, "synthetic", *purpose)

    def quad(
        self, name: str, frame: tuple[ArrayLike, ArrayLike, ArrayLike], material: Material, scale: float, box: int = -1
    ) -> None:
        """Add the rectangle (origin, edge_u, edge_v), m from ``offset``; equal names share one texture."""
        origin, edge_u, edge_v = (np.asarray(part, dtype=np.float64) for part in frame)
        width, height = float(np.linalg.norm(edge_u)), float(np.linalg.norm(edge_v))
        rng = self.random("texture", name)
        texture = self.book.index(name, width, height, scale, lambda rows, columns, px: material(rng, rows, columns, px))
        self.quads.append(Quad(origin + self.offset, edge_u, edge_v, texture, self.cell, box))

    def box(
        self,
        name: str,
        box: Box,
        materials: Material | Mapping[str, Material],
        scale: float,
        faces: tuple[str, ...] = SIDES,
    ) -> None:
        """Add a solid box, m from ``offset``; ``materials`` for all faces, or by face with ``""`` for the others."""
        self.boxes.append(Box(box.centre + self.offset, box.size, box.yaw_rad))
        table = materials if isinstance(materials, Mapping) else {"": materials}
        for face in faces:
            self.quad(f"{name}/{face}", box.face(face), table.get(face, table[""]), scale, len(self.boxes) - 1)

    def table(self, name: str, top: Box, material: Material, scale: float) -> None:
        """Add a table: its top, and four legs down to the floor."""
        self.box(f"{name}/top", top, material, scale, (*SIDES, "bottom"))
        height = float(top.centre[2] - top.size[2] / 2)
        for index, (right, back) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1))):
            corner = np.array([right, back, 0.0]) * (top.size / 2 - LEG_M) @ top.axes() + top.centre
            leg = Box.standing(float(corner[0]), float(corner[1]), (LEG_M, LEG_M, height), top.yaw_rad)
            self.box(f"{name}/leg{index}", leg, material, scale, SIDES[:4])
