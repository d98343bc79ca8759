"""From a file of weights to a frozen network: read once, hashed, unpickled without code, and fitted strictly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from trigpoint.core.errors import WeightsError
from trigpoint.features.weights import find_weights, readable

Network = TypeVar("Network", bound=nn.Module)


def load_pretrained(
    name: str,
    make: Callable[[], Network],
    device: torch.device,
    unpack: Callable[[Any], Mapping[str, Tensor]] = dict,
) -> tuple[Network, str]:
    """A network with pretrained weights, tensors (O,) to (O, I, h, w), ready for inference, and the identity of its weights.

    The network is made without memory of its own and takes the tensors of the file as float32, so nothing is initialised
    at random, and global random states stay as they are.

    Args:
        name: key in ``WEIGHTS``.
        make: makes the network without weights.
        device: where it shall run.
        unpack: finds the network's tensors in what the file holds.

    Returns:
        The network and the SHA-256 of the bytes that were loaded.

    Raises:
        WeightsError: as ``stored_weights``, or the tensors do not fit the network (TP-512).
    """
    content, path, digest = stored_weights(name)
    with torch.device("meta"):
        network = make()
    try:
        network.load_state_dict(unpack(content), assign=True)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            "TP-512",
            f"this file does not hold the weights of '{name}' ({_first_line(error)})",
            where=path,
            fix="Look at 'trigpoint weights list' for the file that belongs there.",
        ) from error
    network = network.float().eval().requires_grad_(False).to(device)
    return network, digest


def stored_weights(name: str) -> tuple[Any, Path, str]:
    """What a file of weights holds, (...) tensors on the CPU as they were saved; the file, and the SHA-256 of its bytes.

    Raises:
        WeightsError: not on this machine (TP-501), not the checked file (TP-502), not to be read or not a file of tensors
            (TP-511).
    """
    path = find_weights(name)
    with readable(path):
        data = path.read_bytes()
    try:
        content = torch.load(BytesIO(data), weights_only=True, map_location="cpu")
    # A damaged file can make the unpickler raise almost anything.
    except Exception as error:
        raise WeightsError(
            "TP-511",
            f"the file of the weights '{name}' is damaged, or holds more than tensors ({type(error).__name__})",
            where=path,
            fix="Copy or download it again. Files that would run code are never opened.",
        ) from error
    return content, path, hashlib.sha256(data).hexdigest()


def joint_identity(*digests: str) -> str:
    """One SHA-256 for a network whose weights come in several files."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # torch names the network in its first line and the fault in the second.
    return (lines[min(1, len(lines) - 1)] if lines else type(error).__name__)[:160]
