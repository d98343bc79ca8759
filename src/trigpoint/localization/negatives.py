"""Negative images, which no map of the scene holds: they set the threshold against false accepts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.synthetic.pictures import sample_images

# Of the camera that the synthetic images were rendered with.
_FOCAL_PER_WIDTH = 525 / 640
# Small enough that no tile holds a pose of its own, large enough that most keypoints keep their surroundings.
TILES = (6, 8)


def mirrored(image: DecodedImage) -> DecodedImage:
    """The image as in a mirror: it shows things of the scene, but no pose of the camera can explain them."""
    return DecodedImage(np.ascontiguousarray(image.gray[:, ::-1]), None, image.width, image.height)


def scrambled(image: DecodedImage, generator: np.random.Generator) -> DecodedImage:
    """The image cut into 6 x 8 tiles, none of which stays where it was."""
    gray = image.gray.copy()
    rows, columns = TILES
    height, width = gray.shape[0] // rows, gray.shape[1] // columns
    corners = [(row * height, column * width) for row in range(rows) for column in range(columns)]
    order = generator.permutation(len(corners))
    # One cycle through all tiles moves each of them.
    for to, source in zip(order, np.roll(order, 1), strict=True):
        (top, left), (from_top, from_left) = corners[to], corners[source]
        tile = image.gray[from_top : from_top + height, from_left : from_left + width]
        gray[top : top + height, left : left + width] = tile
    return DecodedImage(gray, None, image.width, image.height)


@lru_cache(maxsize=2)
def synthetic_images(short_side_px: int) -> tuple[tuple[DecodedImage, Camera], ...]:
    """Four images of a synthetic room and four of a synthetic street, with their cameras.

    ``benchmarks/render_negatives.py`` made them.
    """
    files = sorted(Path(__file__).with_name("negative_images").glob("*.webp"))
    images = [read_image(file, short_side_px=short_side_px) for file in files]
    return tuple((image, Camera.pinhole(image.width, image.height, _FOCAL_PER_WIDTH * image.width)) for image in images)


@lru_cache(maxsize=1)
def photographs() -> tuple[tuple[DecodedImage, Camera], ...]:
    """The two photographs that come with scikit-learn, as a whole and their halves, with cameras as good as any."""
    queries: list[tuple[DecodedImage, Camera]] = []
    for rgb in sample_images():
        middle = rgb.shape[1] // 2
        for part in (rgb, rgb[:, :middle], rgb[:, middle:]):
            gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            height, width = gray.shape
            camera = Camera.pinhole(width, height, guess_focal_px(width, height))
            queries.append((DecodedImage(gray, None, width, height), camera))
    return tuple(queries)
