"""Networks from the arrays of a file that somebody else may have written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")


def restored_module(make: Callable[[], Network], arrays: Mapping[str, NDArray[Any]], parts: int) -> Network:
    """A network in evaluation mode on the CPU with the weights of a file, shapes (...) and units as it has them.

    The network is made without memory of its own and takes the arrays as float32, so sizes that the file does not hold cost
    nothing, and nothing is initialised at random.

    Args:
        make: makes the network.
        arrays: float16 or float32, by the names in its state.
        parts: least number of arrays of the network, in words of its settings: one that has more parts than the file has
            arrays is not made at all.

    Raises:
        RuntimeError, TypeError, ValueError: arrays that do not fit the network, of another type, or not finite.
    """
    import torch

    if parts > len(arrays):
        raise ValueError(f"{len(arrays)} arrays for a network of {parts} or more")
    for name, array in arrays.items():
        if array.dtype not in (np.float16, np.float32) or not np.isfinite(array).all():
            raise ValueError(f"{name} has the type {array.dtype}, or is not finite")
    with torch.device("meta"):
        network = make()
    weights = {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)
