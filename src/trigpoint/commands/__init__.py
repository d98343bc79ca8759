"""The verbs of the command line: one file each, plain functions whose parameters are their options."""

from __future__ import annotations

from collections.abc import Callable

from trigpoint.commands.demo import demo
from trigpoint.commands.evaluate import evaluate
from trigpoint.commands.info import info
from trigpoint.commands.localize import localize
from trigpoint.commands.map import map_place
from trigpoint.commands.weights import weights

VERBS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "info": info,
    "map": map_place,
    "localize": localize,
    "evaluate": evaluate,
    "weights": weights,
}
