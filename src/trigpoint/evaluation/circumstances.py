"""What an evaluation depends on beside the images: the settings of the map, and the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from trigpoint._version import __version__
from trigpoint.core.config import to_json
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.landmark_config import HierarchicalConfig
from trigpoint.mapping.network_config import NetworkConfig
from trigpoint.mapping.presets import PRESETS


def changed_settings(config: MappingConfig) -> dict[str, str]:
    """The settings that differ from the defaults, by name; those that the preset has otherwise say so."""
    default = dict(_flat(to_json(MappingConfig(config.preset, network=NetworkConfig(), landmarks=HierarchicalConfig()))))
    preset = dict(_flat(to_json(PRESETS[config.preset]))) if config.preset in PRESETS else {}
    settings = {"preset": config.preset}
    for name, value in _flat(to_json(config)):
        of_preset = preset.get(name, value)
        if value != default.get(name) or value != of_preset:
            settings[name] = _text(value) if value == of_preset else f"{_text(value)} (preset: {_text(of_preset)})"
    return settings


def machine_facts() -> dict[str, str]:
    """The machine and the programs that the times and numbers were measured with."""
    import torch

    facts = {
        "processor": _processor(),
        "CPU count": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "platform": platform.platform(),
        "Python": platform.python_version(),
        "torch": str(torch.__version__),
        "trigpoint": __version__,
    }
    return facts | ({"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _processor() -> str:
    """What the processor calls itself, and its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {platform.machine()}"
    return platform.processor() or platform.machine()


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(cast(Mapping[str, Any], value), f"{above}{key}.")
        else:
            yield f"{above}{key}", value
