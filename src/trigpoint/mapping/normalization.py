"""Normalization: the frame in which networks and landmarks lie, near the origin and about the size of a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.pose import Pose

# Depth limits and the default depth of the loss are meant for metres. Scenes of unknown scale are brought to the size at
# which they fit: the root mean square distance of the cameras from their centre becomes this, ...
_TYPICAL_STD = 2.0
# ... or more, where the nearest things would come closer than this: a street is long, and its houses are near.
_NEAREST = 0.5


@dataclass(frozen=True, eq=False)
class Normalization:
    """x_normalised = scale * (x_world - origin).

    Attributes:
        origin: (3,) float64 mean camera centre, in world.
        scale: normalised units per world unit; 1 for metric scenes.
    """

    origin: NDArray[np.float64]
    scale: float

    @staticmethod
    def of_cameras(centres: NDArray[np.float64], metric: bool, near: float | None = None) -> Normalization:
        """The normalization for (N, 3) camera centres in world.

        Args:
            centres: of the cameras.
            metric: whether one unit of the world is a metre.
            near: depth from which the images see something, in the unit of the world, if that is known.
        """
        origin = centres.mean(axis=0)
        std = float(np.sqrt(((centres - origin) ** 2).sum(axis=1).mean()))
        if metric or std == 0:
            return Normalization(origin, 1.0)
        scale = _TYPICAL_STD / std
        if near is not None:
            scale = max(scale, _NEAREST / near)
        return Normalization(origin, scale)

    def cam_from_normalized(self, cam_from_world: Pose) -> NDArray[np.float64]:
        """(3, 4) matrix from normalised points to the camera frame, which is scaled too."""
        translation = self.scale * (cam_from_world.translation + cam_from_world.rotation @ self.origin)
        return np.column_stack([cam_from_world.rotation, translation])

    def to_world(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) normalised points in world, float64."""
        return np.asarray(points, dtype=np.float64) / self.scale + self.origin

    def to_normalized(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) world points in the normalised frame, float64."""
        return self.scale * (np.asarray(points, dtype=np.float64) - self.origin)
