"""The EXIF block of an image: how it is turned, which camera took it, and where. Damaged blocks say nothing."""

from __future__ import annotations

import math
import threading
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image

_ORIENTATION, _MAKE, _MODEL, _LENS_IFD, _GPS_IFD = 0x0112, 0x010F, 0x0110, 0x8769, 0x8825
_FOCAL_MM, _FOCAL_35MM, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
_PLANE_X_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA210
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = 1, 2, 3, 4, 5, 6
# Silencing warnings changes a global list, which two threads must not set back in the wrong order.
_SILENCED = threading.Lock()

Position = tuple[float, float, float | None]


@dataclass(frozen=True)
class Exif:
    """What the EXIF block of an image says; 0 and None stand for what it does not say, or not credibly.

    Attributes:
        orientation: EXIF orientation, 1 (upright) to 8.
        device: maker, model and focal lengths in words; ``""`` if nothing.
        focal_mm: focal length, mm.
        focal_35mm: its equivalent for 35 mm film, mm.
        plane_px_per_mm: pixels per millimetre on the sensor, along the width.
        recorded_px: (width, height) of the image as the camera recorded it, px.
        gps: (latitude in degrees, longitude in degrees, altitude in m or None) of WGS84.
    """

    orientation: int = 1
    device: str = ""
    focal_mm: float = 0.0
    focal_35mm: float = 0.0
    plane_px_per_mm: float = 0.0
    recorded_px: tuple[float, float] = (0.0, 0.0)
    gps: Position | None = None


NO_EXIF = Exif()


def read_exif(image: Image.Image) -> Exif:
    """The EXIF block of an open image whose pixels need not be loaded yet."""
    with _SILENCED, warnings.catch_warnings():
        # Pillow warns of damaged blocks, which are answered here by what is left of them.
        warnings.simplefilter("ignore")
        try:
            # PNG's own method decodes the pixels first, in search of EXIF behind them.
            block = Image.Image.getexif(image) if image.format == "PNG" else image.getexif()
            # Only what is asked for is parsed, so that damage elsewhere costs nothing.
            top = {tag: block.get(tag) for tag in (_ORIENTATION, _MAKE, _MODEL)}
        except Exception:
            # Pillow parses EXIF lazily and a damaged block raises nearly anything; the pixels are still good.
            return NO_EXIF
        lens, gps = _section(block, _LENS_IFD), _section(block, _GPS_IFD)
    words = [top.get(_MAKE), top.get(_MODEL), lens.get(_FOCAL_MM), lens.get(_FOCAL_35MM)]
    unit_mm = _MM_PER_UNIT.get(lens.get(_PLANE_UNIT, 2), math.inf)
    return Exif(
        # Pillow turns TIFF itself.
        orientation=1 if image.format == "TIFF" else int(_positive(top.get(_ORIENTATION))) or 1,
        device=" ".join(str(word).strip("\0 ") for word in words if word),
        focal_mm=_positive(lens.get(_FOCAL_MM)),
        focal_35mm=_positive(lens.get(_FOCAL_35MM)),
        plane_px_per_mm=_positive(lens.get(_PLANE_X_RESOLUTION)) / unit_mm,
        recorded_px=(_positive(lens.get(_PIXEL_WIDTH)), _positive(lens.get(_PIXEL_HEIGHT))),
        gps=_position(gps),
    )


def _section(block: Image.Exif, key: int) -> dict[int, Any]:
    try:
        return dict(block.get_ifd(key))
    except Exception:
        return {}


def _positive(value: Any) -> float:
    """A tag as a number, 0 when it is none or makes no sense."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _position(tags: dict[int, Any]) -> Position | None:
    try:
        latitude = _degrees(tags[_LATITUDE]) * (-1 if tags.get(_LATITUDE_REF) in ("S", b"S") else 1)
        longitude = _degrees(tags[_LONGITUDE]) * (-1 if tags.get(_LONGITUDE_REF) in ("W", b"W") else 1)
        altitude = float(tags[_ALTITUDE]) if _ALTITUDE in tags else None
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    # Cameras without a fix write zeros.
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or (latitude == 0 and longitude == 0):
        return None
    below = tags.get(_ALTITUDE_REF) in (1, b"\x01")
    return latitude, longitude, -altitude if altitude is not None and below else altitude


def _degrees(value: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in value)
    return degrees + minutes / 60 + seconds / 3600
