"""The verbs of the command line: one file each, plain functions whose parameters are their options."""

from __future__ import annotations

from collections.abc import Callable

from trigpoint.commands.compare import compare
from trigpoint.commands.datasets import datasets
from trigpoint.commands.demo import demo
from trigpoint.commands.evaluate import evaluate
from trigpoint.commands.export import export
from trigpoint.commands.info import info
from trigpoint.commands.localize import localize
from trigpoint.commands.map import map_scene
from trigpoint.commands.reconstruct import reconstruct
from trigpoint.commands.retrieval import retrieval
from trigpoint.commands.view import view
from trigpoint.commands.weights import weights

VERBS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "info": info,
    "reconstruct": reconstruct,
    "map": map_scene,
    "localize": localize,
    "evaluate": evaluate,
    "compare": compare,
    "export": export,
    "view": view,
    "retrieval": retrieval,
    "weights": weights,
    "datasets": datasets,
}
