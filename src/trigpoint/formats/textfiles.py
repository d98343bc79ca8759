"""Small text files of numbers, as the formats use them for poses, calibration and lists. Errors name file and line.

Scenes may come from strangers: only regular files are read, and up to a bound.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import GeometryError, SceneError, clipped
from trigpoint.core.plain_yaml import parse_yaml
from trigpoint.core.regular_file import open_regular, read_regular

# What the system says about names that no file has, beside those that pathlib knows.
_NO_FILE = (errno.ENAMETOOLONG, errno.EINVAL)

Array = NDArray[np.float64]
_MAX_SIDE_PX = 100_000
# Lists of 300,000 images; their words take up to 30 times as much memory.
MAX_TEXT_BYTES = 32 << 20
# A transforms.json of 50,000 images has 2 million values, each of up to 100 bytes in memory.
MAX_JSON_BYTES = 64 << 20
MAX_JSON_VALUES = 4_000_000
# Calibrations have a few kilobytes.
MAX_YAML_BYTES = 1 << 20
# A line of a COLMAP model holds all 2D points of an image.
MAX_LINE = 1 << 24


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for names that no file can have (too long, with NUL, ...).

    Raises:
        SceneError: it cannot be known, as a folder may not be entered or the disk fails (TP-210).
    """
    try:
        return path.is_file()
    except ValueError:
        return False
    except OSError as error:
        if error.errno in _NO_FILE:
            return False
        raise _unreadable(path, error) from error


def read_bytes(path: Path, limit_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of a file that must not be empty.

    Raises:
        SceneError: missing, unreadable, larger than ``limit_bytes``, a device or a pipe (TP-210), empty (TP-211).
    """
    try:
        data = read_regular(path, limit_bytes)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not data.strip():
        raise SceneError("TP-211", "the file is empty", where=path, fix="Copy or export it again.")
    return data


def read_text(path: Path, limit_bytes: int = MAX_TEXT_BYTES) -> str:
    """A whole UTF-8 text file. Raises as ``read_bytes``, and TP-212 for a file that is not text."""
    data = read_bytes(path, limit_bytes)
    _check_encoding(data, path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(path, f"byte {error.start}") from error
    if "\0" in text:
        raise _no_text(path, "NUL bytes")
    return text


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of every line of a text file, one at a time: models are larger than memory should be.

    Raises:
        SceneError: as ``read_text``, but files of any size are read; a line of more than ``MAX_LINE`` characters (TP-212).
    """
    empty = True
    try:
        with open_regular(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig") as lines:
            _check_encoding(stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b"", path)
            for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE), ""), start=1):
                if len(line) == MAX_LINE:
                    raise _no_text(path, f"line {number} is longer than {MAX_LINE:,} characters")
                if "\0" in line:
                    raise _no_text(path, f"NUL bytes in line {number}")
                empty = empty and not line.strip()
                yield number, line
    except UnicodeDecodeError as error:
        raise _no_text(path, "not valid UTF-8") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if empty:
        raise SceneError("TP-211", "the file is empty", where=path, fix="Copy or export it again.")


def _check_encoding(start: bytes, path: Path) -> None:
    """Name what Notepad and PowerShell write, which is text, but not of the kind that programs read."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _no_text(path, "but UTF-16")


def _no_text(path: Path, reason: str) -> SceneError:
    fix = "Copy or export it again, as UTF-8 text."
    return SceneError("TP-212", f"this is not a UTF-8 text file ({reason})", where=path, fix=fix)


def _unreadable(path: Path, error: OSError | ValueError) -> SceneError:
    reason = getattr(error, "strerror", None) or str(error)
    return SceneError("TP-210", f"the file cannot be read ({reason})", where=path, fix="Check that the folder is complete.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object. Raises as ``read_text``, and TP-213 for anything that is not such JSON."""
    document = read_any_json(path)
    if not isinstance(document, dict):
        raise SceneError(
            "TP-213", f"the JSON holds a {type(document).__name__} instead of an object", where=path, fix="Export it again."
        )
    return document


def read_any_json(path: Path) -> Any:
    """What a JSON file holds. Raises as ``read_json``."""
    text = read_text(path, MAX_JSON_BYTES)
    if sum(map(text.count, ",:[{")) > MAX_JSON_VALUES:
        what = f"the JSON holds more than {MAX_JSON_VALUES:,} values"
        raise SceneError("TP-213", what, where=path, fix="Export a smaller scene.")
    try:
        return json.loads(text, object_pairs_hook=without_repeated_keys)
    except (ValueError, RecursionError) as error:
        raise SceneError("TP-213", f"this is not valid JSON ({error})", where=path, fix="Export it again.") from error


def without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file, of which Python would keep the last value of a key that is there twice.

    Raises:
        ValueError: such a key.
    """
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key '{clipped(key, 100)}' is there twice in one object")
        result[key] = value
    return result


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of plain values, as ``core/plain_yaml.py`` describes. Raises as ``read_text``, and TP-214."""
    try:
        return parse_yaml(read_text(path, MAX_YAML_BYTES))
    except ValueError as error:
        raise SceneError("TP-214", str(error), where=path, fix="Correct the file.") from error


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, words) of every line that is neither blank nor a ``#`` comment. Raises as ``read_text``."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, line.split()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]


def read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, values) of every line of comma separated values, as ``read_rows``."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    rows = ((number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#"))
    return [(number, [value.strip() for value in line.split(",")]) for number, line in rows]


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
            raise _no_number(word, where) from None
    return result


def _no_number(word: Any, where: str) -> SceneError:
    text = str(word)[:40]
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return SceneError("TP-214", f"{text!r} is not a number", where=where, fix="Correct the file.")
    what = f"{text!r} is not a number: it has a decimal comma"
    return SceneError("TP-214", what, where=where, fix="Write decimal points, as programs in English do.")


def to_whole_px(values: Sequence[Any], where: str) -> tuple[int, int]:
    """Width and height of an image, px, from two words or JSON values.

    Raises:
        SceneError: TP-214.
        GeometryError: no size that an image can have (TP-313).
    """
    width, height = to_numbers(values, where)
    if not all(1 <= side <= _MAX_SIDE_PX and side == int(side) for side in (width, height)):
        raise GeometryError("TP-313", f"impossible image size {width:g}x{height:g}", where=where, fix="Give whole pixels.")
    return int(width), int(height)


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
