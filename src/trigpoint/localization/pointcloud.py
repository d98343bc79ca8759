"""The implicit reconstruction: the points that a map predicts for the keypoints of its own images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.progress import progress
from trigpoint.core.scene import Frame
from trigpoint.features.extract import extract_features, rays_of
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view
from trigpoint.localization.pnp import PinholeIntrinsics, reprojection_errors_px
from trigpoint.mapping.scene_map import SceneMap


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Coloured points.

    Attributes:
        xyz: (N, 3) float64, in world.
        rgb: (N, 3) uint8.
    """

    xyz: NDArray[np.float64]
    rgb: NDArray[np.uint8]


def implicit_points(
    scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame], *, max_images: int = 60, threshold_px: float = 5.0
) -> PointCloud:
    """Predict points for the keypoints of some mapping images and keep those that fit (GLACE, Fig. 4).

    Args:
        scene_map: the map.
        encoder: its local encoder.
        frames: its mapping images, with poses.
        max_images: evenly chosen if there are more.
        threshold_px: largest reprojection error, px of the view.
    """
    chosen = [frames[index] for index in evenly(len(frames), max_images)]
    points, colors = [np.zeros((0, 3))], [np.zeros((0, 3), np.uint8)]
    side = scene_map.config.features.short_side_px
    with progress("reading points", len(chosen)) as advance:
        for frame in chosen:
            image = read_image(frame.image_path, short_side_px=side, color=True)
            view = plain_view(image.width, image.height, side, encoder.size_multiple)
            found = extract_features(encoder, image, view, scene_map.config.features.query_keypoints)
            rays = rays_of(frame.camera, found.image_px)
            usable = np.isfinite(rays).all(axis=1)
            focal = np.array(frame.camera.pinhole_params()[:2]) * found.scale
            intrinsics = PinholeIntrinsics(focal[0], focal[1], 0.0, 0.0)
            # A mapping image finds itself first; of an ensemble the network that knows this part of the scene counts.
            # Keypoints that match no landmark have NaN and fit nothing.
            hypotheses = scene_map.hypotheses(found, (image.width, image.height))[: max(1, len(scene_map.heads))]
            predicted = [points[usable] for points in scene_map.points(found.descriptors, hypotheses)]
            fitting = [
                reprojection_errors_px(frame.pose(), rays[usable] * focal, xyz, intrinsics) < threshold_px
                for xyz in predicted
            ]
            best = int(np.argmax([close.sum() for close in fitting]))
            xyz, close = predicted[best], fitting[best]
            points.append(xyz[close])
            colors.append(_colors(image.rgb, found.image_px[usable][close], image.width))
            advance()
    return PointCloud(np.concatenate(points), np.concatenate(colors))


def _colors(rgb: NDArray[np.uint8] | None, image_px: NDArray[np.float64], width: int) -> NDArray[np.uint8]:
    assert rgb is not None  # asked for above
    cell = (image_px * (rgb.shape[1] / width)).astype(int)
    return rgb[cell[:, 1].clip(0, rgb.shape[0] - 1), cell[:, 0].clip(0, rgb.shape[1] - 1)]
