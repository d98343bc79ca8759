"""Changed settings as the command line gives them: ``"optimizer.steps=500"``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trigpoint.core.config import from_json, hints_of, kinds_of, to_json, variants_of
from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.mapping.config import MappingConfig

Path = tuple[str, ...]


@dataclass(frozen=True)
class _Setting:
    """A setting or a section of settings: where it is in a recipe, and its type hint."""

    path: Path
    hint: Any


def with_overrides(config: MappingConfig, overrides: Sequence[str]) -> MappingConfig:
    """The recipe with some settings changed, one after the other.

    Args:
        config: the recipe.
        overrides: ``"section.setting=value"`` each. A setting may be named by the last parts of its path where these are
            unique among those of the recipe. Values are JSON or a plain word; ``none`` is no value. A plain word for a
            section of several kinds is its kind; what the new kind shares with the old one stays.

    Raises:
        ConfigError: no or several such settings (TP-701), wrong value (TP-702), not of this form (TP-714).
    """
    document = to_json(config)
    for override in overrides:
        name, separator, text = override.partition("=")
        if not separator or not name:
            raise ConfigError(
                "TP-714", f"'{override}' is not of the form section.setting=value", fix="Try optimizer.steps=500."
            )
        # A section of another kind has other settings.
        _assign(document, _find(document, name.removesuffix(".kind"), override), _value(text))
    return from_json(MappingConfig, document)


def _value(text: str) -> Any:
    if text == "none":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _settings(kind: type, values: dict[str, Any] | None, above: Path = ()) -> Iterator[_Setting]:
    """The settings and sections of a dataclass: those that some values have, or all that its types allow."""
    for name, hint in hints_of(kind).items():
        if values is not None and name not in values:
            continue
        path = (*above, name)
        yield _Setting(path, hint)
        inner = None if values is None else values[name]
        for variant in variants_of(hint):
            if values is None:
                yield from _settings(variant, None, path)
            elif isinstance(inner, dict) and (not kinds_of(variant) or inner.get("kind") in kinds_of(variant)):
                yield from _settings(variant, inner, path)


def _find(document: dict[str, Any], name: str, override: str) -> _Setting:
    """The setting that a path or the end of one names. Raises ConfigError (TP-701)."""
    ending = tuple(name.split("."))
    present = {setting.path: setting for setting in _settings(MappingConfig, document)}
    if ending in present:
        return present[ending]
    matches = [setting for path, setting in present.items() if path[-len(ending) :] == ending]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = " or ".join(".".join(setting.path) for setting in matches)
        raise ConfigError("TP-701", f"'{name}' names several settings", where=override, fix=f"Say {names}.")
    elsewhere = [setting.path for setting in _settings(MappingConfig, None) if setting.path[-len(ending) :] == ending]
    if elsewhere:
        section, why = _obstacle(document, elsewhere[0])
        raise ConfigError("TP-701", f"'{name}' is no setting here: {why}", where=override, fix=f"Change {section}.")
    raise ConfigError("TP-701", f"unknown setting '{name}'", where=override, fix=_suggestion(present, ending))


def _suggestion(known: Iterable[Path], ending: Path) -> str:
    """The settings of the section that was named, or else the most similar of all names."""
    section = ending[:-1]
    inside = [path[-1] for path in known if section and path[:-1][-len(section) :] == section]
    if inside:
        return did_you_mean(ending[-1], inside)
    names = {".".join(path[-length:]) for path in known for length in range(1, len(path) + 1)}
    close = difflib.get_close_matches(".".join(ending), sorted(names), n=1)
    return f"Did you mean '{close[0]}'?" if close else "See 'All settings' in docs/presets.md."


def _obstacle(document: dict[str, Any], path: Path) -> tuple[str, str]:
    """The section in which a recipe has no setting of a path that others have, and why."""
    values: Any = document
    for depth, key in enumerate(path):
        if not isinstance(values, dict) or key not in values:
            section = ".".join(path[:depth])
            return section, f"its {section} is {values['kind'] if isinstance(values, dict) else 'none'}"
        values = values[key]
    raise AssertionError("the recipe has this setting")


def _assign(document: dict[str, Any], setting: _Setting, value: Any) -> None:
    """Put a value into a recipe. A section is completed, so that its settings can be changed next."""
    *sections, last = setting.path
    for section in sections:
        document = document[section]
    if isinstance(value, str) and variants_of(setting.hint):
        value = {"kind": value}
    if isinstance(value, dict):
        variants = [kind for kind in variants_of(setting.hint) if not kinds_of(kind) or value.get("kind") in kinds_of(kind)]
        for variant in variants:
            before = (document[last] or {}) if kinds_of(variant) else {}
            shared = {name: setting for name, setting in before.items() if name in hints_of(variant)}
            value = to_json(from_json(variant, {**shared, **value}))
    document[last] = value
