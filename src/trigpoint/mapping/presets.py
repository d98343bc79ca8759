"""The table of presets. A method is one value here; a contract test runs over every entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.features.views import AugmentationConfig
from trigpoint.mapping.config import BufferConfig, FeatureConfig, HeadConfig, LossConfig, MappingConfig, OptimizerConfig

DEFAULT_PRESET = "ace-compact"

PRESETS: dict[str, MappingConfig] = {
    # ACE as published (Brachmann et al., CVPR 2023): 8 M samples, 16 passes, AdamW. Its own encoder may not be used
    # commercially, so the local encoding is XFeat's. Meant for a GPU.
    "ace": MappingConfig(
        preset="ace",
        features=FeatureConfig(encoder="xfeat-dense"),
        buffer=BufferConfig(keypoints_per_view=1024, samples=8_000_000),
        optimizer=OptimizerConfig(steps=24_992),
    ),
    # Sized for two CPU cores: the best sparse keypoints, a quarter of the network, Muon, and a loss that starts where even
    # the errors of an untrained network have a gradient.
    "ace-compact": MappingConfig(
        preset="ace-compact",
        features=FeatureConfig(query_keypoints=1500),
        buffer=BufferConfig(
            views_per_photo=4,
            keypoints_per_view=1000,
            augmentation=AugmentationConfig(scale_min=0.75, scale_max=4 / 3),
        ),
        head=HeadConfig(width=256, standardize=True),
        loss=LossConfig(norm=2, schedule="log-circle", tau_start_px=200.0, depth_sigma=1.0),
        optimizer=OptimizerConfig(kind="muon", matrix_rate=0.04, warmup_share=0.04, steps=1500, batch=2048),
    ),
}


def preset_config(name: str, overrides: Sequence[str] = ()) -> MappingConfig:
    """The configuration of a preset with some settings changed.

    Args:
        name: key in ``PRESETS``.
        overrides: ``"section.setting=value"`` each, such as ``"optimizer.steps=500"``.

    Raises:
        ConfigError: unknown preset (TP-713) or setting (TP-701), wrong value (TP-702), not of this form (TP-714).
    """
    if name not in PRESETS:
        raise ConfigError("TP-713", f"unknown preset '{name}'", fix=did_you_mean(name, PRESETS))
    document = to_json(PRESETS[name])
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
            place = ".".join(path[:depth]) or "a preset"
            raise ConfigError(
                "TP-701", f"unknown setting '{key}' of {place}", where=override, fix=did_you_mean(key, document)
            )
        if depth + 1 == len(path):
            document[key] = value
        elif isinstance(document[key], Mapping):
            document = document[key]
        else:
            raise ConfigError("TP-701", f"'{key}' has no settings of its own", where=override, fix="Shorten the name.")
