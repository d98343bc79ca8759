"""Intrinsics of ``transforms.json``: for all images or for each, as focal length or angle of view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError, SceneError, did_you_mean
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.textfiles import to_numbers

# All of these are special cases of OpenCV's polynomial distortion.
_PERSPECTIVE = ("OPENCV", "PERSPECTIVE", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
_FISHEYE = ("OPENCV_FISHEYE", "FISHEYE")
_MAX_SIDE_PX = 100_000


def camera_of(builder: SceneBuilder, values: Mapping[str, Any], image: Path, where: str) -> Camera:
    """The camera of one image.

    Args:
        builder: the scene under construction.
        values: keys of the frame over those of the file.
        image: the image, whose header gives the size where the file does not.
        where: file and frame, for errors.

    Raises:
        SceneError: no focal length (TP-219), a value that is no number (TP-214).
        GeometryError: TP-311, TP-313.
    """
    size = _size(builder, values, image, where)
    focal_x = _focal(values, "fl_x", "camera_angle_x", size[0], where)
    focal_y = _focal(values, "fl_y", "camera_angle_y", size[1], where)
    focal_x, focal_y = focal_x or focal_y, focal_y or focal_x
    if focal_x is None or focal_y is None:
        raise SceneError("TP-219", "neither 'fl_x' nor 'camera_angle_x' is given", where=where, fix="Export it again.")
    centre = [_number(values, key, where, side / 2) for key, side in zip(("cx", "cy"), size, strict=True)]
    k1, k2, k3, k4, p1, p2 = (_number(values, key, where, 0.0) for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    pinhole = (focal_x, focal_y, *centre)
    if _is_fisheye(values, where):
        return builder.camera("OPENCV_FISHEYE", size, (*pinhole, k1, k2, k3, k4), where)
    if k4:
        raise GeometryError(
            "TP-314", f"a perspective camera with k4 = {k4:g} cannot be used", where=where, fix="Calibrate with k1 to k3."
        )
    if k3:
        return builder.camera("FULL_OPENCV", size, (*pinhole, k1, k2, p1, p2, k3, 0.0, 0.0, 0.0), where)
    if any((k1, k2, p1, p2)):
        return builder.camera("OPENCV", size, (*pinhole, k1, k2, p1, p2), where)
    return builder.camera("PINHOLE", size, pinhole, where)


def _size(builder: SceneBuilder, values: Mapping[str, Any], image: Path, where: str) -> tuple[int, int]:
    given = [values.get("w"), values.get("h")]
    if None in given:
        return builder.size_of(image)
    width, height = to_numbers(given, where)
    if not all(1 <= side <= _MAX_SIDE_PX and side == int(side) for side in (width, height)):
        raise GeometryError("TP-313", f"impossible image size {width:g}x{height:g}", where=where, fix="Give whole pixels.")
    return int(width), int(height)


def _focal(values: Mapping[str, Any], key: str, angle_key: str, side_px: int, where: str) -> float | None:
    if values.get(key) is not None:
        return to_numbers([values[key]], f"{where}, {key}")[0]
    if values.get(angle_key) is None:
        return None
    angle = to_numbers([values[angle_key]], f"{where}, {angle_key}")[0]
    if not 0.001 < angle < math.pi - 0.001:
        raise GeometryError(
            "TP-313", f"impossible angle of view: {angle_key} = {angle:g}", where=where, fix="It is in radians."
        )
    return side_px / 2 / math.tan(angle / 2)


def _number(values: Mapping[str, Any], key: str, where: str, default: float) -> float:
    return default if values.get(key) is None else to_numbers([values[key]], f"{where}, {key}")[0]


def _is_fisheye(values: Mapping[str, Any], where: str) -> bool:
    model = values.get("camera_model") or "OPENCV"
    if model in _FISHEYE:
        return True
    if model not in _PERSPECTIVE:
        fix = did_you_mean(str(model), [*_PERSPECTIVE, *_FISHEYE])
        raise GeometryError("TP-311", f"camera model {str(model)[:40]!r} cannot be used", where=where, fix=fix)
    return values.get("is_fisheye") is True
