"""Shapes of the synthetic scenes: textured rectangles, the boxes they make up, and distances to them.

World frame: metres, z up. A rectangle is seen from its front with ``edge_u`` to the right and ``edge_v`` downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Quad:
    """A one-sided textured rectangle in the world.

    Attributes:
        origin: (3,) world position of the texture's upper left corner, m.
        edge_u: (3,) from the origin to the upper right corner, m.
        edge_v: (3,) from the origin to the lower left corner, m.
        texture: index of its texture.
        cell: index of the room it belongs to.
        box: index of the box that it is a face of, or -1.
    """

    origin: Array
    edge_u: Array
    edge_v: Array
    texture: int
    cell: int = 0
    box: int = -1

    def corners(self) -> Array:
        """(4, 3) corners in world, m, in drawing order."""
        return np.array(
            [self.origin, self.origin + self.edge_u, self.origin + self.edge_u + self.edge_v, self.origin + self.edge_v]
        )

    def normal(self) -> Array:
        """(3,) unit normal in world, towards the side it is seen from."""
        normal = np.cross(self.edge_v, self.edge_u)
        return normal / np.linalg.norm(normal)

    def points(self, u: ArrayLike, v: ArrayLike) -> Array:
        """World points (..., 3), m, at texture fractions ``u`` and ``v`` (broadcast, 0 to 1)."""
        u, v = np.broadcast_arrays(np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64))
        return self.origin + u[..., None] * self.edge_u + v[..., None] * self.edge_v


@dataclass(frozen=True, eq=False)
class Box:
    """An upright solid box.

    Attributes:
        centre: (3,) world position of its centre, m.
        size: (3,) full extent along its own axes, m.
        yaw_rad: turn about the world's z axis.
    """

    centre: Array
    size: Array
    yaw_rad: float = 0.0

    @staticmethod
    def standing(x: float, y: float, size: tuple[float, float, float], yaw_rad: float = 0.0, floor: float = 0.0) -> Box:
        """The box of a size, m, whose bottom stands at (x, y, floor)."""
        return Box(np.array([x, y, floor + size[2] / 2]), np.array(size), yaw_rad)

    def axes(self) -> Array:
        """(3, 3): its unit axes in world, one a row."""
        cos, sin = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def distance(self, points: Array) -> Array:
        """Distances of (N, 3) world points to the box, m; 0 inside."""
        local = np.abs((points - self.centre) @ self.axes().T) - self.size / 2
        return np.linalg.norm(np.maximum(local, 0.0), axis=1)

    def face(self, name: str) -> tuple[Array, Array, Array]:
        """Origin and edges, (3,) each, world, m, of a face: front (-y), back (+y), left (-x), right (+x), top or bottom."""
        x, y, z = self.axes() * self.size[:, None]
        right, down, out = {
            "front": (x, -z, -y),
            "back": (-x, -z, y),
            "left": (-y, -z, -x),
            "right": (y, -z, x),
            "top": (x, -y, z),
            "bottom": (x, y, -z),
        }[name]
        return self.centre + (out - right - down) / 2, right, down


def wall_frame(start: ArrayLike, end: ArrayLike, height: float, overhang: float = 0.0) -> tuple[Array, Array, Array]:
    """Origin and edges, world, m, of an upright wall; its foot runs from ``start`` (3,), on the left, to ``end`` (3,)."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = (last - first) / np.linalg.norm(last - first)
    # Walls reach a little behind each other, so that no ray slips through a corner.
    first, last = first - overhang * along, last + overhang * along
    return first + (height + overhang) * _UP, last - first, -(height + 2 * overhang) * _UP


def clearance(point: Array, quads: tuple[Quad, ...], boxes: tuple[Box, ...]) -> float:
    """Distance of a (3,) world point to the nearest surface, m; 0 inside a box."""
    if any(box.distance(point[None])[0] == 0.0 for box in boxes):
        return 0.0
    origins = np.array([quad.origin for quad in quads])
    edges_u, edges_v = np.array([quad.edge_u for quad in quads]), np.array([quad.edge_v for quad in quads])
    offset = point - origins
    u = np.clip((offset * edges_u).sum(1) / (edges_u**2).sum(1), 0, 1)[:, None]
    v = np.clip((offset * edges_v).sum(1) / (edges_v**2).sum(1), 0, 1)[:, None]
    return float(np.linalg.norm(offset - u * edges_u - v * edges_v, axis=1).min())
