"""Sharpness and exposure of a sample of images, compared with the rest of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trigpoint.core.errors import ImageError
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.scene import Frame

SAMPLE = 60
SHORT_SIDE_PX = 240
# An image with a fifth of the usual contrast between neighbouring pixels is blurred, whatever it shows.
_BLURRY_FRACTION = 0.2
_DARK_LEVEL, _BRIGHT_LEVEL, _CLIPPED_FRACTION = 30.0, 250, 0.5


@dataclass(frozen=True)
class PictureCheck:
    """What a sample of the images looks like.

    Attributes:
        looked_at: number of images in the sample.
        blurry: names of images much less sharp than the median image.
        dark: names of images with hardly any light.
        overexposed: names of images of which half or more is white.
        damaged: (name, why) of images that cannot be decoded.
    """

    looked_at: int
    blurry: tuple[str, ...]
    dark: tuple[str, ...]
    overexposed: tuple[str, ...]
    damaged: tuple[tuple[str, str], ...]


def check_pictures(frames: Sequence[Frame], *, sample: int = SAMPLE) -> PictureCheck:
    """Decode up to ``sample`` evenly chosen images at a short side of 240 px."""
    import cv2

    chosen = evenly(len(frames), sample)
    sharpness: dict[str, float] = {}
    dark: list[str] = []
    overexposed: list[str] = []
    damaged: list[tuple[str, str]] = []
    for frame in (frames[index] for index in chosen):
        try:
            gray = read_image(frame.image_path, short_side_px=SHORT_SIDE_PX).gray
        except ImageError as error:
            damaged.append((frame.name, error.what))
            continue
        sharpness[frame.name] = float(cv2.Laplacian(gray, cv2.CV_64F).var())
        if gray.mean() < _DARK_LEVEL:
            dark.append(frame.name)
        elif (gray >= _BRIGHT_LEVEL).mean() >= _CLIPPED_FRACTION:
            overexposed.append(frame.name)
    usual = float(np.median(list(sharpness.values()))) if sharpness else 0.0
    # A dark or white image has little contrast too, but blur is not what is wrong with it.
    exposed = {name: value for name, value in sharpness.items() if name not in dark and name not in overexposed}
    blurry = tuple(name for name, value in exposed.items() if value < _BLURRY_FRACTION * usual)
    return PictureCheck(len(chosen), blurry, tuple(dark), tuple(overexposed), tuple(damaged))
