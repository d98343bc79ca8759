"""Limits of what ``make measure`` counts. Only what the package can do more of is a reason to raise one."""

from __future__ import annotations

import ast

import pytest
from support.measure import (
    FILES,
    array_functions,
    large_dataclasses,
    lines_by_folder,
    many_parameters,
    settings,
    without_shapes,
    without_units,
)

MAX_PARAMETERS, MAX_FIELDS = 4, 4
MAX_WITHOUT_SHAPES, MAX_WITHOUT_UNITS = 0, 0
MAX_SETTINGS, MAX_LINES, MAX_FOLDER_FRACTION = 63, 38_000, 0.18


def test_functions_take_few_parameters():
    assert len(many_parameters()) <= MAX_PARAMETERS, many_parameters()


def test_dataclasses_have_few_fields():
    assert len(large_dataclasses()) <= MAX_FIELDS, large_dataclasses()


def test_functions_on_arrays_name_shapes_and_units():
    assert len(array_functions()) > 200
    assert len(without_shapes()) <= MAX_WITHOUT_SHAPES, without_shapes()
    assert len(without_units()) <= MAX_WITHOUT_UNITS, without_units()


def test_recipes_have_few_settings():
    assert len(settings()) <= MAX_SETTINGS, settings()


def test_the_package_is_small_and_no_folder_is_most_of_it():
    folders = lines_by_folder()
    total = sum(folders.values())
    assert total <= MAX_LINES
    assert {name: count for name, count in folders.items() if count > MAX_FOLDER_FRACTION * total} == {}


SOURCE = '''
@dataclass(frozen=True)
class Wide:
    a: int
    b: int
    c: int

    @classmethod
    def of(cls, a, b, *, c): ...

def rotated(points: NDArray, angle: float) -> NDArray:
    """%s"""
'''


@pytest.fixture
def imagined(monkeypatch):
    """Lets the counts read one module of the given source."""

    def use(docstring):
        monkeypatch.setattr("support.measure.FILES", [FILES[0]])
        monkeypatch.setattr("support.measure.tree_of", lambda path: ast.parse(SOURCE % docstring))

    return use


@pytest.mark.parametrize(
    ("docstring", "shapes", "units"),
    [
        ("Turn things.", 1, 1),
        ("Turn (N, 3) things.", 0, 1),
        ("Turn (N, 3) points in world by an angle, rad.", 0, 0),
        ("Turn points, px.", 1, 0),
    ],
)
def test_the_counts_notice(imagined, docstring, shapes, units):
    imagined(docstring)
    assert (len(without_shapes()), len(without_units())) == (shapes, units)
    assert len(many_parameters(2)) == 1 and not many_parameters(3)
    assert len(large_dataclasses(2)) == 1 and not large_dataclasses(3)
