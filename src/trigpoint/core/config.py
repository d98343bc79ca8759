"""Frozen dataclasses to and from JSON. An unknown or mistyped key is an error with a suggestion, never ignored."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from trigpoint.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


def to_json(config: Any) -> dict[str, Any]:
    """The fields of a (nested) dataclass as plain values."""
    return dataclasses.asdict(config)


def from_json(kind: type[T], values: Mapping[str, Any], *, where: str | None = None) -> T:
    """Build a (nested) dataclass from plain values.

    Args:
        kind: the dataclass.
        values: field values; nested dataclasses as mappings.
        where: file or option that the values come from, for errors.

    Raises:
        ConfigError: unknown field (TP-701); value of a wrong type or a missing field (TP-702).
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name for field in dataclasses.fields(typing.cast(Any, kind)) if field.init}
    unknown = [key for key in values if key not in fields]
    if unknown:
        raise ConfigError(
            "TP-701", f"unknown setting '{unknown[0]}' of {kind.__name__}", where=where, fix=did_you_mean(unknown[0], fields)
        )
    arguments = {key: _convert(value, hints[key], f"{kind.__name__}.{key}", where) for key, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ConfigError("TP-702", f"{kind.__name__}: {error}", where=where, fix="Give every setting a value.") from error


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Refuse a value out of range; for ``__post_init__`` of configurations.

    Raises:
        ConfigError: TP-702.
    """
    if not holds:
        raise ConfigError("TP-702", f"{name} is {value!r}", fix=f"It must be {allowed}.")


def _convert(value: Any, hint: Any, name: str, where: str | None) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(value, inner[0], name, where) if len(inner) == 1 else value
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return from_json(typing.cast(type, hint), value, where=where)
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = [arguments[0]] * len(value) if len(arguments) == 2 and arguments[1] is Ellipsis else list(arguments)
        if len(kinds) == len(value):
            return tuple(_convert(item, kind, name, where) for item, kind in zip(value, kinds, strict=True))
    if origin is dict and isinstance(value, Mapping):
        return {key: _convert(item, arguments[1], name, where) for key, item in value.items()}
    if hint is float:
        number = _finite(value)
        if number is not None:
            return number
    elif hint is Any or (isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) == (hint is bool)):
        return value
    expected = "a finite number" if hint is float else getattr(hint, "__name__", str(hint))
    raise ConfigError("TP-702", f"{name} must be {expected}, got {value!r}", where=where, fix="Correct its value.")


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
