"""Refusals that several global descriptors share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError


def tensor(state: Mapping[str, NDArray], name: str, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """A float32 copy of one tensor, such as centres (K, C), without unit; None in ``shape`` stands for any length.

    Raises:
        MappingError: missing, of another shape, or not finite (TP-633).
    """
    values = state.get(name)
    if values is None:
        raise unfit(f"the tensor '{name}' is missing")
    fits = len(values.shape) == len(shape) and all(
        want is None or have == want for have, want in zip(values.shape, shape, strict=True)
    )
    if not fits:
        raise unfit(f"the tensor '{name}' has the shape {tuple(values.shape)}")
    if values.dtype not in (np.float16, np.float32):
        raise unfit(f"the tensor '{name}' has the type {values.dtype}")
    copy = np.array(values, dtype=np.float32)
    if not np.isfinite(copy).all():
        raise unfit(f"the tensor '{name}' contains NaN or infinity")
    return copy


def unfit(detail: str) -> MappingError:
    """The error for a state that cannot be restored."""
    return MappingError("TP-633", f"the global descriptor of the map is damaged: {detail}", fix="Build the map again.")


def impossible_dim(name: str, dim: int, allowed: str) -> MappingError:
    """The error for a length that a kind of descriptor cannot have."""
    return MappingError("TP-632", f"the descriptor '{name}' cannot have {dim} numbers", fix=f"Its length is {allowed}.")
