"""Which keypoints of a localized image agree with its pose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.image import read_image
from trigpoint.core.localization import Localization
from trigpoint.features.extract import extract_features, rays_of
from trigpoint.features.views import plain_view
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pnp import PinholeIntrinsics, reprojection_errors_px


@dataclass(frozen=True, eq=False)
class Agreement:
    """Keypoints of one image.

    Attributes:
        image_px: (N, 2) float64, px of the upright image at full size.
        agrees: (N,) whether the predicted point of each is seen where the keypoint is.
        size: (width, height) of that image, px.
    """

    image_px: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    size: tuple[int, int]


def keypoint_agreement(localizer: Localizer, path: Path, answer: Localization) -> Agreement | None:
    """Encode the image again and compare its points with the pose of the answer; None without a pose.

    Of several hypotheses about the image the one counts that fits the pose best.

    Raises:
        ImageError: the file cannot be used.
    """
    pose, camera = answer.cam_from_world, answer.camera
    if pose is None or camera is None:
        return None
    scene_map, encoder = localizer.map, localizer.encoder
    features = scene_map.config.features
    image = read_image(path, short_side_px=features.short_side_px)
    view = plain_view(image.width, image.height, features.short_side_px, encoder.size_multiple)
    found = extract_features(encoder, image, view, features.query_keypoints)
    rays = rays_of(camera, found.image_px)
    usable = np.isfinite(rays).all(axis=1)
    fx, fy = (focal * found.scale for focal in camera.pinhole_params()[:2])
    hypotheses = scene_map.hypotheses(found, (image.width, image.height))
    fits = np.zeros((len(hypotheses), len(rays)), dtype=np.bool_)
    for number, xyz in enumerate(scene_map.points(found.descriptors[torch.from_numpy(usable)], hypotheses)):
        errors_px = reprojection_errors_px(pose, rays[usable] * (fx, fy), xyz, PinholeIntrinsics(fx, fy, 0.0, 0.0))
        fits[number, usable] = errors_px < localizer.options.pnp.threshold_px
    best = fits[int(fits.sum(axis=1).argmax())]
    return Agreement(found.image_px, best, (image.width, image.height))
