"""Where tensors live. A CPU is always enough."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trigpoint.core.errors import ConfigError

if TYPE_CHECKING:
    import torch


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: ``name``, or a CUDA device if there is one, or the CPU.

    Of several processes that ``torchrun`` started on one machine each takes a GPU of its own: NCCL refuses two on one.

    Raises:
        ConfigError: a device that does not exist (TP-703).
    """
    import torch

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{int(os.environ['LOCAL_RANK'])}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            "TP-703", f"the device '{name}' cannot be used", fix="Try --device cpu, or fewer processes."
        ) from error
    return device
