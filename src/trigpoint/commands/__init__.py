"""The verbs of the command line: one file each, plain functions whose parameters are their options."""

from __future__ import annotations

import importlib
from collections.abc import Callable

# The function of each verb, in the module of the same name: only that of the verb that runs is imported.
VERBS = {
    "demo": "demo",
    "info": "info",
    "reconstruct": "reconstruct",
    "map": "map_scene",
    "localize": "localize",
    "evaluate": "evaluate",
    "compare": "compare",
    "export": "export",
    "view": "view",
    "retrieval": "retrieval",
    "weights": "weights",
    "datasets": "datasets",
}
# Verbs that save their work as they go: stopped at any moment, the same command continues.
RESUMABLE = frozenset({"map", "reconstruct", "compare", "weights", "datasets"})


def load_verb(name: str) -> Callable[..., int]:
    """The function of one of ``VERBS``."""
    return getattr(importlib.import_module(f"trigpoint.commands.{name}"), VERBS[name])
