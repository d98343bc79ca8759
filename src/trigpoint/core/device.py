"""Where tensors live. A CPU is always enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigpoint.core.errors import ConfigError

if TYPE_CHECKING:
    import torch


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: ``name``, or the first CUDA device if there is one, or the CPU.

    Raises:
        ConfigError: a device that does not exist (TP-703).
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError("TP-703", f"the device '{name}' cannot be used", fix="Try --device cpu.") from error
    return device
