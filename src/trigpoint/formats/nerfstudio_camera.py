"""Intrinsics of ``transforms.json``: for all images or for each, as focal length or angle of view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trigpoint.core.camera import Camera, camera_model_names, model_hint, parameter_names
from trigpoint.core.errors import GeometryError, SceneError
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.textfiles import to_numbers, to_whole_px

# All of these are special cases of OpenCV's polynomial distortion.
_PERSPECTIVE = ("OPENCV", "PERSPECTIVE", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
# All of these are special cases of its polynomial of the angle.
_FISHEYE = ("OPENCV_FISHEYE", "FISHEYE", "SIMPLE_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
# The lens of Project Aria, under the names that nerfstudio and COLMAP have for it. Six radial terms, two tangential ones and
# four of a thin prism, which nerfstudio writes as one list.
_ARIA, _ARIA_LIST = ("FISHEYE624", "RAD_TAN_THIN_PRISM_FISHEYE"), "distortion_params"
_TERMS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
_ARIA_KEYS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s1", "s2", "s3", "s4")


def camera_of(builder: SceneBuilder, values: Mapping[str, Any], image: Path, where: str) -> Camera:
    """The camera of one image.

    Args:
        builder: the scene under construction.
        values: keys of the frame over those of the file.
        image: the image, whose header gives the size where the file does not.
        where: file and frame, for errors.

    Raises:
        SceneError: no focal length or a missing term of the distortion (TP-219), a value that is no number (TP-214).
        GeometryError: TP-311, TP-313, TP-314.
    """
    size = size_of(values, where) or builder.size_of(image)
    model, params = intrinsics_of(values, size, where)
    if model == "OPENCV_FISHEYE" and any(_number(values, key, where, 0.0) for key in ("p1", "p2")):
        builder.note_once("The tangential terms p1 and p2 are not used: OpenCV's fisheye cameras have none.")
    return builder.camera(model, size, params, where)


def intrinsics_of(values: Mapping[str, Any], size: tuple[int, int], where: str) -> tuple[str, tuple[float, ...]]:
    """COLMAP's name of the camera model, and its parameters for an image of (width, height) px. Raises as ``camera_of``."""
    focal_x = _focal(values, "fl_x", "camera_angle_x", size[0], where)
    focal_y = _focal(values, "fl_y", "camera_angle_y", size[1], where)
    focal_x, focal_y = focal_x or focal_y, focal_y or focal_x
    if focal_x is None or focal_y is None:
        raise SceneError("TP-219", "neither 'fl_x' nor 'camera_angle_x' is given", where=where, fix="Export it again.")
    centre = [_number(values, key, where, side / 2) for key, side in zip(("cx", "cy"), size, strict=True)]
    pinhole = (focal_x, focal_y, *centre)
    model = _model(values, where)
    if model in _ARIA:
        return _ARIA[1], (*pinhole, *_aria_terms(values, where))
    if model not in (*_PERSPECTIVE, *_FISHEYE):
        return model, _by_name(model, values, pinhole, where)
    k1, k2, k3, k4, k5, k6, p1, p2 = (_number(values, key, where, 0.0) for key in _TERMS)
    if model in _FISHEYE:
        return "OPENCV_FISHEYE", (*pinhole, k1 or _number(values, "k", where, 0.0), k2, k3, k4)
    if any((k4, k5, k6)) and model != "FULL_OPENCV":
        # Nerfstudio has k4 in the numerator, OpenCV below it: without the model's name nobody knows.
        what = f"a perspective camera with k4, k5, k6 = {k4:g}, {k5:g}, {k6:g} cannot be used"
        raise GeometryError(
            "TP-314", what, where=where, fix='Calibrate with k1 to k3; OpenCV\'s have "FULL_OPENCV" as model.'
        )
    if any((k3, k4, k5, k6)):
        return "FULL_OPENCV", (*pinhole, k1, k2, p1, p2, k3, k4, k5, k6)
    return ("OPENCV", (*pinhole, k1, k2, p1, p2)) if any((k1, k2, p1, p2)) else ("PINHOLE", pinhole)


def size_of(values: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    """(width, height), px; None where they are not given.

    Raises:
        SceneError: no numbers (TP-214).
        GeometryError: no whole pixels (TP-313).
    """
    given = [values.get("w"), values.get("h")]
    return None if None in given else to_whole_px(given, where)


def flag(values: Mapping[str, Any], key: str, where: str) -> bool | None:
    """A key that says true or false; None where it is missing.

    Raises:
        SceneError: another value, such as 1 or "true", which other readers would take for different things (TP-219).
    """
    value = values.get(key)
    if value is None or isinstance(value, bool):
        return value
    shown = repr(value)[:40]
    raise SceneError(
        "TP-219", f"'{key}' is {shown}, which is neither true nor false", where=where, fix=f'Write "{key}": true, or false.'
    )


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


def _model(values: Mapping[str, Any], where: str) -> str:
    """The name of the model, one of COLMAP's or an alias of one."""
    given = values.get("camera_model") or "OPENCV"
    model = given.upper() if isinstance(given, str) else ""
    fisheye = flag(values, "is_fisheye", where)
    known = sorted({*_PERSPECTIVE, *_FISHEYE, *_ARIA, *camera_model_names()})
    if model not in known or (model in _ARIA and _ARIA[1] not in known):
        raise GeometryError(
            "TP-311", f"camera model {str(given)[:40]!r} is not supported", where=where, fix=model_hint(str(given), known)
        )
    if fisheye and model in _PERSPECTIVE:
        # instant-ngp knows two lenses, and says so beside a model that other programs have filled in.
        return "OPENCV_FISHEYE"
    if fisheye is False and "FISHEYE" in model:
        raise SceneError(
            "TP-219", f"'is_fisheye' is false, but 'camera_model' is {model}", where=where, fix="Remove what is wrong."
        )
    return model


def _aria_terms(values: Mapping[str, Any], where: str) -> tuple[float, ...]:
    terms = values.get(_ARIA_LIST)
    if terms is None:
        return tuple(_number(values, key, where, 0.0) for key in _ARIA_KEYS)
    if not isinstance(terms, list) or len(terms) != len(_ARIA_KEYS):
        raise SceneError("TP-219", f"'{_ARIA_LIST}' is not a list of 12 numbers", where=where, fix="Export it again.")
    return tuple(to_numbers(terms, f"{where}, {_ARIA_LIST}"))


def _by_name(model: str, values: Mapping[str, Any], pinhole: tuple[float, ...], where: str) -> tuple[float, ...]:
    """The parameters of any other model of COLMAP, under COLMAP's names; none of its terms is guessed."""
    known = dict(zip(("f", "fx", "fy", "cx", "cy"), (pinhole[0], *pinhole), strict=True))
    names = parameter_names(model)
    missing = [name for name in names if name not in known and values.get(name) is None]
    if missing:
        raise SceneError("TP-219", f"'{missing[0]}' of a {model} camera is missing", where=where, fix="Export it again.")
    if "f" in names and known["fx"] != known["fy"]:
        raise SceneError("TP-219", f"'fl_x' and 'fl_y' of a {model} camera differ", where=where, fix="Export it again.")
    return tuple(known[name] if name in known else _number(values, name, where, 0.0) for name in names)
