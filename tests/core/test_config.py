"""Configuration: frozen dataclasses to and from JSON, presets and their overrides."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import ConfigError
from trigpoint.features.encoders import ENCODERS
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.presets import DEFAULT_PRESET, PRESETS, preset_config


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


@pytest.mark.parametrize("name", PRESETS)
def test_presets_come_back_through_json(name):
    config = PRESETS[name]
    assert config.preset == name
    assert from_json(MappingConfig, json.loads(json.dumps(to_json(config), allow_nan=False))) == config
    assert preset_config(name) == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_possible(name):
    config = PRESETS[name]
    assert config.features.encoder in ENCODERS
    assert config.loss.norm in (1, 2) and config.optimizer.kind in ("adamw", "muon")
    assert 0 < config.loss.depth_min < config.loss.depth_target < config.loss.depth_max
    assert config.optimizer.kind != "muon" or config.optimizer.matrix_rate > 0


def test_the_default_preset_exists():
    assert DEFAULT_PRESET in PRESETS


def test_overrides_change_one_setting_each():
    config = preset_config("ace", ["optimizer.steps=500", "features.encoder=dense-sift", "buffer.augmentation.gamma=2"])
    assert config.optimizer == dataclasses.replace(PRESETS["ace"].optimizer, steps=500)
    assert config.features == dataclasses.replace(PRESETS["ace"].features, encoder="dense-sift")
    assert config.buffer.augmentation.gamma == 2.0
    assert config.head == PRESETS["ace"].head
    assert preset_config("ace", ["optimizer.steps=5", "optimizer.steps=6"]).optimizer.steps == 6


@pytest.mark.parametrize(
    ("override", "code", "words"),
    [
        ("optimizer.steps", "TP-714", "section.setting=value"),
        ("=5", "TP-714", "section.setting=value"),
        ("optimiser.steps=5", "TP-701", "Did you mean 'optimizer'"),
        ("optimizer.step=5", "TP-701", "Did you mean 'steps'"),
        ("optimizer.steps.more=5", "TP-701", "'steps'"),
        ("optimizer.=5", "TP-701", "Known"),
        ("optimizer.steps=many", "TP-702", "OptimizerConfig.steps"),
        ("optimizer.steps=", "TP-702", "OptimizerConfig.steps"),
        ("optimizer.steps=1.5", "TP-702", "OptimizerConfig.steps"),
        ("optimizer.learning_rate=NaN", "TP-702", "OptimizerConfig.learning_rate"),
        ("optimizer.learning_rate=1e999", "TP-702", "OptimizerConfig.learning_rate"),
        ("optimizer=5", "TP-702", "MappingConfig.optimizer"),
        ("optimizer.steps=0", "TP-702", "1 or more"),
        ("optimizer.batch=-1", "TP-702", "1 or more"),
        ("buffer.views_per_image=0", "TP-702", "1 or more"),
        ("head.width=0", "TP-702", "1 or more"),
        ("loss.norm=3", "TP-702", "1 or 2"),
        ("features.short_side_px=1", "TP-702", "32 or more"),
        ("head.hidden_ratio=0.0001", "TP-702", "1 / 512"),
        ("global_encoding.walks=slow", "TP-702", "quick or published"),
        ("global_encoding.depth_near=-1", "TP-702", "0 or more"),
        ("global_encoding.depth_far=-8", "TP-702", "depth_near"),
    ],
)
def test_wrong_overrides_are_refused(override, code, words):
    with pytest.raises(ConfigError) as caught:
        preset_config("ace", [override])
    assert caught.value.code == code and words in str(caught.value)


@pytest.mark.parametrize("change", ["features.encoder=aliked", "features.pca_dim=32"])
def test_lighterglue_is_for_whole_descriptors_of_xfeat(change):
    asked = "landmarks.matcher=lighterglue"
    for name in ("trig", "hierarchical"):
        preset_config(name, [asked])
        with pytest.raises(ConfigError, match=r"TP-702.*landmarks\.matcher"):
            preset_config(name, [asked, change])
    # Nothing is matched there.
    preset_config("ace-compact", [asked, change])


@pytest.mark.parametrize("schedule", ["circle", "blend", "log-circle"])
def test_only_a_circle_may_begin_at_zero(schedule):
    changes = [f"loss.final.schedule={schedule}", "loss.final.tau_start_px=0"]
    if schedule == "circle":
        assert preset_config("ace", changes).loss.final.tau_start_px == 0
    else:
        with pytest.raises(ConfigError, match=f"TP-702.*positive for {schedule}"):
            preset_config("ace", changes)


def test_unknown_presets_get_a_suggestion():
    with pytest.raises(ConfigError, match=r"TP-713.*Did you mean 'ace-compact'"):
        preset_config("ace-compct")


@pytest.mark.parametrize("name", PRESETS)
def test_a_narrower_network_and_half_of_the_samples_in_a_hurry(name):
    whole, part = preset_config(name), preset_config(name, fast=True)
    if whole.method == "hierarchical":
        assert part.landmarks.neighbours == 5
    drawn = part.optimizer.steps * part.optimizer.batch / (whole.optimizer.steps * whole.optimizer.batch)
    assert 0.49 < drawn <= 0.5
    assert part.head.width == whole.head.width * 3 // 4
    # Views that are all alike would say nothing new.
    assert part.buffer.augmentation != NO_AUGMENTATION or part.buffer.views_per_image == 1
    assert part.optimizer.batch % part.optimizer.parts == 0
    # What is asked for in so many words comes after that.
    assert preset_config(name, ["optimizer.steps=70"], fast=True).optimizer.steps == 70
