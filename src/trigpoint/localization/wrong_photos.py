"""Photos that do not belong to a place: they tell what a map takes for noise."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.image import Photo
from trigpoint.data.synthetic.pictures import sample_photos
from trigpoint.data.synthetic.scene import SyntheticConfig, build_place, synthetic_camera
from trigpoint.data.synthetic.views import mapping_views
from trigpoint.localization.intrinsics import guess_focal_px

# Places that nobody has mapped: synthetic scenes are made with small seeds.
_SEED = 7_300_421
_RENDERED = {"room": 4, "street": 4}
# Small enough that no tile holds a pose of its own, large enough that most keypoints keep their surroundings.
TILES = (6, 8)


def mirrored(photo: Photo) -> Photo:
    """The photo as in a mirror: it shows things of the place, but no pose of the camera can explain them."""
    return Photo(np.ascontiguousarray(photo.gray[:, ::-1]), None, photo.width, photo.height)


def scrambled(photo: Photo, generator: np.random.Generator) -> Photo:
    """The photo cut into 6 x 8 tiles, none of which stays where it was."""
    gray = photo.gray.copy()
    rows, columns = TILES
    height, width = gray.shape[0] // rows, gray.shape[1] // columns
    corners = [(row * height, column * width) for row in range(rows) for column in range(columns)]
    order = generator.permutation(len(corners))
    # One cycle through all tiles moves each of them.
    for to, source in zip(order, np.roll(order, 1), strict=True):
        (top, left), (from_top, from_left) = corners[to], corners[source]
        tile = photo.gray[from_top : from_top + height, from_left : from_left + width]
        gray[top : top + height, left : left + width] = tile
    return Photo(gray, None, photo.width, photo.height)


@lru_cache(maxsize=2)
def photos_of_elsewhere(short_side_px: int) -> tuple[tuple[Photo, Camera], ...]:
    """Photos of other places with their cameras: of a synthetic room and a synthetic street, and parts of two photographs.

    Args:
        short_side_px: of the synthetic photos.
    """
    return (*_rendered(short_side_px), *_photographs())


def _rendered(short_side_px: int) -> list[tuple[Photo, Camera]]:
    config = SyntheticConfig(width=max(32, round(short_side_px * 4 / 3)), height=max(32, short_side_px))
    camera = synthetic_camera(config)
    found: list[tuple[Photo, Camera]] = []
    for kind, count in _RENDERED.items():
        place = build_place(kind, _SEED)
        for number, view in enumerate(mapping_views(place, count)):
            rgb = place.render(view.pose, camera, "day", f"calibration/{number}").rgb
            found.append((_photo(rgb), camera))
    return found


def _photographs() -> list[tuple[Photo, Camera]]:
    """Each photograph as a whole and its halves, enlarged; the temple has far more structure than the flower."""
    found: list[tuple[Photo, Camera]] = []
    for rgb in sample_photos():
        middle = rgb.shape[1] // 2
        for part in (rgb, rgb[:, :middle], rgb[:, middle:]):
            photo = _photo(part)
            found.append((photo, Camera.pinhole(photo.width, photo.height, guess_focal_px(photo.width, photo.height))))
    return found


def _photo(rgb: NDArray[np.uint8]) -> Photo:
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return Photo(gray, None, gray.shape[1], gray.shape[0])
