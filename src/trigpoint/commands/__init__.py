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
_SMALLER_RECIPE = "--fast, --preset ace-compact or a smaller --set features.short_side_px need less."
# What to set so that a verb needs less memory.
LESS_MEMORY = {
    "map": _SMALLER_RECIPE,
    "compare": "Fewer --presets, or a smaller --set features.short_side_px need less.",
    "demo": "A smaller --width and fewer --images need less.",
    "retrieval": "A smaller --short-side-px and fewer --keypoints need less.",
    "export": "A smaller --max-images needs less.",
    "view": "Fewer --points need less.",
}


def load_verb(name: str) -> Callable[..., int]:
    """The function of one of ``VERBS``."""
    return getattr(importlib.import_module(f"trigpoint.commands.{name}"), VERBS[name])
