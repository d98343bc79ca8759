"""Small text files of numbers, as the formats use them for poses, calibration and lists. Errors name file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import GeometryError, SceneError
from trigpoint.core.pose import Pose

Array = NDArray[np.float64]

# Coordinates beyond this lose millimetres in float32 many times over and come from damaged files, never from a scene.
MAX_COORDINATE = 1e9
MAX_ROTATION_ENTRY = 1e6


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for names that no file can have (too long, with NUL, ...)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that must not be empty.

    Raises:
        SceneError: missing or unreadable (TP-210), empty (TP-211).
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SceneError(
            "TP-210", f"the file cannot be read ({reason})", where=path, fix="Check that the folder is complete."
        ) from error
    if not data.strip():
        raise SceneError("TP-211", "the file is empty", where=path, fix="Copy or export it again.")
    return data


def read_text(path: Path) -> str:
    """A whole UTF-8 text file. Raises as ``read_bytes``, and TP-212 for a file that is not text."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SceneError(
            "TP-212", f"this is not a text file (byte {error.start})", where=path, fix="Copy or export it again."
        ) from error
    if "\0" in text:
        raise SceneError("TP-212", "this is not a text file (NUL bytes)", where=path, fix="Copy or export it again.")
    return text


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object. Raises as ``read_text``, and TP-213 for anything that is not such JSON."""
    text = read_text(path)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SceneError("TP-213", f"this is not valid JSON ({error})", where=path, fix="Export it again.") from error
    if not isinstance(document, dict):
        raise SceneError(
            "TP-213", f"the JSON holds a {type(document).__name__} instead of an object", where=path, fix="Export it again."
        )
    return document


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, words) of every line that is neither blank nor a ``#`` comment. Raises as ``read_text``."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, line.split()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]


def to_numbers(words: Iterable[Any], where: str) -> list[float]:
    """Words or JSON values as numbers; NaN and infinity pass.

    Raises:
        SceneError: TP-214.
    """
    result: list[float] = []
    for word in words:
        try:
            if isinstance(word, bool) or not isinstance(word, (str, int, float)):
                raise ValueError
            result.append(float(word))
        except (ValueError, OverflowError):
            raise SceneError("TP-214", f"{str(word)[:40]!r} is not a number", where=where, fix="Correct the file.") from None
    return result


def read_matrix(path: Path, shapes: Iterable[tuple[int, int]]) -> Array:
    """A text file that holds one matrix of one of ``shapes``. Raises as ``read_text``, and TP-214."""
    rows = read_rows(path)
    shape = (len(rows), len(rows[0][1]) if rows else 0)
    if shape not in shapes or any(len(words) != shape[1] for _, words in rows):
        wanted = " or ".join(f"{high}x{wide}" for high, wide in shapes)
        counts = "+".join(str(len(words)) for _, words in rows[:6]) or "no"
        raise SceneError(
            "TP-214", f"a {wanted} matrix was expected, the lines hold {counts} numbers", where=path, fix="Export it again."
        )
    return np.array([to_numbers(words, f"{path}, line {number}") for number, words in rows])


def rigid(matrix: Array, where: str) -> Pose:
    """A pose from a (3, 4) or (4, 4) matrix of a file.

    Raises:
        GeometryError: as ``Pose.from_matrix`` (TP-301, TP-302); a position beyond any scene (TP-303).
    """
    if matrix.ndim == 2 and min(matrix.shape) >= 3:
        _check_rotation(matrix[:3, :3], where)
        _check_position(matrix[:3, -1], where)
    return Pose.from_matrix(matrix, where=where)


def rigid_from_quaternion(quaternion_wxyz: Array, translation: Array, where: str) -> Pose:
    """A pose from a (4,) quaternion, scalar first, and a (3,) translation of a file. Raises as ``rigid``."""
    _check_rotation(quaternion_wxyz, where)
    _check_position(translation, where)
    return Pose.from_quaternion(quaternion_wxyz, translation, where=where)


def _check_rotation(values: Array, where: str) -> None:
    """Refuse numbers whose squares overflow, before anything is computed from them."""
    if np.isfinite(values).all() and np.abs(values).max() > MAX_ROTATION_ENTRY:
        raise GeometryError(
            "TP-302",
            f"the rotation of the pose holds {np.abs(values).max():.3g}, which no rotation does",
            where=where,
            fix="Export rigid poses: rotation and translation only.",
        )


def _check_position(translation: Array, where: str) -> None:
    if np.isfinite(translation).all() and np.abs(translation).max() > MAX_COORDINATE:
        raise GeometryError(
            "TP-303",
            f"the pose lies {np.abs(translation).max():.3g} units away from the origin",
            where=where,
            fix=f"Coordinates up to {MAX_COORDINATE:.0g} can be used: subtract a constant offset from all poses.",
        )
