"""Presets: the table, changed settings, recipes from other packages, and what cannot be written down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.plugin_package import install_plugin

from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import ConfigError
from trigpoint.features.encoders import ENCODERS
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.mapping.config import FeatureConfig, MappingConfig, fitted_to
from trigpoint.mapping.encoding_config import DescriptorEncoding, NodeEncoding, PoseOverlap, TrackOverlap
from trigpoint.mapping.landmark_config import HierarchicalConfig, TriangulationConfig
from trigpoint.mapping.network_config import GivenSupervision, NetworkConfig
from trigpoint.mapping.presets import DEFAULT_PRESET, PLUGINS, PRESETS, installed_presets, resolve_config
from trigpoint.mapping.training_config import AdamWConfig, HeadConfig, MuonConfig, RefinementConfig

BOTH = replace(PRESETS["trig-network"], preset="both", landmarks=HierarchicalConfig())


@pytest.mark.parametrize("config", [*PRESETS.values(), BOTH], ids=lambda config: config.preset)
def test_recipes_come_back_through_json(config):
    assert from_json(MappingConfig, json.loads(json.dumps(to_json(config), allow_nan=False))) == config
    assert resolve_config(config) == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_possible(name):
    config = PRESETS[name]
    assert config.preset == name and resolve_config(name) == config
    assert config.features.encoder in ENCODERS


def test_the_default_preset_exists():
    assert DEFAULT_PRESET in PRESETS


@pytest.mark.parametrize(
    "make",
    [
        lambda: MappingConfig("nothing"),
        lambda: replace(PRESETS["hierarchical"], landmarks=None),
        lambda: replace(PRESETS["ace"], network=None),
        lambda: MappingConfig("x", network=HierarchicalConfig()),
        lambda: NetworkConfig(global_encoding=HierarchicalConfig()),
        lambda: NetworkConfig(supervision="landmarks"),
        lambda: GivenSupervision("landmarks"),
        lambda: NetworkConfig(ensemble=65),
        lambda: NetworkConfig(head=HeadConfig(width=95), refinement=RefinementConfig()),
        lambda: PoseOverlap("tracks"),
        lambda: PoseOverlap(depths=(8.0, 0.1)),
        lambda: RefinementConfig(blocks=0),
        lambda: replace(
            PRESETS["trig-network"],
            features=FeatureConfig(encoder="aliked"),
            triangulation=TriangulationConfig(matcher="lighterglue"),
        ),
    ],
)
def test_wrong_states_are_refused(make):
    with pytest.raises(ConfigError, match="TP-702"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrackOverlap(direction_weight=True),
        lambda: DescriptorEncoding(overlap=PoseOverlap()),
        lambda: AdamWConfig(matrix_rate=0.1),
        lambda: HierarchicalConfig(steps=5),
        lambda: MappingConfig("x", method="regression", network=NetworkConfig()),
    ],
)
def test_settings_of_another_kind_cannot_be_written(make):
    with pytest.raises(TypeError):
        make()


def test_overrides_change_one_setting_each():
    config = resolve_config("ace", ["optimizer.steps=500", "features.encoder=dense-sift", "buffer.augmentation.gamma=2"])
    network = PRESETS["ace"].network
    assert config.network.optimizer == replace(network.optimizer, steps=500)
    assert config.features == replace(PRESETS["ace"].features, encoder="dense-sift")
    assert config.network.buffer.augmentation.gamma == 2.0
    assert config.network.head == network.head
    assert resolve_config("ace", ["optimizer.steps=5", "optimizer.steps=6"]).network.optimizer.steps == 6


def test_settings_are_named_by_the_last_parts_of_their_path():
    assert resolve_config("trig-network", ["steps=5"]) == resolve_config("trig-network", ["network.optimizer.steps=5"])
    assert resolve_config("trig-network", ["overlap.threshold=0.3"]).network.global_encoding.overlap.threshold == 0.3
    # Unique among the settings of this recipe, not of all.
    assert resolve_config("hierarchical", ["descriptor_dim=64"]).landmarks.descriptor_dim == 64
    assert resolve_config("trig-network", ["descriptor_dim=64"]).network.global_encoding.descriptor_dim == 64
    with pytest.raises(ConfigError, match=r"TP-701.*network\.global_encoding\.descriptor_dim or landmarks\.descriptor_dim"):
        resolve_config(BOTH, ["descriptor_dim=64"])


def test_another_kind_keeps_what_both_know():
    config = resolve_config("trig-network", ["global_encoding.kind=descriptor", "noise=0.3"])
    assert config.network.global_encoding == DescriptorEncoding(dim=64, noise=0.3)
    config = resolve_config("ace", ["optimizer=muon", "matrix_rate=0.03"])
    assert config.network.optimizer == MuonConfig("muon", 24_992, 5_120, 5e-3, 0.03, 0.3)
    assert resolve_config("ace", ["global_encoding=node-embedding"]).network.global_encoding == NodeEncoding()
    assert resolve_config("rscore", ["overlap.kind=tracks"]).network.global_encoding.overlap == TrackOverlap()


def test_parts_are_left_out_and_added():
    assert resolve_config("trig-network", ["global_encoding=none", "supervision=null"]).network.supervision is None
    assert resolve_config("ace", ["supervision=depth"]).network.supervision == GivenSupervision("depth")
    assert resolve_config("trig-network", ["landmarks=hierarchical"]).landmarks == HierarchicalConfig()
    assert (
        resolve_config("trig-network", ["landmarks=hierarchical", "landmarks.descriptor_dim=9"]).landmarks.descriptor_dim
        == 9
    )
    assert resolve_config("rscore-compact", ["refinement=none"]).network.refinement is None
    alone = resolve_config("hierarchical", ["network={}", "landmarks=none"])
    assert alone.network == NetworkConfig() and alone.landmarks is None


@pytest.mark.parametrize(
    ("override", "code", "words"),
    [
        ("optimizer.steps", "TP-714", "section.setting=value"),
        ("=5", "TP-714", "section.setting=value"),
        ("optimiser.steps=5", "TP-701", "Did you mean 'optimizer.steps'"),
        ("stepps=5", "TP-701", "Did you mean 'steps'"),
        ("optimizer.step=5", "TP-701", "Did you mean 'steps'"),
        ("optimizer.steps.more=5", "TP-701", "optimizer.steps.more"),
        ("optimizer.=5", "TP-701", "Known"),
        ("width=none", "TP-702", "HeadConfig.width"),
        ("min_images=5", "TP-701", "triangulation.min_images or network.min_images or network.acceptance.min_images"),
        ("descriptor=vlad", "TP-701", "network.global_encoding is none"),
        ("matrix_rate=0.1", "TP-701", "network.optimizer is adamw"),
        ("landmarks.descriptor_dim=3", "TP-701", "landmarks is none"),
        ("optimizer.steps=many", "TP-702", "AdamWConfig.steps"),
        ("optimizer.steps=", "TP-702", "AdamWConfig.steps"),
        ("optimizer.steps=1.5", "TP-702", "AdamWConfig.steps"),
        ("optimizer.learning_rate=NaN", "TP-702", "AdamWConfig.learning_rate"),
        ("optimizer.learning_rate=1e999", "TP-702", "AdamWConfig.learning_rate"),
        ("optimizer=5", "TP-702", "NetworkConfig.optimizer"),
        ("optimizer.kind=sgd", "TP-702", "adamw or muon"),
        ("optimizer.steps=0", "TP-702", "1 or more"),
        ("optimizer.batch=-1", "TP-702", "1 or more"),
        ("buffer.views_per_image=0", "TP-702", "1 or more"),
        ("head.width=0", "TP-702", "1 or more"),
        ("loss.norm=3", "TP-702", "1 or 2"),
        ("features.short_side_px=1", "TP-702", "32 to"),
        ("head.hidden_ratio=0.0001", "TP-702", "1 / 512"),
        ("network=none", "TP-702", "source of scene coordinates"),
    ],
)
def test_wrong_overrides_are_refused(override, code, words):
    with pytest.raises(ConfigError) as caught:
        resolve_config("ace", [override])
    assert caught.value.code == code and words in str(caught.value)


@pytest.mark.parametrize("schedule", ["circle", "blend", "log-circle"])
def test_only_a_circle_may_begin_at_zero(schedule):
    changes = [f"loss.schedule={schedule}", "loss.tau_start_px=0"]
    if schedule == "circle":
        assert resolve_config("ace", changes).network.loss.tau_start_px == 0
    else:
        with pytest.raises(ConfigError, match=f"TP-702.*positive for {schedule}"):
            resolve_config("ace", changes)


def test_unknown_presets_get_a_suggestion():
    with pytest.raises(ConfigError, match=r"TP-713.*Did you mean 'ace-compact'"):
        resolve_config("ace-compct")


@pytest.mark.parametrize("config", [*PRESETS.values(), BOTH], ids=lambda config: config.preset)
def test_the_fast_variant_has_a_narrower_network_and_half_of_the_samples(config):
    fast = resolve_config(config, fast=True)
    assert fast.triangulation.neighbours == 5
    if config.network is None:
        assert fast == replace(config, triangulation=fast.triangulation)
        return
    whole, part = config.network, fast.network
    assert (part.optimizer.steps, part.optimizer.batch) == (whole.optimizer.steps, whole.optimizer.batch // 2)
    assert part.head.width == whole.head.width * 3 // 4
    # Views that are all alike would say nothing new.
    assert part.buffer.augmentation != NO_AUGMENTATION or part.buffer.views_per_image == 1
    # What is asked for in so many words comes after that.
    assert resolve_config(config, ["optimizer.steps=70"], fast=True).network.optimizer.steps == 70


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Puts a package with an entry point of presets on the path: an object reference, and the code of its module."""

    def install(value, code):
        monkeypatch.syspath_prepend(str(install_plugin(tmp_path, PLUGINS, "field", value, code)))

    return install


RECIPES = """
from dataclasses import replace
from trigpoint.mapping.presets import PRESETS
ONE = replace(PRESETS["trig-network"], preset="field")
MANY = {"meadow": replace(ONE, preset="meadow"), "forest": replace(ONE, preset="forest")}
"""


def test_presets_of_other_packages(package):
    package("one_recipe:ONE", RECIPES)
    assert resolve_config("field", ["optimizer.steps=3"]).network.optimizer.steps == 3
    assert resolve_config("field").preset == "field"


def test_a_package_may_bring_several_presets(package):
    package("some_recipes:MANY", RECIPES)
    assert set(installed_presets()) == {"meadow", "forest"}
    assert resolve_config("forest").preset == "forest"
    with pytest.raises(ConfigError, match=r"TP-713.*Did you mean 'meadow'"):
        resolve_config("meadov")


@pytest.mark.parametrize(
    ("value", "source", "code"),
    [
        ("raising_recipes:ONE", "1 / 0", "TP-720"),
        ("empty_recipes:ONE", "", "TP-720"),
        ("number_recipes:ONE", "ONE = 5", "TP-712"),
        ("mapped_recipes:ONE", "ONE = {'a': 1}", "TP-712"),
    ],
)
def test_a_package_whose_presets_are_none_is_named(package, value, source, code):
    package(value, source)
    with pytest.raises(ConfigError, match=rf"{code}.*'field'"):
        resolve_config("field")
    # Nobody who asks for ours is in its way.
    assert resolve_config("trig-network") == PRESETS["trig-network"]


def test_a_budget_that_is_full_before_the_first_landmark_is_refused():
    config = resolve_config("direct", ["budget_kb=64"])
    assert fitted_to(config, 1000) == config
    with pytest.raises(ConfigError, match=r"TP-702 landmarks.budget_kb is 64. It must be 102 or more for 3000 images"):
        fitted_to(config, 3000)
    assert fitted_to(resolve_config("direct", ["budget_kb=102"]), 3000).landmarks.landmark_bytes(3000) == 2000


def test_a_budget_that_is_not_said_grows_with_the_images():
    config = resolve_config("direct").landmarks
    assert [config.budget_for(images) for images in (5, 160, 1000, 5000)] == [64, 160, 1000, 5000]


def test_small_scenes_have_landmarks_alone_and_dense_encoders_a_network():
    trig = resolve_config("trig")
    small, large = fitted_to(trig, 999), fitted_to(trig, 1000)
    assert small.network is None and small.landmarks == trig.landmarks
    assert large.network is not None and large.landmarks == trig.landmarks
    dense = fitted_to(resolve_config("trig", ["features.encoder=dense-sift"]), 50)
    assert dense.landmarks is None and dense.network is not None and dense.network.supervision is None
    assert fitted_to(dense, 50) == dense
    with pytest.raises(ConfigError, match=r"TP-702 network.min_images is 9. It must be 0 where there are no landmarks"):
        resolve_config("trig-network", ["network.min_images=9"])
