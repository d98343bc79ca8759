"""View frusta: what posed cameras see, as bounds in normalised image coordinates and planes in the world frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.scene import Frame
from trigpoint.covisibility.depth_range import DepthRange

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frusta:
    """What N images can see, lens distortion left aside.

    Attributes:
        world_from_cam: (N, 3, 3) rotations.
        centres: (N, 3) camera centres in world.
        lower, upper: (N, 2) bounds of the image in normalised image coordinates, (0 - c) / f and (size - c) / f.
        rows: (N, 3, 3). ``rows @ v``, with v from the camera centre to a world point, is (a, b, z): its depth z and sideways
            positions such that the point is inside the borders of the image where |a| < z and |b| < z.
        depths: nearest and farthest depth, world units.
    """

    world_from_cam: Array
    centres: Array
    lower: Array
    upper: Array
    rows: Array
    depths: DepthRange

    @staticmethod
    def of(frames: Sequence[Frame], depths: DepthRange) -> Frusta:
        """The frusta of posed frames.

        Raises:
            SceneError: a frame has no pose (TP-204).
        """
        intrinsics = np.array([frame.camera.pinhole_params() for frame in frames]).reshape(-1, 4)
        sizes = np.array([(frame.camera.width, frame.camera.height) for frame in frames], dtype=np.float64).reshape(-1, 2)
        lower = -intrinsics[:, 2:] / intrinsics[:, :2]
        upper = (sizes - intrinsics[:, 2:]) / intrinsics[:, :2]
        rotations = np.array([frame.pose().rotation for frame in frames]).reshape(-1, 3, 3)
        centres = np.array([frame.pose().centre() for frame in frames]).reshape(-1, 3)
        middle, half = (lower + upper) / 2, (upper - lower) / 2
        in_camera = np.zeros((len(frames), 3, 3))
        # Borders at -1 and 1, as in clip space: what is inside them has |a| < z and |b| < z, whatever the principal point.
        in_camera[:, (0, 1), (0, 1)], in_camera[:, 2, 2] = 1 / half, 1
        in_camera[:, :2, 2] = -middle / half
        return Frusta(rotations.transpose(0, 2, 1), centres, lower, upper, in_camera @ rotations, depths)

    def __len__(self) -> int:
        return len(self.centres)

    def corners(self, scaled_by_depth: bool) -> Array:
        """(N, 8, 3) world points whose convex hull holds every sample of the image.

        Args:
            scaled_by_depth: corners of the frustum; otherwise of the prism that R-SCoRe's released code samples.
        """
        bounds = np.stack([self.lower, self.upper])
        corners = []
        for x, y, depth in product((0, 1), (0, 1), (self.depths.near, self.depths.far)):
            sideways = np.stack([bounds[x][:, 0], bounds[y][:, 1]], axis=1) * (depth if scaled_by_depth else 1.0)
            corners.append(np.concatenate([sideways, np.full((len(self), 1), depth)], axis=1))
        in_camera = np.stack(corners, axis=1)
        return in_camera @ self.world_from_cam.transpose(0, 2, 1) + self.centres[:, None]
