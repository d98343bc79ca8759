"""Files with intrinsics, as the option ``--camera`` takes them: ours, and those that other programs write.

``transforms.json``, ``cameras.txt`` of COLMAP, ``camera_info`` of ROS, the YAML files of ROS, OpenCV, Kalibr and ORB-SLAM, a
calibration matrix as text, and JSON files with the same names. Only one camera may be in a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.config import from_json
from trigpoint.core.errors import GeometryError, MappingError, SceneError
from trigpoint.core.plain_yaml import parse_yaml
from trigpoint.core.regular_file import read_regular
from trigpoint.formats.nerfstudio_camera import intrinsics_of, size_of
from trigpoint.formats.opencv_lens import ANGLE, distorted
from trigpoint.formats.pinhole import pinhole_params
from trigpoint.formats.textfiles import MAX_JSON_BYTES, MAX_YAML_BYTES, to_numbers, to_whole_px, without_repeated_keys

# A camera, or its model and parameters where a file does not say for which size of image.
Intrinsics = Camera | tuple[str, tuple[float, ...]]

_SIZES = (("width", "height"), ("image_width", "image_height"), ("w", "h"), ("Camera.width", "Camera.height"))
_SIZE_LISTS = ("resolution", "image_size", "img_size")
_MATRICES = ("K", "k", "camera_matrix", "cameraMatrix", "intrinsic_matrix", "intrinsic", "intrinsics", "mtx", "M1")
_SINGLE = (
    ("fx", "fy", "cx", "cy"),
    ("fx", "fy", "ppx", "ppy"),
    ("Camera.fx", "Camera.fy", "Camera.cx", "Camera.cy"),
    ("Camera1.fx", "Camera1.fy", "Camera1.cx", "Camera1.cy"),
)
_TERMS = (
    "D",
    "d",
    "distortion_coefficients",
    "distortion_coeffs",
    "dist_coeffs",
    "dist_coeff",
    "distCoeffs",
    "coeffs",
    "dist",
)
_KINDS = ("distortion_model", "model", "Camera.type")
# What Kalibr, ORB-SLAM and RealSense call a camera without a distortion of another kind.
_PLAIN = ("pinhole", "perspective", "none", "")
_FORMS = (
    "It may be a JSON file with model, width, height and params, a transforms.json, one camera of COLMAP's cameras.txt, a "
    "camera_info of ROS or a calibration of OpenCV or Kalibr (JSON or YAML), or a 3x3 matrix."
)


def read_intrinsics(path: Path) -> Intrinsics:
    """The camera that a file holds.

    Raises:
        MappingError: a file that cannot be read, or holds no camera or several (TP-613).
        GeometryError: unknown model or impossible values (TP-311 to TP-314).
        ConfigError: unknown, missing or mistyped fields of our own form (TP-701, TP-702).
    """
    text, where = _text_of(path), str(path)
    try:
        if text.lstrip().startswith("{"):
            return _of_document(json.loads(text, object_pairs_hook=without_repeated_keys), where)
        lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if len(text) > MAX_YAML_BYTES:
            raise ValueError(f"it has more than {MAX_YAML_BYTES:,} characters")
        if path.suffix.lower() in (".yaml", ".yml") or text.startswith("%YAML"):
            return _of_document(parse_yaml(text), where)
        if not lines:
            raise ValueError("it is empty")
        if all(len(words) > 4 and words[0].isdecimal() and words[1][:1].isalpha() for words in lines):
            return _only([_colmap_line(words, where) for words in lines], where)
        if [len(words) for words in lines] in ([3] * 3, [4] * 4, [9]) or path.suffix.lower() != ".txt":
            words = [word for line in lines for word in line[: 3 if len(lines) == 4 else None]]
            return "PINHOLE", matrix_params(to_numbers(words[:9], where), where)
        return _of_document(parse_yaml(text), where)
    except GeometryError as error:
        raise GeometryError(error.code, error.what, where=error.where or where, fix=error.fix) from error
    except (ValueError, RecursionError, SceneError) as error:
        # Errors of scenes name the file already; here it is an option.
        reason = error.what if isinstance(error, SceneError) else error
        raise MappingError("TP-613", f"the camera file holds no camera ({reason})", where=where, fix=_FORMS) from error


def matrix_params(values: list[float], where: str) -> tuple[float, ...]:
    """(fx, fy, cx, cy), px, of the nine numbers of a calibration matrix, row by row or column by column.

    Raises:
        SceneError: not of the form fx 0 cx / 0 fy cy / 0 0 1 (TP-214).
    """
    if len(values) != 9:
        raise SceneError("TP-214", f"9 numbers were expected, got {len(values)}", where=where, fix=_FORMS)
    matrix = np.array(values).reshape(3, 3)
    by_column = matrix[0, 2] == matrix[1, 2] == 0 and matrix[2, 2] == 1
    return pinhole_params(matrix.T if by_column else matrix, where)


def _text_of(path: Path) -> str:
    try:
        data = read_regular(path, MAX_JSON_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MappingError(
            "TP-613", f"the camera file cannot be read ({reason})", where=path, fix="Check the path."
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fix = f"{_FORMS} COLMAP's model_converter makes text of binary models."
        raise MappingError("TP-613", "the camera file is not text", where=path, fix=fix) from error


def _of_document(document: Any, where: str) -> Intrinsics:
    if not isinstance(document, dict) or not document:
        raise ValueError("no keys with values")
    if "params" in document or {"model", "width", "height"} == set(document) & {"model", "width", "height", "fx", "K"}:
        return from_json(Camera, document, where=where)
    if {"fl_x", "fl_y", "camera_angle_x", "camera_angle_y", "frames"} & set(document):
        return _of_transforms(document, where)
    pinhole = _pinhole(document, where)
    if pinhole is None:
        parts = [part for part in document.values() if isinstance(part, dict) and _pinhole(part, where) is not None]
        if not parts:
            raise ValueError(f"none of its keys is known: {', '.join(map(str, list(document)[:5]))}")
        return _only([_of_document(part, where) for part in parts], where)
    return _of_calibration(document, pinhole, where)


def _of_transforms(document: dict[str, Any], where: str) -> Intrinsics:
    frames = document.get("frames")
    frames = [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    cameras: list[Intrinsics] = []
    for values in [{**document, **frame} for frame in frames] or [document]:
        size = size_of(values, where)
        if size is not None:
            model, params = intrinsics_of(values, size, where)
            cameras.append(Camera(model, *size, params))
        elif {"cx", "cy", "fl_x", "fl_y"} <= set(values):
            # Nothing is left that the size of the image would tell.
            cameras.append(intrinsics_of(values, (1, 1), where))
        else:
            raise ValueError("the size of the images, 'w' and 'h', is missing")
    return _only(cameras, where)


def _of_calibration(document: dict[str, Any], pinhole: tuple[float, ...], where: str) -> Intrinsics:
    """The camera of a calibration in OpenCV's terms, whatever its keys are called."""
    kind = _lens(document)
    terms = next((_flat(document[key]) for key in _TERMS if document.get(key) is not None), None)
    if terms is None:
        names = ("k1", "k2", "k3", "k4") if kind in ANGLE else ("k1", "k2", "p1", "p2", "k3")
        spelled = ([document.get(f"{prefix}{name}") for name in names] for prefix in ("", "Camera.", "Camera1."))
        found = next((values for values in spelled if any(value is not None for value in values)), [])
        terms = [0.0 if value is None else value for value in found]
    model, params = distorted(pinhole, kind, to_numbers(terms, where), where)
    size = _size(document, where)
    return (model, params) if size is None else Camera(model, *size, params)


def _lens(document: Mapping[str, Any]) -> str:
    """The name of the distortion; ``""`` where none is said."""
    names = [document.get(key) for key in ("camera_model", *_KINDS)]
    names = [name.lower().removeprefix("distortion.") for name in names if isinstance(name, str)]
    return next((name for name in names if name not in _PLAIN), "")


def _pinhole(document: Mapping[str, Any], where: str) -> tuple[float, ...] | None:
    for keys in _SINGLE:
        if all(document.get(key) is not None for key in keys):
            return tuple(to_numbers([document[key] for key in keys], where))
    for key in _MATRICES:
        values = _flat(document.get(key))
        if len(values) == 9:
            return matrix_params(to_numbers(values, where), where)
        if len(values) == 4:
            return tuple(to_numbers(values, where))
        if len(values) in (5, 6) and _lens(document):
            # Kalibr puts the terms of other lenses before the focal lengths: this says that they are not supported.
            distorted((1.0, 1.0, 0.0, 0.0), _lens(document), [1.0], where)
    return None


def _size(document: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    for keys in _SIZES:
        if all(document.get(key) is not None for key in keys):
            return to_whole_px([document[key] for key in keys], where)
    lists = (document.get(key) for key in _SIZE_LISTS)
    return next((to_whole_px(given, where) for given in lists if isinstance(given, list) and len(given) == 2), None)


def _flat(value: Any) -> list[Any]:
    """The numbers of a list, of lists in a list, or of a matrix with rows, cols and data."""
    if isinstance(value, dict):
        value = value.get("data")
    if not isinstance(value, list):
        return []
    return [item for part in value for item in (part if isinstance(part, list) else [part])]


def _colmap_line(words: list[str], where: str) -> Camera:
    width, height = to_whole_px(words[2:4], where)
    return Camera(words[1].upper(), width, height, tuple(to_numbers(words[4:], where)))


def _only(cameras: Iterable[Intrinsics], where: str) -> Intrinsics:
    different = list(dict.fromkeys(cameras))
    if len(different) == 1:
        return different[0]
    raise MappingError(
        "TP-613",
        f"the camera file holds {len(different)} different cameras",
        where=where,
        fix="Copy the one of these images into a file of its own, or give it as text: MODEL,width,height,p1,...",
    )
