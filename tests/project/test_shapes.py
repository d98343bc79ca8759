"""The checks of shapes that all tests run under: they are on, complete in the modules they cover, and the tests' alone."""

from __future__ import annotations

import ast

import jaxtyping
import numpy as np
import pytest
from support.shape_checks import CHECKED, NAMES
from support.source_code import FILES, dotted_name, label, module_name, tree_of

from trigpoint.core.camera import Camera
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, degeneracy, solve_pnp

POINTS_PX, POINTS_WORLD = np.zeros((8, 2)), np.zeros((8, 3))


@pytest.mark.parametrize(
    ("pixels", "world"),
    [
        (POINTS_PX[:5], POINTS_WORLD),
        (POINTS_PX.T, POINTS_WORLD),
        (POINTS_PX, POINTS_WORLD[:, :2]),
        (POINTS_PX.astype(np.float32), POINTS_WORLD),
        (POINTS_PX.astype(int), POINTS_WORLD),
    ],
    ids=["other number", "transposed", "too few columns", "single precision", "integers"],
)
def test_arrays_that_differ_from_their_annotations_are_refused(pixels, world):
    degeneracy(POINTS_PX, POINTS_WORLD)
    with pytest.raises(jaxtyping.TypeCheckError):
        degeneracy(pixels, world)
    with pytest.raises(jaxtyping.TypeCheckError):
        solve_pnp(pixels, world, PinholeIntrinsics(500, 500, 320, 240), PnpOptions())


def test_results_and_fields_are_checked(monkeypatch):
    with pytest.raises(jaxtyping.TypeCheckError):
        PnpResult(None, np.zeros((3, 1), bool), "")
    monkeypatch.setattr(np, "array", lambda values: np.asarray(values)[:2])
    with pytest.raises(jaxtyping.TypeCheckError):
        Camera.pinhole(640, 480, 500).matrix()


def test_the_package_runs_without_jaxtyping():
    """It is imported for type checkers alone, under the names that the tests provide."""
    unconditional = []
    for path in FILES:
        typing_only = [
            inner
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.If) and dotted_name(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        ]
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping":
                known = node in typing_only and {alias.name for alias in node.names} <= set(NAMES)
                unconditional += [] if known else [f"{label(path)}:{node.lineno}"]
    assert unconditional == []


def test_modules_that_name_shapes_are_checked_and_name_all_of_them():
    annotated = {module_name(path) for path in FILES if "from jaxtyping import" in path.read_text(encoding="utf-8")}
    assert annotated == set(CHECKED)
    plain = []
    for path in FILES:
        for node in ast.walk(tree_of(path)) if module_name(path) in CHECKED else ():
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                hints = [argument.annotation for argument in [*node.args.args, *node.args.kwonlyargs]] + [node.returns]
                texts = [ast.unparse(hint) for hint in hints if hint is not None]
                plain += [
                    f"{label(path)}:{node.lineno} {node.name}" for text in texts if "NDArray" in text or text == "Array"
                ]
    assert plain == []
