"""From an image to keypoints with descriptors in its undistorted camera, for mapping and localization alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.camera import Camera
from trigpoint.core.image import DecodedImage
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import View, render_view


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features of one view of an image.

    Attributes:
        image_px: (N, 2) float64 keypoints, px of the upright image at full size, as seen (distorted).
        descriptors: (N, C) float32.
        scores: (N,) float32.
        scale: view px per image px.
    """

    image_px: NDArray[np.float64]
    descriptors: Tensor
    scores: Tensor
    scale: float

    def __len__(self) -> int:
        return len(self.image_px)

    def select(self, rows: NDArray[np.int64]) -> ImageFeatures:
        """The features at ``rows``, (K,) indices."""
        index = torch.from_numpy(rows)
        return ImageFeatures(self.image_px[rows], self.descriptors[index], self.scores[index], self.scale)


def extract_features(encoder: LocalEncoder, image: DecodedImage, view: View, max_keypoints: int) -> ImageFeatures:
    """Encode one view and map its keypoints back to the image, px. Keypoints in the mirrored margin are left out."""
    features = encoder.encode(render_view(image, view), max_keypoints)
    image_px = view.to_image(features.keypoints_px.numpy())
    inside = ((image_px > 0) & (image_px < (image.width, image.height))).all(axis=1)
    features = features.select(torch.from_numpy(inside))
    return ImageFeatures(image_px[inside], features.descriptors, features.scores, view.scale)


def rays_of(camera: Camera, image_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) directions x/z, y/z of image points in the camera frame; NaN where the camera model has none."""
    fx, fy, cx, cy = camera.pinhole_params()
    return (camera.undistort(image_px) - (cx, cy)) / (fx, fy)
