"""Extensions that installed packages bring: each is an entry point of a group such as ``trigpoint.encoders``."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from trigpoint.core.errors import ConfigError


def plugin_names(group: str) -> list[str]:
    """Sorted names that installed packages have registered in a group. Nothing of theirs is imported."""
    return sorted(entry_points(group=group).names)


def load_plugin(group: str, name: str) -> Any:
    """What an entry point stands for; ``name`` is one of ``plugin_names``.

    Raises:
        ConfigError: its package cannot be imported, or has nothing of this name (TP-720).
    """
    entry = next(iter(entry_points(group=group, name=name)))
    try:
        return entry.load()
    # Whatever somebody else's module raises while it is imported: it is named, and the program ends in an orderly way.
    except Exception as error:
        package = f" of {entry.dist.name}" if entry.dist else ""
        raise ConfigError(
            "TP-720",
            f"'{name}'{package} cannot be loaded ({type(error).__name__}: {error})",
            where=f"{group}: {entry.value}",
            fix="Mend, update or uninstall that package.",
        ) from error
