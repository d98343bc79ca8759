"""The implicit reconstruction: the points that a map predicts for the keypoints of its own images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.evenly import evenly
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.progress import progress
from trigpoint.core.scene import Frame
from trigpoint.localization.localizer import Localizer


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Coloured points.

    Attributes:
        xyz: (N, 3) float64, in world, map units.
        rgb: (N, 3) uint8.
    """

    xyz: NDArray[np.float64]
    rgb: NDArray[np.uint8]


def implicit_points(
    localizer: Localizer, frames: Sequence[Frame], *, max_images: int = 60, threshold_px: float = 5.0
) -> PointCloud:
    """Predict points for the keypoints of some mapping images and keep those that fit (GLACE, Fig. 4).

    Args:
        localizer: of the map.
        frames: its mapping images, with poses.
        max_images: evenly chosen if there are more.
        threshold_px: largest reprojection error, px of the view.
    """
    chosen = [frames[index] for index in evenly(len(frames), max_images)]
    points, colors = [np.zeros((0, 3))], [np.zeros((0, 3), np.uint8)]
    side = localizer.map.config.features.short_side_px
    with progress("reading points", len(chosen)) as advance:
        for frame in chosen:
            image = read_image(frame.image_path, short_side_px=side, color=True)
            pairs = localizer.correspondences(image, camera=frame.camera, cam_from_world=frame.pose())
            fits = pairs.errors_px < threshold_px
            points.append(pairs.points_world[fits])
            colors.append(_colors(image, pairs.keypoints_px[fits]))
            advance()
    return PointCloud(np.concatenate(points), np.concatenate(colors))


def _colors(image: DecodedImage, image_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(N, 3) colours at (N, 2) px of the image at full size."""
    rgb = image.rgb
    assert rgb is not None  # asked for above
    cell = (image_px * (rgb.shape[1] / image.width)).astype(int)
    return rgb[cell[:, 1].clip(0, rgb.shape[0] - 1), cell[:, 0].clip(0, rgb.shape[1] - 1)]
