"""Keypoints of a query where its pose is sought: without distortion, in px of the view that was encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.camera import Camera
from trigpoint.features.extract import ImageFeatures, rays_of
from trigpoint.localization.pnp import PinholeIntrinsics


@dataclass(frozen=True, eq=False)
class UndistortedKeypoints:
    """The keypoints of an image that its camera model can undistort.

    Attributes:
        image_px: (N, 2) float64, px of the upright image at full size, as seen (distorted).
        view_px: (N, 2) float64, where they would be without distortion: px of the view, principal point at (0, 0).
        descriptors: (N, C) float32.
        intrinsics: of the undistorted view.
        size: width and height of the view, px.
    """

    image_px: NDArray[np.float64]
    view_px: NDArray[np.float64]
    descriptors: Tensor
    intrinsics: PinholeIntrinsics
    size: tuple[float, float]

    @property
    def area_px(self) -> float:
        """Area of the view, px^2."""
        return self.size[0] * self.size[1]

    def __len__(self) -> int:
        return len(self.view_px)

    @staticmethod
    def of(features: ImageFeatures, camera: Camera) -> UndistortedKeypoints:
        """Undistort the keypoints of an image; those without a ray in the camera model are left out."""
        rays = rays_of(camera, features.image_px)
        usable = np.isfinite(rays).all(axis=1)
        # In px of the view, not of the image, thresholds mean the same for images of every size.
        fx, fy = (focal * features.scale for focal in camera.pinhole_params()[:2])
        return UndistortedKeypoints(
            features.image_px[usable],
            rays[usable] * (fx, fy),
            features.descriptors[torch.from_numpy(usable)],
            PinholeIntrinsics(fx, fy, 0.0, 0.0),
            (camera.width * features.scale, camera.height * features.scale),
        )

    def select(self, index: NDArray[np.int64]) -> UndistortedKeypoints:
        """The keypoints at (M,) indices."""
        return UndistortedKeypoints(
            self.image_px[index], self.view_px[index], self.descriptors[index], self.intrinsics, self.size
        )
