"""Views: affine resamplings of an image, which the local encoder sees.

An augmented view is the image scaled, turned and relit. Only the pixels change: keypoints are mapped back to the image, so
pose and camera stay those of the image, whatever its principal point or distortion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.config import Range, Settings
from trigpoint.core.image import DecodedImage


@dataclass(frozen=True)
class AugmentationConfig(Settings):
    """How much training views differ from the image.

    Attributes:
        scale: largest scale, relative to the view without augmentation; the smallest is its inverse.
        rotation_deg: largest roll to either side.
        jitter: largest relative change of brightness and of contrast (ACE: 0.1).
        gamma: largest exponent of a gamma curve, or its inverse; 1 leaves the curve alone.
    """

    scale: Annotated[float, Range(1, 10)] = 1.5
    rotation_deg: Annotated[float, Range(0, 180)] = 15.0
    jitter: Annotated[float, Range(0, 1, open_high=True)] = 0.1
    gamma: Annotated[float, Range(1, 10)] = 1.0


NO_AUGMENTATION = AugmentationConfig(scale=1.0, rotation_deg=0.0, jitter=0.0)


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
        """Map (N, 2) points, px of the view, to px of the upright image."""
        linear, offset = self.view_from_image[:, :2], self.view_from_image[:, 2]
        return (np.asarray(points_px, dtype=np.float64) - offset) @ np.linalg.inv(linear).T


def plain_view(width: int, height: int, short_side_px: int, size_multiple: int) -> View:
    """The view used for localization: the image with its shorter side scaled to ``short_side_px``, never enlarged."""
    return _centred_view(width, height, _plain_scale(width, height, short_side_px), 0.0, size_multiple, (1.0, 1.0, 0.0))


def turned_view(view: View, width: int, height: int, quarter_turns: int, size_multiple: int) -> View:
    """A plain view of an image of width x height px, turned clockwise by 0 to 3 quarters."""
    # The x axis of a picture turned clockwise by a quarter points down.
    quarter = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarter_turns)
    linear = view.scale * quarter
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T
    offset = -corners.min(axis=0)
    turned_width, turned_height = corners.max(axis=0) + offset
    return View(
        np.column_stack([linear, offset]), _round_up(turned_width, size_multiple), _round_up(turned_height, size_multiple)
    )


def augmented_view(
    width: int,
    height: int,
    short_side_px: int,
    size_multiple: int,
    config: AugmentationConfig,
    generator: np.random.Generator,
) -> View:
    """A random training view: scale, roll and tone are drawn uniformly (GLACE supplementary, ACE: train_ace options)."""
    scale = _plain_scale(width, height, short_side_px) * generator.uniform(1 / config.scale, config.scale)
    roll = generator.uniform(-config.rotation_deg, config.rotation_deg)
    gamma = config.gamma ** generator.uniform(-1, 1)
    contrast = 1 + generator.uniform(-config.jitter, config.jitter)
    brightness = 1 + generator.uniform(-config.jitter, config.jitter)
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
    # The scaled image starts at the corner of an unturned view; a turned one keeps the image's centre where it was. What the
    # rounding up to the multiple adds at the right and at the bottom is mirrored pixels, whose keypoints are left out.
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
