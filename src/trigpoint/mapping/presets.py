"""The table of presets. A method is one value here; a contract test runs over every entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.plugins import load_plugin, plugin_names
from trigpoint.features.views import AugmentationConfig
from trigpoint.mapping.config import FeatureConfig, MappingConfig, fast_variant
from trigpoint.mapping.encoding_config import DescriptorEncoding, NodeEncoding, PoseOverlap
from trigpoint.mapping.landmark_config import DirectConfig, HierarchicalConfig
from trigpoint.mapping.network_config import AcceptanceConfig, BufferConfig, LandmarkSupervision, NetworkConfig
from trigpoint.mapping.overrides import with_overrides
from trigpoint.mapping.training_config import AdamWConfig, HeadConfig, LossConfig, MuonConfig, RefinementConfig

DEFAULT_PRESET = "trig"
# Entry points of this group are recipes like those below, or mappings of names to some.
PLUGINS = "trigpoint.presets"

# The published recipes at their published sizes, meant for GPUs. ACE's own encoder and GLACE's retrieval network may not be
# used commercially or cannot be had, so the local encoding is XFeat's and the global one is made of the same features.
_ACE_NETWORK = NetworkConfig(
    buffer=BufferConfig(keypoints_per_view=1024, samples=8_000_000), optimizer=AdamWConfig(steps=24_992)
)
_GLACE_NETWORK = NetworkConfig(
    buffer=BufferConfig(keypoints_per_view=1024, samples=16_000_000),
    global_encoding=DescriptorEncoding(noise=0.1),
    head=HeadConfig(width=768),
    optimizer=AdamWConfig(steps=30_000),
)
_RSCORE_NETWORK = NetworkConfig(
    buffer=BufferConfig(keypoints_per_view=5000, samples=32_000_000),
    global_encoding=NodeEncoding(embedding="node2vec-published"),
    head=HeadConfig(width=768, blocks=3, hidden_ratio=2.0, clusters=50, pad_input=True),
    loss=LossConfig(norm=2, schedule="blend", tau_start_px=25.0),
    refinement=RefinementConfig(blocks=2),
    optimizer=AdamWConfig(learning_rate=3e-3, warmup_fraction=0.04, steps=100_000, batch=327_680),
)
_DENSE_XFEAT = FeatureConfig(encoder="xfeat-dense")
_DEDODE = FeatureConfig(encoder="dedode", query_keypoints=5000, pca_dim=128)

# Sized for two CPU cores: the best sparse keypoints, a quarter of ACE's network, Muon, and a loss that starts where even the
# errors of an untrained network have a gradient.
_COMPACT_FEATURES = FeatureConfig(query_keypoints=1500)
_COMPACT_NETWORK = NetworkConfig(
    buffer=BufferConfig(views_per_image=4, keypoints_per_view=1000, augmentation=AugmentationConfig(scale=4 / 3)),
    head=HeadConfig(width=256, standardize=True),
    loss=LossConfig(norm=2, schedule="log-circle", tau_start_px=200.0, depth_sigma=1.0),
    optimizer=MuonConfig(steps=1500, batch=2048),
    acceptance=AcceptanceConfig(validation_images=8),
)


# A network proposes where landmarks are too many to match each with every query.
_TRIG_NETWORK = replace(
    _COMPACT_NETWORK,
    images_per_network=300,
    supervision=LandmarkSupervision(min_samples=150_000),
    optimizer=MuonConfig(steps=1000),
    global_encoding=NodeEncoding(
        dim=64,
        embedding="spectral",
        overlap=PoseOverlap("frustum", direction_weight=True, threshold=0.4, min_neighbours=15.0),
        descriptor_dim=1024,
        min_images=200,
    ),
)


def _compact(preset: str, **changes: Any) -> MappingConfig:
    """A compact recipe whose network differs by some parts."""
    return MappingConfig(preset, _COMPACT_FEATURES, network=replace(_COMPACT_NETWORK, **changes))


def _glace(preset: str, **changes: Any) -> MappingConfig:
    """GLACE's recipe with the network of one of its data sets."""
    return MappingConfig(preset, _DENSE_XFEAT, network=replace(_GLACE_NETWORK, **changes))


_ALL = (
    MappingConfig("ace", _DENSE_XFEAT, network=_ACE_NETWORK),
    MappingConfig("poker", _DENSE_XFEAT, network=replace(_ACE_NETWORK, ensemble=4)),
    _glace("glace"),
    _glace(
        "glace-cambridge",
        head=HeadConfig(width=768, blocks=2),
        optimizer=AdamWConfig(steps=30_000, batch=163_840),
    ),
    _glace(
        "glace-rooms",
        head=HeadConfig(width=768, clusters=50),
        optimizer=AdamWConfig(steps=100_000, batch=40_960),
    ),
    _glace(
        "glace-aachen",
        head=HeadConfig(width=768, blocks=3, hidden_ratio=2.0, clusters=50),
        optimizer=AdamWConfig(steps=100_000, batch=327_680),
    ),
    MappingConfig("rscore", _DEDODE, network=_RSCORE_NETWORK),
    MappingConfig("rscore-large", _DEDODE, network=replace(_RSCORE_NETWORK, head=replace(_RSCORE_NETWORK.head, width=1280))),
    _compact("ace-compact"),
    _compact("poker-compact", ensemble=4, optimizer=MuonConfig(steps=800)),
    _compact(
        "glace-compact",
        # A network that is told which image it looks at learns images by heart, and never leaves the cameras where depth
        # adjustment makes near points cheap. VLAD's descriptors of one room are all but orthogonal: fewer of their numbers,
        # and more noise. One centre: with more, and several scenes in one map, all points of a scene can end far away.
        global_encoding=DescriptorEncoding(dim=32, noise=0.2),
        loss=replace(_COMPACT_NETWORK.loss, tau_start_px=100.0, depth_sigma=0.0),
    ),
    _compact(
        "rscore-compact",
        global_encoding=NodeEncoding(dim=128),
        head=HeadConfig(width=256, clusters=20, standardize=True),
        loss=replace(_COMPACT_NETWORK.loss, depth_sigma=0.0),
        refinement=RefinementConfig(blocks=1, schedule="log-circle", tau_start_px=200.0),
    ),
    # The classical way, to compare with: keypoints triangulated from the known poses, retrieval, matching.
    MappingConfig("hierarchical", _COMPACT_FEATURES, landmarks=HierarchicalConfig()),
    MappingConfig("hierarchical-compact", _COMPACT_FEATURES, landmarks=HierarchicalConfig(local_descriptors="mean")),
    # The same points, the most useful of them in 14 bytes each, and no retrieval.
    MappingConfig("direct", _COMPACT_FEATURES, landmarks=DirectConfig()),
    # Ours: what the measurements in docs/experiments.md say of networks, and with landmarks.
    MappingConfig("trig-network", _COMPACT_FEATURES, network=_TRIG_NETWORK),
    MappingConfig("trig", _COMPACT_FEATURES, network=replace(_TRIG_NETWORK, min_images=1000), landmarks=DirectConfig()),
)

PRESETS: dict[str, MappingConfig] = {config.preset: config for config in _ALL}


def resolve_config(config: str | MappingConfig, overrides: Sequence[str] = (), *, fast: bool = False) -> MappingConfig:
    """The recipe of this name, or the one that is given, with some settings changed.

    Args:
        config: key in ``PRESETS``, the name of a recipe of another package (``installed_presets``), or a value.
        overrides: ``"section.setting=value"`` each, such as ``"optimizer.steps=500"``: see ``with_overrides``.
        fast: make a less accurate map in less time: see ``fast_variant``. The overrides come after that.

    Raises:
        ConfigError: unknown preset (TP-713) or setting (TP-701), wrong value (TP-702), not of this form (TP-714), and
            as ``installed_presets``.
    """
    recipe = config if isinstance(config, MappingConfig) else _named(config)
    return with_overrides(fast_variant(recipe) if fast else recipe, overrides)


def installed_presets() -> dict[str, MappingConfig]:
    """Recipes of other packages: each entry point of the group ``trigpoint.presets`` is one, or a mapping of names to some.

    Raises:
        ConfigError: a package that cannot be loaded (TP-720), or an entry point that is something else (TP-712).
    """
    presets: dict[str, MappingConfig] = {}
    for name in plugin_names(PLUGINS):
        value = load_plugin(PLUGINS, name)
        recipes = {name: value} if isinstance(value, MappingConfig) else value
        if not isinstance(recipes, Mapping) or not all(isinstance(recipe, MappingConfig) for recipe in recipes.values()):
            raise ConfigError(
                "TP-712",
                f"'{name}' is no preset: it must be a MappingConfig or a mapping of names to some",
                where=PLUGINS,
                fix="Mend, update or uninstall its package.",
            )
        presets |= recipes
    return presets


def _named(name: str) -> MappingConfig:
    if name in PRESETS:
        return PRESETS[name]
    others = installed_presets()
    if name not in others:
        raise ConfigError("TP-713", f"unknown preset '{name}'", fix=did_you_mean(name, [*PRESETS, *others]))
    return others[name]
