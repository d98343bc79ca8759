"""Keys of JSON files, checked: what is missing or of another type is an error with the file and the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trigpoint.core.errors import SceneError
from trigpoint.formats.textfiles import to_numbers, to_whole_px


def numbers(values: Mapping[str, Any], keys: tuple[str, ...], where: str) -> list[float]:
    """The numbers under several keys; NaN and infinity pass.

    Raises:
        SceneError: a missing key (TP-219), a value that is no number (TP-214).
    """
    missing = [key for key in keys if values.get(key) is None]
    if missing:
        raise SceneError("TP-219", f"'{missing[0]}' is missing", where=where, fix="Export it again.")
    return [to_numbers([values[key]], f"{where}, {key}")[0] for key in keys]


def number_list(values: Mapping[str, Any], key: str, count: int, where: str) -> list[float]:
    """A list of so many numbers. Raises as ``numbers``."""
    given = values.get(key)
    if not isinstance(given, list) or len(given) != count:
        raise SceneError("TP-219", f"'{key}' is not a list of {count} numbers", where=where, fix="Export it again.")
    return to_numbers(given, f"{where}, {key}")


def mapping(values: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """An object. Raises as ``numbers``."""
    given = values.get(key)
    if not isinstance(given, dict):
        raise SceneError("TP-219", f"'{key}' is missing or not an object", where=where, fix="Export it again.")
    return given


def image_size(values: Mapping[str, Any], keys: tuple[str, str], where: str) -> tuple[int, int]:
    """(width, height), px. Raises as ``numbers``, and GeometryError for no size that an image can have (TP-313)."""
    return to_whole_px(numbers(values, keys, where), where)
