"""Where a person with a camera walks in a synthetic scene, and where they look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from trigpoint.core.pose import Pose
from trigpoint.synthetic.geometry import Array


@dataclass(frozen=True, eq=False)
class Walk:
    """A smooth walk.

    Attributes:
        knots: (K, 2) world positions on the floor, m, evenly spaced in time.
        yaws_rad: (K,) directions of view at the knots, not wrapped around.
        phases: (3, 2) random phases of the slow sway in height, pitch and roll.
    """

    knots: Array
    yaws_rad: Array
    phases: Array

    @cached_property
    def _spline(self) -> CubicSpline:
        return CubicSpline(np.linspace(0, 1, len(self.knots)), np.column_stack([self.knots, self.yaws_rad]))

    def pose(self, time: float) -> Pose:
        """``cam_from_world`` at a time from 0 to 1: 1.4 to 1.7 m above the floor, nearly level."""
        x, y, yaw = (float(value) for value in self._spline(time))
        waves = np.sin(2 * np.pi * np.array([3.0, 7.0]) * time + self.phases).sum(axis=1) / 2
        height, pitch, roll = 1.55 + 0.14 * waves[0], np.deg2rad(-4 + 5 * waves[1]), np.deg2rad(2.5 * waves[2])
        return look(np.array([x, y, height]), yaw, float(pitch), float(roll))


def look(centre: Array, yaw_rad: float, pitch_rad: float, roll_rad: float) -> Pose:
    """``cam_from_world`` of a camera at ``centre`` (3,), m; yaw from the x axis towards y, pitch upwards."""
    cos_yaw, sin_yaw = np.cos(yaw_rad), np.sin(yaw_rad)
    forward = np.array([cos_yaw * np.cos(pitch_rad), sin_yaw * np.cos(pitch_rad), np.sin(pitch_rad)])
    right = np.array([sin_yaw, -cos_yaw, 0.0])
    down = np.cross(forward, right)
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    rotation = np.stack([cos * right + sin * down, cos * down - sin * right, forward])
    return Pose(rotation, -rotation @ centre)


def loop_walk(centre: Array, radii: tuple[float, float], rng: np.random.Generator) -> Walk:
    """Two rounds about ``centre`` (2,), m: one looking at the walls ahead, one looking across."""
    count = 32
    angles = np.linspace(0, 4 * np.pi, count) + rng.uniform(0, 2 * np.pi)
    knots = _ellipse(centre, angles, radii, rng.uniform(0.86, 1.12, count))
    ahead = np.deg2rad(np.where(np.arange(count) < count // 2, 55, 150) + rng.uniform(-12, 12, count))
    targets = _ellipse(centre, angles + ahead, (radii[0] + 1.2, radii[1] + 1.2), np.ones(count))
    view = targets - knots
    return Walk(knots, np.unwrap(np.arctan2(view[:, 1], view[:, 0])), rng.uniform(0, 2 * np.pi, (3, 2)))


def street_walk(length: float, side: float, rng: np.random.Generator) -> Walk:
    """Up one side of a street along x and down the other, looking at the houses across, m."""
    count = 36
    phase = np.linspace(0, 1, count)
    # There, a turn, and back.
    x = length * np.clip(1 - np.abs(2 * phase - 1) * 1.06 + 0.03, 0, 1) * 0.84 + 0.08 * length
    turn = np.clip((phase - 0.44) / 0.12, 0, 1)
    y = -side + 2 * side * turn + rng.uniform(-0.25, 0.25, count)
    heading = np.pi * turn
    yaws = heading + np.deg2rad(rng.uniform(22, 48, count))
    return Walk(np.column_stack([x, y]), yaws, rng.uniform(0, 2 * np.pi, (3, 2)))


def _ellipse(centre: Array, angles: Array, radii: tuple[float, float], stretch: NDArray[np.float64]) -> Array:
    circle = np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], axis=1)
    return centre[:2] + stretch[:, None] * circle
