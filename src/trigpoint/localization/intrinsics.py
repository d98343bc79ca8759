"""Where the camera of an image to localize comes from: the user, the image's EXIF block, or a guess.

All cameras speak of the upright image, as the image decoder turns it.
"""

from __future__ import annotations

import math

from trigpoint.core.camera import Camera
from trigpoint.core.exif import Exif

# COLMAP's prior for images that say nothing: a moderate wide angle.
PRIOR_FOCAL_PER_SIDE = 1.2
SEARCH_RANGE = (0.5, 2.0)
# The fit that starts from the best of them leads from half and from three times the true focal length to it (fox).
SEARCH_STEPS = 5
# Beyond these focal lengths, as fractions of the longer side, EXIF is wrong: 7 to 700 mm on 35 mm film.
_CREDIBLE_PER_SIDE = (0.2, 20.0)
# CIPA DC-008 relates the 35 mm equivalent by the diagonal of the film frame.
_FILM_DIAGONAL_MM = math.hypot(36, 24)
# EXIF rounds the 35 mm equivalent to whole millimetres; two values further apart than this contradict each other.
_AGREEMENT = 0.1


def exif_camera(exif: Exif, width: int, height: int) -> Camera | None:
    """A pinhole camera with the focal length of the EXIF block, principal point at the centre, for the upright image.

    Taken from the first that is there: ``FocalLength`` with ``FocalPlaneXResolution``, unless it contradicts the 35 mm
    equivalent; ``FocalLengthIn35mmFilm``, read as EXIF defines it, by the diagonal of the film (43.27 mm). Tools that
    divide by the 36 mm width instead differ by 4 % for 4:3 images. An image whose EXIF names another aspect than it has
    was cropped: its EXIF is not used.

    Args:
        exif: EXIF block of the image.
        width: upright width of the image, px.
        height: upright height of the image, px.

    Returns:
        None when EXIF says nothing, nothing credible, or contradicts the size of the image.
    """
    side = max(width, height)
    recorded_short, recorded_long = sorted(exif.recorded_px)
    if recorded_short > 0 and not same_aspect(recorded_long, recorded_short, side, min(width, height)):
        return None
    film_px = exif.focal_35mm / _FILM_DIAGONAL_MM * math.hypot(width, height)
    # The resolution counts the pixels that the camera recorded; the image may have been resized since.
    plane_px = exif.focal_mm * exif.plane_px_per_mm * side / recorded_long if recorded_long > 0 else 0.0
    finer = plane_px > 0 and (film_px == 0 or abs(math.log(plane_px / film_px)) < _AGREEMENT)
    focal_px = plane_px if finer else film_px
    if not _CREDIBLE_PER_SIDE[0] * side < focal_px < _CREDIBLE_PER_SIDE[1] * side:
        return None
    return Camera.pinhole(width, height, focal_px)


def guess_focal_px(width: int, height: int) -> float:
    """The focal length, px, to assume for an image of which nothing is known."""
    return PRIOR_FOCAL_PER_SIDE * max(width, height)


def focal_candidates(width: float, height: float) -> tuple[float, ...]:
    """Focal lengths, px, to try for an image of which nothing is known: 0.5 to 2 longer sides, ascending, equal ratios."""
    low, high = SEARCH_RANGE
    ratio = (high / low) ** (1 / (SEARCH_STEPS - 1))
    return tuple(low * ratio**step * max(width, height) for step in range(SEARCH_STEPS))


def same_aspect(width: float, height: float, other_width: float, other_height: float) -> bool:
    """Whether two sizes in px, width and height, are those of one image that was resized."""
    # Resizing rounds the shorter side of the smaller image to a whole pixel.
    tolerance = 1 / min(width, height, other_width, other_height)
    return abs(math.log(width / height * other_height / other_width)) <= tolerance
