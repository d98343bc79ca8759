"""Where the camera of an image to localize comes from: the user, the image's EXIF block, or a guess.

All cameras speak of the upright image, as the image decoder turns it.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.errors import MappingError
from trigpoint.core.image import image_size

# COLMAP's prior for images that say nothing: a moderate wide angle.
PRIOR_FOCAL_PER_SIDE = 1.2
SEARCH_RANGE = (0.5, 2.0)
SEARCH_STEPS = 9
# Beyond these focal lengths, as fractions of the longer side, EXIF is wrong: 7 to 700 mm on 35 mm film.
_CREDIBLE_PER_SIDE = (0.2, 20.0)
# CIPA DC-008 relates the 35 mm equivalent by the diagonal of the film frame.
_FILM_DIAGONAL_MM = math.hypot(36, 24)
# EXIF rounds the 35 mm equivalent to whole millimetres; two values further apart than this contradict each other.
_AGREEMENT = 0.1
_EXIF_IFD = 0x8769
_FOCAL_MM, _FOCAL_35MM, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
_PLANE_X_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA210
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}


def exif_camera(path: Path, *, sensor_width_mm: float | None = None) -> Camera | None:
    """A pinhole camera with the focal length of the EXIF block, principal point at the centre, for the upright image.

    Taken from the first that is there: ``FocalLength`` with ``sensor_width_mm``; ``FocalLength`` with
    ``FocalPlaneXResolution``, unless it contradicts the 35 mm equivalent; ``FocalLengthIn35mmFilm``, read as EXIF
    defines it, by the diagonal of the film (43.27 mm). Tools that divide by the 36 mm width instead differ by 4 % for
    4:3 images. An image whose EXIF names another aspect than it has was cropped: its EXIF is not used.

    Args:
        path: image file.
        sensor_width_mm: length of the sensor's longer side, where the user knows it.

    Returns:
        None when EXIF says nothing, nothing credible, or contradicts the size of the image.

    Raises:
        ImageError: as ``image_size``.
        MappingError: sensor width that is not positive (TP-614).
    """
    if sensor_width_mm is not None and not 0 < sensor_width_mm < math.inf:
        raise MappingError("TP-614", f"a sensor is not {sensor_width_mm:g} mm wide", fix="Give its longer side in mm.")
    width, height = image_size(path)
    tags = _exif_tags(path)
    side = max(width, height)
    recorded = sorted((_positive(tags.get(_PIXEL_WIDTH)), _positive(tags.get(_PIXEL_HEIGHT))))
    if recorded[0] > 0 and not same_aspect(recorded[1], recorded[0], side, min(width, height)):
        return None
    focal_mm = _positive(tags.get(_FOCAL_MM))
    film_px = _positive(tags.get(_FOCAL_35MM)) / _FILM_DIAGONAL_MM * math.hypot(width, height)
    plane_px = _focal_plane_px(tags, focal_mm, side, recorded[1])
    if sensor_width_mm is not None:
        focal_px = focal_mm / sensor_width_mm * side
    elif plane_px > 0 and (film_px == 0 or abs(math.log(plane_px / film_px)) < _AGREEMENT):
        focal_px = plane_px
    else:
        focal_px = film_px
    if not _CREDIBLE_PER_SIDE[0] * side < focal_px < _CREDIBLE_PER_SIDE[1] * side:
        return None
    return Camera.pinhole(width, height, focal_px)


def guess_focal_px(width: int, height: int) -> float:
    """The focal length, px, to assume for an image of which nothing is known."""
    return PRIOR_FOCAL_PER_SIDE * max(width, height)


def focal_candidates(width: int, height: int) -> tuple[float, ...]:
    """Focal lengths, px, to try for an image of which nothing is known: 0.5 to 2 longer sides, ascending, equal ratios."""
    low, high = SEARCH_RANGE
    ratio = (high / low) ** (1 / (SEARCH_STEPS - 1))
    return tuple(low * ratio**step * max(width, height) for step in range(SEARCH_STEPS))


def _focal_plane_px(tags: dict[int, Any], focal_mm: float, side: int, recorded_side: float) -> float:
    """Focal length, px, from the pixels per length on the sensor; 0 if unknown."""
    per_unit = _positive(tags.get(_PLANE_X_RESOLUTION))
    unit_mm = _MM_PER_UNIT.get(tags.get(_PLANE_UNIT, 2), 0.0)
    if unit_mm == 0 or recorded_side == 0:
        return 0.0
    # The resolution counts the pixels that the camera recorded; the image may have been resized since.
    return focal_mm * per_unit / unit_mm * side / recorded_side


def _exif_tags(path: Path) -> dict[int, Any]:
    with warnings.catch_warnings():
        # Pillow warns of damaged EXIF, which is answered here by using none, and of sizes that image_size accepted.
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                return dict(image.getexif().get_ifd(_EXIF_IFD))
        except Exception:
            # Pillow parses EXIF lazily and a damaged block raises nearly anything; the pixels are still good.
            return {}


def _positive(value: Any) -> float:
    """A tag as a number, 0 when it is none or makes no sense."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def same_aspect(width: float, height: float, other_width: float, other_height: float) -> bool:
    """Whether two sizes in px, width and height, are those of one image that was resized."""
    # Resizing rounds the shorter side of the smaller image to a whole pixel.
    tolerance = 1 / min(width, height, other_width, other_height)
    return abs(math.log(width / height * other_height / other_width)) <= tolerance
