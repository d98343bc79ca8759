"""Counts of the package's own source: ``make measure`` prints them, tests/project/test_measure.py limits them."""

from __future__ import annotations

import ast
import dataclasses
import re
import typing
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from support.source_code import FILES, PACKAGE, dotted_name, imported_modules, label, module_name, tree_of

# From the bottom up: a module imports only from its own folder and from those above it in this list.
LAYERS = (
    "core",
    "formats",
    "synthetic",
    "features",
    "retrieval",
    "covisibility",
    "diagnosis",
    "mapping",
    "localization",
    "build",
    "evaluation",
    "report",
    "reconstruction",
    "datasets",
    "viewer",
    "commands",
)
# The root of the package: its version is below everything, the door above everything.
BOTTOM, DOOR = {"_version"}, {"__init__", "__main__", "cli"}

_ARRAYS = re.compile(r"\b(NDArray|Tensor|ndarray|csr_array|Array|Colours)\b")
_SHAPE = re.compile(
    r"\((?:\.\.\., ?)?[A-Za-z0-9*+ ]+,(?: ?[A-Za-z0-9*+.]+,?)*\)|\b\d+ numbers?\b|\bscalar\b|\bany shape\b|\(\.\.\.\)"
)
_UNIT_OR_FRAME = re.compile(
    r"\b(px|m|ms|s|deg|rad|metres?|units?|bytes?|pixels?|world|camera|cam|view|normalised|network's frame|cosines?|"
    r"unit length|dimensionless|0 to 1|indices|index|probabilit\w+)\b"
)


def rank(module: str) -> int:
    """Position of a dotted module name of the package; the package itself is the door."""
    parts = module.split(".")
    if len(parts) > 1 and parts[1] in LAYERS:
        return LAYERS.index(parts[1])
    return -1 if len(parts) > 1 and parts[1] in BOTTOM else len(LAYERS)


def upward_imports(path: Path) -> list[str]:
    """Imports of a module from a folder below it in ``LAYERS``."""
    own = rank(module_name(path))
    return [
        f"{label(path)}:{line} imports {module}"
        for line, module in imported_modules(path)
        if module.split(".")[0] == "trigpoint" and rank(module) > own
    ]


def import_cycle() -> list[str]:
    """One import cycle, imports for types and imports inside functions counted; empty if there is none."""
    modules = {module_name(path): path for path in FILES}
    graph = {name: {module for _, module in imported_modules(path) if module in modules} for name, path in modules.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def functions() -> typing.Iterator[tuple[str, ast.FunctionDef]]:
    """(file:line name, node) of every function and method."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                yield f"{label(path)}:{node.lineno} {node.name}", node


def parameters(node: ast.FunctionDef) -> int:
    """Number of parameters without ``self`` and ``cls``."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def many_parameters(limit: int = 6) -> list[str]:
    """Functions with more parameters than the limit."""
    return [f"{name} ({parameters(node)})" for name, node in functions() if parameters(node) > limit]


def large_dataclasses(limit: int = 10) -> list[str]:
    """Dataclasses with more fields than the limit."""
    found = []
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.ClassDef):
                continue
            decorators = [dotted_name(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]
            fields = sum(isinstance(item, ast.AnnAssign) for item in node.body)
            if "dataclass" in decorators and fields > limit:
                found.append(f"{label(path)}:{node.lineno} {node.name} ({fields})")
    return found


def array_functions() -> dict[str, str]:
    """Public functions that take or return arrays: where they are, and their docstrings."""
    found = {}
    for name, node in functions():
        named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        hints = [ast.unparse(hint) for hint in [*(each.annotation for each in named), node.returns] if hint is not None]
        if not node.name.startswith("_") and any(_ARRAYS.search(hint) for hint in hints):
            found[name] = ast.get_docstring(node) or ""
    return found


def without_shapes() -> list[str]:
    """Public array functions whose docstring names no shape."""
    return [name for name, text in array_functions().items() if not _SHAPE.search(text)]


def without_units() -> list[str]:
    """Public array functions whose docstring names neither a unit nor a frame nor what the numbers are."""
    return [name for name, text in array_functions().items() if not _UNIT_OR_FRAME.search(text)]


def lines_by_folder() -> dict[str, int]:
    """Lines of Python of each folder; ``""`` for the root."""
    counts: Counter[str] = Counter()
    for path in FILES:
        parts = path.relative_to(PACKAGE).parts
        counts[parts[0] if len(parts) > 1 else ""] += len(path.read_text(encoding="utf-8").splitlines())
    return dict(counts)


def code_lines() -> int:
    """Lines of Python that are neither blank nor comments nor docstrings."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) - _lines_beside_code(path) for path in FILES)


def _lines_beside_code(path: Path) -> int:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    docstrings = {
        number
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    return sum(number in docstrings or not line or line.startswith("#") for number, line in enumerate(lines, start=1))


def settings() -> list[str]:
    """Every setting of a recipe that ``--set`` can change; of alternatives in a union each name counts once."""
    from trigpoint.mapping.config import MappingConfig

    return sorted(set(_leaves(MappingConfig, "")) - {"preset"})


def _leaves(kind: typing.Any, prefix: str) -> typing.Iterator[str]:
    for field, hint in typing.get_type_hints(kind).items():
        variants = [each for each in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(each)]
        if not variants:
            yield prefix + field
        for variant in variants:
            yield from _leaves(variant, f"{prefix}{field}.")


def lines() -> list[str]:
    """All numbers, one a line."""
    folders = lines_by_folder()
    largest = max(folders, key=lambda folder: folders[folder])
    arrays = len(array_functions())
    upward = sum(len(upward_imports(path)) for path in FILES)
    shaped, united = arrays - len(without_shapes()), arrays - len(without_units())
    return [
        f"upward imports                       {upward}",
        f"import cycles                        {int(bool(import_cycle()))}",
        f"lines of Python in src               {sum(folders.values()):,}",
        f"of them code                         {code_lines():,}",
        f"largest folder                       {largest}, {folders[largest] / sum(folders.values()):.1%}",
        f"functions of more than 6 parameters  {len(many_parameters())}",
        f"dataclasses of more than 10 fields   {len(large_dataclasses())}",
        f"array functions naming shapes        {shaped / arrays:.1%} of {arrays}",
        f"array functions naming units         {united / arrays:.1%} of {arrays}",
        f"settings                             {len(settings())}",
    ]


if __name__ == "__main__":
    import sys

    print("\n".join(lines()))
    if "--list" in sys.argv:
        for title, items in (
            ("more than 6 parameters", many_parameters()),
            ("more than 10 fields", large_dataclasses()),
            ("no shape", without_shapes()),
            ("no unit or frame", without_units()),
        ):
            print(f"\n{title}:", *items, sep="\n  ")
