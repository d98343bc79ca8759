"""What an evaluation depends on beside the photos: the settings of the map, and the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from typing import Any, cast

import trigpoint
from trigpoint.core.config import to_json
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.presets import PRESETS


def changed_settings(config: MappingConfig) -> dict[str, str]:
    """The settings that differ from the defaults, by name; those that the preset has otherwise say so."""
    default = dict(_flat(to_json(MappingConfig(preset=config.preset))))
    preset = dict(_flat(to_json(PRESETS[config.preset]))) if config.preset in PRESETS else {}
    found = {"preset": config.preset}
    for name, value in _flat(to_json(config)):
        own = preset.get(name, value)
        if value != default.get(name) or value != own:
            found[name] = str(value) if value == own else f"{value} (preset: {own})"
    return found


def machine_facts() -> dict[str, str]:
    """The machine and the programs that the times and numbers were measured with."""
    import torch

    facts = {
        "processor": platform.processor() or platform.machine(),
        "CPU count": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "platform": platform.platform(),
        "Python": platform.python_version(),
        "torch": str(torch.__version__),
        "trigpoint": trigpoint.__version__,
    }
    return facts | ({"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(cast(Mapping[str, Any], value), f"{above}{key}.")
        else:
            yield f"{above}{key}", value
