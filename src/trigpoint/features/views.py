"""Views: what the encoder sees of an image.

An augmented view is the image scaled, turned and relit. Only the pixels change: keypoints are mapped back to the image, so
pose and camera stay those of the image, whatever its principal point or distortion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.config import require
from trigpoint.core.image import DecodedImage


@dataclass(frozen=True)
class AugmentationConfig:
    """How much training views differ from the image.

    Attributes:
        scale_min: smallest scale, relative to the view without augmentation.
        scale_max: largest scale.
        rotation_deg: largest roll to either side.
        brightness: largest relative change of brightness (ACE: 0.1).
        contrast: largest relative change of contrast (ACE: 0.1).
        gamma: largest exponent of a gamma curve, or its inverse; 1 leaves the curve alone.
    """

    scale_min: float = 2 / 3
    scale_max: float = 3 / 2
    rotation_deg: float = 15.0
    brightness: float = 0.1
    contrast: float = 0.1
    gamma: float = 1.0

    def __post_init__(self) -> None:
        require(0 < self.scale_min < math.inf, "augmentation.scale_min", self.scale_min, "positive")
        require(self.scale_min <= self.scale_max <= 10, "augmentation.scale_max", self.scale_max, "from scale_min to 10")
        require(0 <= self.rotation_deg <= 180, "augmentation.rotation_deg", self.rotation_deg, "0 to 180")
        for name in ("brightness", "contrast"):
            require(0 <= getattr(self, name) < 1, f"augmentation.{name}", getattr(self, name), "0 or more, less than 1")
        require(1 <= self.gamma <= 10, "augmentation.gamma", self.gamma, "1 to 10")


NO_AUGMENTATION = AugmentationConfig(scale_min=1.0, scale_max=1.0, rotation_deg=0.0, brightness=0.0, contrast=0.0)


@dataclass(frozen=True, eq=False)
class View:
    """One way to look at an image.

    Attributes:
        view_from_image: (2, 3) affine map from upright image px to view px.
        width: width of the view, px.
        height: height of the view, px.
        tone: gray value t in [0, 1] becomes ``gain * t**gamma + offset``: (gain, gamma, offset).
    """

    view_from_image: NDArray[np.float64]
    width: int
    height: int
    tone: tuple[float, float, float] = (1.0, 1.0, 0.0)

    @property
    def scale(self) -> float:
        """View px per image px."""
        return float(np.sqrt(np.linalg.det(self.view_from_image[:, :2])))

    def to_image(self, points_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map (N, 2) view px to image px."""
        linear, offset = self.view_from_image[:, :2], self.view_from_image[:, 2]
        return (np.asarray(points_px, dtype=np.float64) - offset) @ np.linalg.inv(linear).T


def plain_view(width: int, height: int, short_side_px: int, size_multiple: int) -> View:
    """The view used for localization: the image with its shorter side scaled to ``short_side_px``, never enlarged."""
    return _centred_view(width, height, _plain_scale(width, height, short_side_px), 0.0, size_multiple, (1.0, 1.0, 0.0))


def augmented_view(
    width: int,
    height: int,
    short_side_px: int,
    size_multiple: int,
    config: AugmentationConfig,
    generator: np.random.Generator,
) -> View:
    """A random training view: scale, roll and tone are drawn uniformly (GLACE supplementary, ACE: train_ace options)."""
    scale = _plain_scale(width, height, short_side_px) * generator.uniform(config.scale_min, config.scale_max)
    roll = generator.uniform(-config.rotation_deg, config.rotation_deg)
    gamma = config.gamma ** generator.uniform(-1, 1)
    contrast = 1 + generator.uniform(-config.contrast, config.contrast)
    brightness = 1 + generator.uniform(-config.brightness, config.brightness)
    # Contrast is about middle gray, brightness multiplies.
    tone = (brightness * contrast, gamma, brightness * 0.5 * (1 - contrast))
    return _centred_view(width, height, scale, np.deg2rad(roll), size_multiple, tone)


def _plain_scale(width: int, height: int, short_side_px: int) -> float:
    return min(1.0, short_side_px / min(width, height))


def _centred_view(
    width: int, height: int, scale: float, roll: float, size_multiple: int, tone: tuple[float, float, float]
) -> View:
    view_width, view_height = _round_up(width * scale, size_multiple), _round_up(height * scale, size_multiple)
    cosine, sine = scale * np.cos(roll), scale * np.sin(roll)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    # The scaled image starts at the corner of an unturned view; a turned one keeps the image's centre where it was.
    centre = np.array([width / 2, height / 2])
    offset = scale * centre - linear @ centre
    return View(np.column_stack([linear, offset]), view_width, view_height, tone)


def _round_up(length: float, multiple: int) -> int:
    return max(multiple, multiple * int(np.ceil(round(length, 6) / multiple)))


def render_view(image: DecodedImage, view: View) -> Tensor:
    """The (H, W) uint8 pixels of a view. What lies outside the image is its mirror image."""
    pixels, view_from_pixels = _prefiltered(image, view)
    # OpenCV counts from the centre of the first pixel: shift by half a pixel on both sides.
    matrix = view_from_pixels.copy()
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    warped = cv2.warpAffine(
        pixels, matrix, (view.width, view.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    gain, gamma, offset = view.tone
    if (gain, gamma, offset) != (1.0, 1.0, 0.0):
        levels = np.linspace(0, 1, 256)
        table = np.clip(255 * (gain * levels**gamma + offset) + 0.5, 0, 255).astype(np.uint8)
        warped = cv2.LUT(warped, table)
    return torch.from_numpy(np.ascontiguousarray(warped))


def _prefiltered(image: DecodedImage, view: View) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Reduce the pixels by area averaging first where the view is much smaller, so that warping does not alias."""
    pixels = image.gray
    linear, offset = view.view_from_image[:, :2], view.view_from_image[:, 2]
    reduction = view.scale * image.width / pixels.shape[1]
    if reduction < 0.75:
        size = (max(1, round(pixels.shape[1] * reduction)), max(1, round(pixels.shape[0] * reduction)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    image_per_pixel = np.array([image.width / pixels.shape[1], image.height / pixels.shape[0]])
    return pixels, np.column_stack([linear * image_per_pixel, offset])
