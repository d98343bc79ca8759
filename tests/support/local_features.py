"""Local features of an image as a localizer finds them."""

from __future__ import annotations

from pathlib import Path

from trigpoint.features.cache import ViewPolicy, features_of_image
from trigpoint.features.extract import ImageFeatures
from trigpoint.localization.localizer import Localizer


def local_features(localizer: Localizer, path: Path) -> ImageFeatures:
    """With the encoder, the size and the number of keypoints of the localizer's map."""
    config = localizer.map.config.features
    return features_of_image(path, localizer.encoder, ViewPolicy(config.short_side_px, config.query_keypoints))[0]
