"""Settings: frozen dataclasses that are checked against their type hints, to and from JSON."""

import dataclasses
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigpoint.core.config import Range, Settings, from_json, to_json
from trigpoint.core.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    steps: int = 3


@dataclasses.dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = dataclasses.field(default_factory=Inner)
    sizes: tuple[int, ...] = ()
    pair: tuple[float, str] = (1.0, "a")
    flag: bool = False
    maybe: float | None = None
    table: dict[str, int] = dataclasses.field(default_factory=dict)
    anything: Any = None


@given(
    st.builds(
        Outer,
        name=st.text(),
        inner=st.builds(Inner, rate=st.floats(allow_nan=False, allow_infinity=False), steps=st.integers()),
        sizes=st.lists(st.integers()).map(tuple),
        pair=st.tuples(st.floats(0, 1), st.text()),
        flag=st.booleans(),
        maybe=st.none() | st.floats(0, 1),
        table=st.dictionaries(st.text(), st.integers()),
    )
)
def test_every_value_comes_back_through_json(value):
    assert from_json(Outer, json.loads(json.dumps(to_json(value)))) == value


def test_missing_settings_take_their_defaults():
    assert from_json(Outer, {"name": "x", "inner": {"steps": 7}}) == Outer("x", Inner(0.5, 7))


def test_whole_numbers_become_floats():
    rate = from_json(Inner, {"rate": 2}).rate
    assert rate == 2 and type(rate) is float


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"name": "x", "flga": True}, "TP-701", ["'flga' of Outer", "Did you mean 'flag'"]),
        ({"name": "x", "inner": {"step": 3}}, "TP-701", ["'step' of Inner", "Did you mean 'steps'"]),
        ({}, "TP-702", ["name"]),
        ({"name": 3}, "TP-702", ["Outer.name must be str"]),
        ({"name": None}, "TP-702", ["Outer.name"]),
        ({"name": "x", "inner": {"rate": "fast"}}, "TP-702", ["Inner.rate", "'fast'"]),
        ({"name": "x", "inner": {"rate": float("nan")}}, "TP-702", ["Inner.rate", "finite"]),
        ({"name": "x", "inner": {"rate": float("inf")}}, "TP-702", ["Inner.rate", "finite"]),
        ({"name": "x", "inner": {"rate": 10**400}}, "TP-702", ["Inner.rate", "finite"]),
        ({"name": "x", "inner": {"rate": True}}, "TP-702", ["Inner.rate"]),
        ({"name": "x", "inner": {"steps": 2.5}}, "TP-702", ["Inner.steps must be int"]),
        ({"name": "x", "inner": {"steps": True}}, "TP-702", ["Inner.steps"]),
        ({"name": "x", "inner": 3}, "TP-702", ["Outer.inner must be Inner"]),
        ({"name": "x", "inner": None}, "TP-702", ["Outer.inner"]),
        ({"name": "x", "flag": 1}, "TP-702", ["Outer.flag must be bool"]),
        ({"name": "x", "sizes": [1, "2"]}, "TP-702", ["Outer.sizes"]),
        ({"name": "x", "sizes": 1}, "TP-702", ["Outer.sizes"]),
        ({"name": "x", "pair": [1.0]}, "TP-702", ["Outer.pair"]),
        ({"name": "x", "pair": ["a", 1.0]}, "TP-702", ["Outer.pair"]),
        ({"name": "x", "maybe": "none"}, "TP-702", ["Outer.maybe"]),
        ({"name": "x", "table": {"a": "b"}}, "TP-702", ["Outer.table"]),
    ],
)
def test_wrong_settings_are_refused(values, code, words):
    with pytest.raises(ConfigError) as caught:
        from_json(Outer, values, where="file.json")
    assert (caught.value.code, caught.value.where) == (code, "file.json") and caught.value.fix
    for word in words:
        assert word in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Circle:
    kind: Literal["circle"] = "circle"
    radius: Annotated[float, Range(0, open_low=True)] = 1.0


@dataclasses.dataclass(frozen=True)
class Polygon(Settings):
    kind: Literal["triangle", "square"] = "square"
    side: Annotated[int, Range(1, 9)] = 1


@dataclasses.dataclass(frozen=True)
class Drawing(Settings):
    shape: Circle | Polygon | None = None
    colour: Literal["red", "blue"] = "red"


@pytest.mark.parametrize("shape", [None, Circle("circle", 2.5), Polygon("triangle", 3), Polygon("square", 9)])
def test_variants_come_back_through_json(shape):
    drawing = Drawing(shape, "blue")
    assert from_json(Drawing, json.loads(json.dumps(to_json(drawing)))) == drawing


def test_a_word_is_a_variant_with_its_defaults():
    assert from_json(Drawing, {"shape": "triangle"}).shape == Polygon("triangle", 1)
    assert from_json(Drawing, {"shape": "circle"}).shape == Circle()


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"shape": {"kind": "star"}}, "TP-702", ["Drawing.shape.kind is 'star'", "circle or triangle or square"]),
        ({"shape": {"radius": 2.0}}, "TP-702", ["Drawing.shape.kind is None"]),
        ({"shape": "star"}, "TP-702", ["circle or triangle or square"]),
        ({"shape": {"kind": "circle", "side": 3}}, "TP-701", ["'side' of Circle"]),
        ({"shape": {"kind": "circle", "radius": 0}}, "TP-702", ["Circle.radius", "more than 0"]),
        ({"shape": {"kind": "square", "side": 10}}, "TP-702", ["Polygon.side", "1 to 9"]),
        ({"shape": {"kind": "square", "side": "x"}}, "TP-702", ["Polygon.side", "int"]),
        ({"shape": 3}, "TP-702", ["Circle or Polygon"]),
        ({"colour": "green"}, "TP-702", ["red or blue"]),
    ],
)
def test_variants_and_ranges_that_are_not_allowed(values, code, words):
    with pytest.raises(ConfigError) as caught:
        from_json(Drawing, values)
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Polygon("circle"),
        lambda: Polygon(side=0),
        lambda: Polygon(side=1.5),
        lambda: Drawing("square"),
        lambda: dataclasses.replace(Drawing(), colour="green"),
    ],
)
def test_values_made_in_python_are_checked_alike(make):
    with pytest.raises(ConfigError, match="TP-702"):
        make()


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Range(1), "1 or more"),
        (Range(0, open_low=True), "more than 0"),
        (Range(0, 1), "0 to 1"),
        (Range(0, 1, open_low=True), "more than 0, up to 1"),
        (Range(0, 180, open_high=True), "0 or more, less than 180"),
    ],
)
def test_ranges_say_what_they_allow(limits, text):
    assert str(limits) == text
