"""The table of presets. A method is one value here; a contract test runs over every entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.features.views import AugmentationConfig
from trigpoint.mapping.config import (
    AcceptanceConfig,
    BufferConfig,
    FeatureConfig,
    GlobalConfig,
    MappingConfig,
    fast_variant,
)
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.mapping.training_config import HeadConfig, LossConfig, OptimizerConfig, TermConfig

DEFAULT_PRESET = "trig"

# The published recipes at their published sizes, meant for GPUs. ACE's own encoder and GLACE's retrieval network may not be
# used commercially or cannot be had, so the local encoding is XFeat's and the global one is made of the same features.
_ACE = MappingConfig(
    preset="ace",
    features=FeatureConfig(encoder="xfeat-dense"),
    buffer=BufferConfig(keypoints_per_view=1024, samples=8_000_000),
    optimizer=OptimizerConfig(steps=24_992),
)
_GLACE = MappingConfig(
    preset="glace",
    features=FeatureConfig(encoder="xfeat-dense"),
    buffer=BufferConfig(keypoints_per_view=1024, samples=16_000_000),
    global_encoding=GlobalConfig(kind="descriptor", noise=0.1),
    head=HeadConfig(width=768),
    optimizer=OptimizerConfig(steps=30_000),
)
_RSCORE = MappingConfig(
    preset="rscore",
    features=FeatureConfig(encoder="dedode", query_keypoints=5000, pca_dim=128),
    buffer=BufferConfig(keypoints_per_view=5000, samples=32_000_000),
    global_encoding=GlobalConfig(kind="codes", walks="published"),
    head=HeadConfig(width=768, blocks=3, hidden_ratio=2.0, clusters=50, refiner_blocks=2, pad_input=True),
    loss=LossConfig(
        norm=2,
        coarse=TermConfig(robust="geman-mcclure", schedule="blend", depth_sigma=3.0, depth_fades=False),
        final=TermConfig(schedule="blend", tau_start_px=25.0),
        tie_fraction=0.5,
    ),
    optimizer=OptimizerConfig(learning_rate=3e-3, warmup_fraction=0.04, steps=100_000, batch=327_680, parts=8),
)

# Sized for two CPU cores: the best sparse keypoints, a quarter of ACE's network, Muon, and a loss that starts where even the
# errors of an untrained network have a gradient.
_COMPACT = MappingConfig(
    preset="ace-compact",
    features=FeatureConfig(query_keypoints=1500),
    buffer=BufferConfig(
        views_per_image=4,
        keypoints_per_view=1000,
        augmentation=AugmentationConfig(scale_min=0.75, scale_max=4 / 3),
    ),
    head=HeadConfig(width=256, standardize=True),
    loss=LossConfig(norm=2, final=TermConfig(schedule="log-circle", tau_start_px=200.0, depth_sigma=1.0)),
    optimizer=OptimizerConfig(kind="muon", matrix_rate=0.04, warmup_fraction=0.04, steps=1500, batch=2048),
    acceptance=AcceptanceConfig(validation_images=8),
)

# The classical way, to compare with: keypoints triangulated from the known poses, retrieval, matching.
_HIERARCHICAL = MappingConfig(preset="hierarchical", method="hierarchical", features=FeatureConfig(query_keypoints=1500))

_ALL = (
    _ACE,
    replace(_ACE, preset="poker", ensemble=4),
    _GLACE,
    replace(
        _GLACE,
        preset="glace-cambridge",
        head=replace(_GLACE.head, blocks=2),
        optimizer=replace(_GLACE.optimizer, batch=163_840, parts=4),
    ),
    replace(
        _GLACE,
        preset="glace-rooms",
        head=replace(_GLACE.head, clusters=50),
        optimizer=replace(_GLACE.optimizer, steps=100_000, batch=40_960),
    ),
    replace(
        _GLACE,
        preset="glace-aachen",
        head=replace(_GLACE.head, blocks=3, hidden_ratio=2.0, clusters=50),
        optimizer=replace(_GLACE.optimizer, steps=100_000, batch=327_680, parts=8),
    ),
    _RSCORE,
    replace(_RSCORE, preset="rscore-large", head=replace(_RSCORE.head, width=1280)),
    _COMPACT,
    replace(_COMPACT, preset="poker-compact", ensemble=4, optimizer=replace(_COMPACT.optimizer, steps=800)),
    replace(
        _COMPACT,
        preset="glace-compact",
        # A network that is told which image it looks at learns images by heart, and never leaves the cameras where depth
        # adjustment makes near points cheap. VLAD's descriptors of one room are all but orthogonal: fewer of their numbers,
        # and more noise. One centre: with more, and several scenes in one map, all points of a scene can end far away.
        global_encoding=GlobalConfig(kind="descriptor", dim=32, noise=0.2),
        loss=replace(_COMPACT.loss, final=replace(_COMPACT.loss.final, tau_start_px=100.0, depth_sigma=0.0)),
    ),
    replace(
        _COMPACT,
        preset="rscore-compact",
        global_encoding=GlobalConfig(kind="codes", dim=128),
        head=HeadConfig(width=256, clusters=20, refiner_blocks=1, standardize=True),
        loss=replace(
            _RSCORE.loss,
            coarse=replace(_RSCORE.loss.coarse, schedule="log-circle", tau_start_px=200.0),
            final=replace(_COMPACT.loss.final, depth_sigma=0.0),
        ),
    ),
    _HIERARCHICAL,
    replace(_HIERARCHICAL, preset="hierarchical-compact", landmarks=LandmarkConfig(kept="mean")),
    # Ours: what the measurements in docs/experiments.md say.
    replace(
        _COMPACT,
        preset="trig",
        images_per_network=300,
        buffer=replace(_COMPACT.buffer, min_samples=150_000),
        loss=replace(_COMPACT.loss, supervision="landmarks"),
        optimizer=replace(_COMPACT.optimizer, steps=1000),
        global_encoding=GlobalConfig(
            kind="codes",
            dim=64,
            descriptor_dim=1024,
            codes="spectral",
            overlap="frustum",
            direction_weight=True,
            min_overlap=0.4,
            min_neighbours=15.0,
            min_images=200,
        ),
    ),
)

PRESETS: dict[str, MappingConfig] = {config.preset: config for config in _ALL}


def preset_config(name: str, overrides: Sequence[str] = (), *, fast: bool = False) -> MappingConfig:
    """The configuration of a preset with some settings changed.

    Args:
        name: key in ``PRESETS``.
        overrides: ``"section.setting=value"`` each, such as ``"optimizer.steps=500"``.
        fast: make a less accurate map in less time: see ``fast_variant``. The overrides come after that.

    Raises:
        ConfigError: unknown preset (TP-713) or setting (TP-701), wrong value (TP-702), not of this form (TP-714).
    """
    if name not in PRESETS:
        raise ConfigError("TP-713", f"unknown preset '{name}'", fix=did_you_mean(name, PRESETS))
    document = to_json(fast_variant(PRESETS[name]) if fast else PRESETS[name])
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not path:
            raise ConfigError(
                "TP-714", f"'{override}' is not of the form section.setting=value", fix="Try optimizer.steps=500."
            )
        _assign(document, path.split("."), _value(text), override)
    return from_json(MappingConfig, document)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(document: dict[str, Any], path: Sequence[str], value: Any, override: str) -> None:
    for depth, key in enumerate(path):
        if key not in document:
            scene = ".".join(path[:depth]) or "a preset"
            raise ConfigError(
                "TP-701", f"unknown setting '{key}' of {scene}", where=override, fix=did_you_mean(key, document)
            )
        if depth + 1 == len(path):
            document[key] = value
        elif isinstance(document[key], Mapping):
            document = document[key]
        else:
            raise ConfigError("TP-701", f"'{key}' has no settings of its own", where=override, fix="Shorten the name.")
