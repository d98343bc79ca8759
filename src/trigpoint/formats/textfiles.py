"""Small text files of numbers, as the formats use them for poses, calibration and lists. Errors name file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError

Array = NDArray[np.float64]


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
    """A text file that holds one matrix, as float64 of one of ``shapes`` (rows, columns) in the units of the file.

    Raises:
        SceneError: as ``read_text``; another shape, or a word that is no number (TP-214).
    """
    rows = read_rows(path)
    shape = (len(rows), len(rows[0][1]) if rows else 0)
    if shape not in shapes or any(len(words) != shape[1] for _, words in rows):
        wanted = " or ".join(f"{high}x{wide}" for high, wide in shapes)
        counts = "+".join(str(len(words)) for _, words in rows[:6]) or "no"
        raise SceneError(
            "TP-214", f"a {wanted} matrix was expected, the lines hold {counts} numbers", where=path, fix="Export it again."
        )
    return np.array([to_numbers(words, f"{path}, line {number}") for number, words in rows])
