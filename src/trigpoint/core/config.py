"""Settings: frozen dataclasses whose fields are checked against their type hints, to and from JSON.

A hint says all that is allowed: ``Literal`` for enumerations, ``Annotated[int, Range(1)]`` for ranges, ``A | B`` for
variants that a field ``kind`` tells apart. An unknown or mistyped key is an error with a suggestion, never ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from trigpoint.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """Allowed numbers of a setting.

    Attributes:
        low: smallest allowed number.
        high: largest allowed number.
        open_low, open_high: whether that limit itself is not allowed.
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        low, high = f"{self.low:g}", f"{self.high:g}"
        if math.isinf(self.high):
            return f"more than {low}" if self.open_low else f"{low} or more"
        if not (self.open_low or self.open_high):
            return f"{low} to {high}"
        least = f"more than {low}" if self.open_low else f"{low} or more"
        return f"{least}, {'less than' if self.open_high else 'up to'} {high}"


POSITIVE = Range(0, open_low=True)


class Settings:
    """Base of settings: values that their hints do not allow are refused wherever they come from."""

    def __post_init__(self) -> None:
        for name, hint in hints_of(type(self)).items():
            value, label = getattr(self, name), f"{type(self).__name__}.{name}"
            # What JSON may say in short is no value yet.
            require(_convert(value, hint, label, None) == value, label, value, "a value, not the JSON of one")


@functools.cache
def hints_of(kind: type) -> dict[str, Any]:
    """The fields of a dataclass that can be set, with their type hints, ranges included."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def variants_of(hint: Any) -> list[type]:
    """The dataclasses that a hint names: itself, or those of a union."""
    inner = typing.get_args(hint) if _is_union(hint) else (hint,)
    return [kind for kind in inner if isinstance(kind, type) and dataclasses.is_dataclass(kind)]


def is_optional(hint: Any) -> bool:
    """Whether None is allowed."""
    return _is_union(hint) and type(None) in typing.get_args(hint)


def kinds_of(variant: type) -> tuple[str, ...]:
    """The values of the field ``kind`` that mean this variant of a union; none where it has no such field."""
    return typing.get_args(hints_of(variant).get("kind"))


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
        ConfigError: unknown field (TP-701); value of a wrong type, out of its range or missing (TP-702).
    """
    hints = hints_of(kind)
    if not isinstance(values, Mapping):
        raise ConfigError("TP-702", f"{kind.__name__} must be an object, got {values!r}", where=where, fix="Correct it.")
    unknown = [key for key in values if key not in hints]
    if unknown:
        raise ConfigError(
            "TP-701", f"unknown setting '{unknown[0]}' of {kind.__name__}", where=where, fix=did_you_mean(unknown[0], hints)
        )
    arguments = {key: _convert(value, hints[key], f"{kind.__name__}.{key}", where) for key, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ConfigError("TP-702", f"{kind.__name__}: {error}", where=where, fix="Give every setting a value.") from error


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Refuse a value that does not fit others; what a hint can say is checked by ``Settings``.

    Raises:
        ConfigError: TP-702.
    """
    if not holds:
        raise ConfigError("TP-702", f"{name} is {value!r}", fix=f"It must be {allowed}.")


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _convert(value: Any, hint: Any, name: str, where: str | None) -> Any:
    """The value as its hint wants it. Raises ConfigError (TP-702)."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        number = _convert(value, arguments[0], name, where)
        outside = [limits for limits in arguments[1:] if isinstance(limits, Range) and number not in limits]
        if outside:
            raise ConfigError("TP-702", f"{name} is {value!r}", where=where, fix=f"It must be {outside[0]}.")
        return number
    if _is_union(hint) and value is None and is_optional(hint):
        return None
    variants = variants_of(hint)
    if variants:
        return _variant(value, variants, name, where)
    if _is_union(hint):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(value, inner[0], name, where) if len(inner) == 1 else value
    if origin is typing.Literal:
        if any(value == allowed and type(value) is type(allowed) for allowed in arguments):
            return value
        raise ConfigError(
            "TP-702", f"{name} is {value!r}", where=where, fix=f"It must be {' or '.join(map(str, arguments))}."
        )
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


def _variant(value: Any, variants: list[type], name: str, where: str | None) -> Any:
    """One of several dataclasses: a value of one of them, or its fields, of which ``kind`` tells which; a plain word is a
    variant with the defaults of its other fields."""
    if isinstance(value, tuple(variants)):
        return value
    kinds = [kind for variant in variants for kind in kinds_of(variant)]
    if isinstance(value, str) and kinds:
        value = {"kind": value}
    if isinstance(value, Mapping):
        wanted = [variant for variant in variants if len(variants) == 1 or value.get("kind") in kinds_of(variant)]
        if wanted:
            return from_json(wanted[0], value, where=where)
        raise ConfigError(
            "TP-702", f"{name}.kind is {value.get('kind')!r}", where=where, fix=f"It must be {' or '.join(kinds)}."
        )
    expected = " or ".join(variant.__name__ for variant in variants)
    raise ConfigError("TP-702", f"{name} must be {expected}, got {value!r}", where=where, fix="Correct its value.")


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
