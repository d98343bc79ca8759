"""COLMAP models as text: ``cameras.txt``, ``images.txt``, ``points3D.txt``.

An image takes two lines, the second with its 2D points, which may be empty. Names may have spaces. ``rigs.txt`` and
``frames.txt`` repeat what ``images.txt`` says and are not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError
from trigpoint.formats.colmap_entries import (
    FIX,
    NO_POINT,
    ModelCamera,
    ModelFiles,
    ModelImage,
    ModelPoint,
    add_camera,
    without_repeated_ids,
)
from trigpoint.formats.textfiles import numbered_lines, to_numbers

# Id, quaternion, translation, camera id; the name follows.
_NUMBERS = 9
# Id, coordinates, colour, error; the track follows.
_POINT_WORDS = 8


def text_files(folder: Path) -> ModelFiles:
    """The readers of a text model. All raise SceneError TP-210 to TP-212 and TP-214, with file and line."""
    cameras, images, points = (folder / name for name in ("cameras.txt", "images.txt", "points3D.txt"))
    return ModelFiles(
        partial(_cameras, cameras),
        partial(_images, images),
        partial(_points, points),
        partial(_observations, images),
        (cameras, images, points),
    )


def _cameras(file: Path) -> dict[str, ModelCamera]:
    cameras: dict[str, ModelCamera] = {}
    for number, line in numbered_lines(file):
        words = line.split()
        if words and not words[0].startswith("#"):
            add_camera(cameras, words[0], ModelCamera(words[1:], f"{file}, line {number}, camera {words[0]}"))
    return cameras


def _images(file: Path) -> list[ModelImage]:
    return without_repeated_ids(_image(file, number, line, pixels) for number, line, pixels in _pairs(file))


def _image(file: Path, number: int, line: str, pixels: str) -> ModelImage:
    """One image; its 2D points are only checked."""
    where = f"{file}, line {number}"
    words = line.split(maxsplit=_NUMBERS)
    if len(words) <= _NUMBERS:
        what = f"id, quaternion, translation, camera id and name expected, got {len(words)} words"
        error = SceneError("TP-214", what, where=where, fix=FIX)
        return ModelImage(words[0], f"image {words[0]}", words[1:8], "", where, error)
    *numbers, camera_id, name = words[1:]
    problem = None
    try:
        _pixels(pixels, f"{file}, line {number + 1}")
    except SceneError as error:
        problem = error
    return ModelImage(words[0], name, numbers, camera_id, f"{where}, {name}", problem)


def _pairs(file: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, line of an image, line of its 2D points)."""
    first: tuple[int, str] | None = None
    for number, line in numbered_lines(file):
        text = line.strip()
        if first is None:
            if text and not text.startswith("#"):
                _check_is_image(text, f"{file}, line {number}")
                first = number, text
            continue
        if _is_image(text):
            raise SceneError(
                "TP-214",
                f"line {number} is an image where its 2D points were expected: each image takes two lines",
                where=f"{file}, line {number}",
                fix=f"Put a line after each image, empty where it has no 2D points (the first: line {first[0]}).",
            )
        yield *first, text
        first = None
    if first is not None:
        yield *first, ""


def _is_image(text: str) -> bool:
    """Whether a line begins as an image does, and not by chance: it cannot be 2D points, or has a unit quaternion."""
    words = text.split(maxsplit=_NUMBERS)
    if len(words) <= _NUMBERS or not (words[0].isdecimal() and words[8].isdecimal()):
        return False
    return not _is_pixels(text) or abs(math.hypot(*map(float, words[1:5])) - 1) < 0.01


def _check_is_image(text: str, where: str) -> None:
    if _is_pixels(text) and not _is_image(text):
        raise SceneError(
            "TP-214",
            "2D points where an image was expected: each image takes two lines",
            where=where,
            fix="Remove empty lines between an image and its 2D points.",
        )


def _is_pixels(text: str) -> bool:
    """Whether a line is x, y and the whole number of a point, again and again."""
    words = text.split()
    whole = (word.removeprefix("-").isdecimal() for word in words[2::3])
    return len(words) % 3 == 0 and all(whole) and all(map(_is_number, words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _pixels(text: str, where: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions (n, 2), px, and numbers of the points (n,) of one line."""
    words = text.split()
    if len(words) % 3:
        what = f"2D points are three numbers each: x, y and the id of a 3D point; there are {len(words)} words"
        raise SceneError("TP-214", what, where=where, fix=FIX)
    try:
        values = np.array(words, dtype=np.float64).reshape(-1, 3)
    except ValueError:
        values = np.array(to_numbers(words, where)).reshape(-1, 3)
    keys = values[:, 2]
    # Only finite whole numbers below 2^53 are ids; -1 and 2^64 - 1 say that there is none.
    inside = (keys >= 0) & (keys < 2**53)
    return values[:, :2].copy(), np.where(inside, np.where(inside, keys, 0).astype(np.int64), NO_POINT)


def _observations(file: Path, names: frozenset[str]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    result: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]] = {}
    for number, line, pixels in _pairs(file):
        words = line.split(maxsplit=_NUMBERS)
        if len(words) > _NUMBERS and words[_NUMBERS] in names and words[_NUMBERS] not in result:
            result[words[_NUMBERS]] = _pixels(pixels, f"{file}, line {number + 1}")
    return result


def _points(file: Path) -> Iterator[ModelPoint]:
    for number, line in numbered_lines(file):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{file}, line {number}"
        if len(words) < _POINT_WORDS or len(words) % 2 or not words[0].isdecimal() or len(words[0]) > 18:
            what = f"id, x y z, r g b, error and pairs of a track expected, got {len(words)} words"
            raise SceneError("TP-214", what, where=where, fix=FIX)
        x, y, z, *_, error_px = to_numbers(words[1:_POINT_WORDS], where)
        yield ModelPoint(int(words[0]), (x, y, z), error_px, where)
