"""2D-3D correspondences: what scene coordinate regression predicts for an image, and which of it agrees with the pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Keypoints of one image with their scene coordinates, and the pose that they were compared with.

    Keypoints that the camera model cannot undistort are left out.

    Attributes:
        keypoints_px: (N, 2) float64, px of the upright image at full size, as seen (distorted); (0.5, 0.5) is the centre of
            the first pixel.
        points_world: (N, 3) float64 scene coordinates in world, map units; NaN where a keypoint matches no landmark.
        descriptors: (N, C) float32 local descriptors.
        errors_px: (N,) float64 reprojection errors, px of the view that was encoded (its shorter side is the map's
            ``features.short_side_px`` at most); infinite without a pose, without a point, and behind the camera.
        inliers: (N,) bool, whether the error is below the threshold of the pose solver.
        cam_from_world: the pose, or None where none was found.
        camera: the intrinsics that were used, of the upright image at full size.
    """

    keypoints_px: NDArray[np.float64]
    points_world: NDArray[np.float64]
    descriptors: NDArray[np.float32]
    errors_px: NDArray[np.float64]
    inliers: NDArray[np.bool_]
    cam_from_world: Pose | None
    camera: Camera

    def __len__(self) -> int:
        return len(self.keypoints_px)
