"""Where the camera of an image to localize comes from: the user, the image's EXIF block, or a guess.

All cameras speak of the upright image, as the image decoder turns it.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.config import from_json
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
_HELP = "Give 'f', 'fx,fy,cx,cy', 'MODEL:p1,p2,...', 'MODEL,width,height,p1,...' or the path of a JSON file."


def parse_camera(text: str, width: int, height: int) -> Camera:
    """The camera that the option ``--camera`` describes, for an image of width x height px (upright).

    Forms: ``f`` and ``fx,fy,cx,cy`` (pinhole, px); ``MODEL:p1,p2,...`` for this size of image;
    ``MODEL,width,height,p1,...`` as in COLMAP's cameras.txt, resized to the image when the aspect fits; the path of a
    JSON file with ``model``, ``width``, ``height`` and ``params``, resized likewise.

    Raises:
        MappingError: text that is none of these (TP-611); camera of another aspect (TP-612); unreadable JSON (TP-613).
        GeometryError: unknown model or impossible values (TP-311 to TP-313).
        ConfigError: unknown, missing or mistyped fields of the JSON file (TP-701, TP-702).
    """
    text = text.strip()
    if text.lower().endswith(".json") or _is_file(text):
        return _fit(_read_camera(Path(text)), width, height, text)
    named = re.fullmatch(r"([A-Za-z][A-Za-z_0-9]*)\s*:(.*)", text)
    if named:
        return Camera(named[1].upper(), width, height, _numbers(named[2], text))
    # A whole line of cameras.txt starts with the camera's number.
    first, *rest = re.split(r"[,\s]+", re.sub(r"^\d+[,\s]+(?=[A-Za-z])", "", text))
    if re.fullmatch(r"[A-Za-z][A-Za-z_0-9]*", first) and not _is_number(first):
        values = _numbers(",".join(rest), text)
        if len(values) < 3 or not (values[0].is_integer() and values[1].is_integer()):
            _not_a_camera(text)
        return _fit(Camera(first.upper(), int(values[0]), int(values[1]), values[2:]), width, height, text)
    values = _numbers(text, text)
    if len(values) == 1:
        return Camera.pinhole(width, height, values[0])
    if len(values) != 4:
        _not_a_camera(text)
    return Camera("PINHOLE", width, height, values)


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
    if recorded[0] > 0 and not _same_aspect(recorded[1], recorded[0], side, min(width, height)):
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


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        # Too long or with characters that no file name has.
        return False


def _positive(value: Any) -> float:
    """A tag as a number, 0 when it is none or makes no sense."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _read_camera(path: Path) -> Camera:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(
            "TP-613", f"the camera file cannot be read ({error.strerror})", where=path, fix="Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise MappingError("TP-613", f"the camera file is not JSON ({error})", where=path, fix="Correct it.") from error
    if not isinstance(document, dict):
        raise MappingError(
            "TP-613",
            "the camera file does not hold one JSON object",
            where=path,
            fix='Write {"model": "PINHOLE", "width": 640, "height": 480, "params": [525, 525, 320, 240]}.',
        )
    return from_json(Camera, document, where=str(path))


def _fit(camera: Camera, width: int, height: int, where: str) -> Camera:
    if _same_aspect(camera.width, camera.height, width, height):
        return camera.resized(width, height)
    turned = _same_aspect(camera.height, camera.width, width, height)
    raise MappingError(
        "TP-612",
        f"the camera is for images of {camera.width}x{camera.height} px, this image has {width}x{height} px, upright",
        where=where,
        fix="The camera was calibrated for images turned by 90 degrees: give the parameters of the upright image."
        if turned
        else "The image was cropped, or taken by another camera: give the camera of this image.",
    )


def _same_aspect(width: float, height: float, other_width: float, other_height: float) -> bool:
    # Resizing rounds the shorter side of the smaller image to a whole pixel.
    tolerance = 1 / min(width, height, other_width, other_height)
    return abs(math.log(width / height * other_height / other_width)) <= tolerance


def _numbers(text: str, whole: str) -> tuple[float, ...]:
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if not parts or not all(_is_number(part) for part in parts):
        _not_a_camera(whole)
    return tuple(float(part) for part in parts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_a_camera(text: str) -> NoReturn:
    raise MappingError("TP-611", f"'{text}' does not describe a camera", where="--camera", fix=_HELP)
