"""The option ``--camera``: intrinsics as text.

All cameras speak of the upright image, as the image decoder turns it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NoReturn

from trigpoint.core.camera import Camera, check_model
from trigpoint.core.errors import MappingError, SceneError
from trigpoint.localization.image_input import CameraRule
from trigpoint.localization.intrinsics import same_aspect

_SUFFIXES = (".json", ".yaml", ".yml", ".txt")
_HELP = (
    "Give 'f', 'fx,fy,cx,cy', the nine numbers of a calibration matrix, 'MODEL:p1,p2,...', 'MODEL,width,height,p1,...', or "
    "the path of a JSON or YAML file, a transforms.json or a cameras.txt."
)


def parse_camera(text: str) -> CameraRule:
    """What the option ``--camera`` describes: the camera for an upright image of any size.

    Forms: ``f`` and ``fx,fy,cx,cy`` (pinhole, px); ``MODEL:p1,p2,...`` for whatever size the image has;
    ``MODEL,width,height,p1,...`` as in COLMAP's cameras.txt, resized to the image when the aspect fits; the nine numbers of
    a calibration matrix; the path of a file that ``read_intrinsics`` knows, resized likewise where it has a size.

    Returns:
        A function from width and height, px, to the camera. It raises MappingError for an image of another aspect (TP-612)
        and GeometryError for values that are impossible at this size (TP-313).

    Raises:
        MappingError: text that is none of these (TP-611); a file without a camera (TP-613).
        GeometryError: unknown model or impossible values (TP-311 to TP-313).
        ConfigError: unknown, missing or mistyped fields of a JSON file (TP-701, TP-702).
    """
    text = text.strip()
    if text.lower().endswith(_SUFFIXES) or _is_file(text):
        # Files of other programs need the readers of formats, which the start of every query would pay for.
        from trigpoint.localization.camera_file import read_intrinsics

        camera = read_intrinsics(Path(text))
        return _resized(camera, text) if isinstance(camera, Camera) else _of_any_size(*camera)
    named = re.fullmatch(r"([A-Za-z][A-Za-z_0-9]*)\s*:(.*)", text)
    if named:
        return _of_any_size(named[1].upper(), _numbers(named[2], text))
    # A whole line of cameras.txt starts with the camera's number.
    first, *rest = re.split(r"[,\s]+", re.sub(r"^\d+[,\s]+(?=[A-Za-z])", "", text))
    if re.fullmatch(r"[A-Za-z][A-Za-z_0-9]*", first) and not _is_number(first):
        values = _numbers(",".join(rest), text)
        if len(values) < 3 or not (values[0].is_integer() and values[1].is_integer()):
            _not_a_camera(text)
        return _resized(Camera(first.upper(), int(values[0]), int(values[1]), values[2:]), text)
    values = _numbers(text, text)
    if len(values) == 1:
        _check_focal("SIMPLE_PINHOLE", (values[0], 0.0, 0.0))
        return lambda width, height: Camera.pinhole(width, height, values[0])
    if len(values) == 9:
        return _of_any_size("PINHOLE", _of_matrix(values, text))
    if len(values) != 4:
        _not_a_camera(text)
    return _of_any_size("PINHOLE", values)


def _of_matrix(values: tuple[float, ...], text: str) -> tuple[float, ...]:
    from trigpoint.localization.camera_file import matrix_params

    try:
        return matrix_params(list(values), "--camera")
    except SceneError as error:
        raise MappingError(
            "TP-611", f"'{text}' is no calibration matrix: {error.what}", where="--camera", fix=_HELP
        ) from error


def _of_any_size(model: str, params: tuple[float, ...]) -> CameraRule:
    _check_focal(model, params)
    return lambda width, height: Camera(model, width, height, params)


def _check_focal(model: str, params: tuple[float, ...]) -> None:
    """Refuse parameters that are impossible for an image of whatever size, as a focal length of 0 px or NaN."""
    check_model(model, params)
    # No size fits a focal length better than one as long.
    side = max(1, round(params[0])) if math.isfinite(params[0]) else 1
    Camera(model, side, side, params)


def _resized(camera: Camera, where: str) -> CameraRule:
    return lambda width, height: _fit(camera, width, height, where)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        # Too long or with characters that no file name has.
        return False


def _fit(camera: Camera, width: int, height: int, where: str) -> Camera:
    if same_aspect(camera.width, camera.height, width, height):
        return camera.resized(width, height)
    turned = same_aspect(camera.height, camera.width, width, height)
    raise MappingError(
        "TP-612",
        f"the camera is for images of {camera.width}x{camera.height} px, this image has {width}x{height} px, upright",
        where=where,
        fix="The camera was calibrated for images turned by 90 degrees: give the parameters of the upright image."
        if turned
        else "The image was cropped, or taken by another camera: give the camera of this image.",
    )


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
