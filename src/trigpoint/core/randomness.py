"""Every random number comes from a generator named by its purpose and derived from one seed.

Adding a new use of randomness therefore never changes the numbers that another part draws, and a stage can be resumed in
the middle because the generator of step n does not depend on what was drawn before it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, such as ``derived_seed(7, "augmentation", 12)``."""
    text = "/".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A numpy generator for one purpose."""
    return np.random.default_rng(derived_seed(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A torch generator on the CPU for one purpose."""
    import torch

    return torch.Generator().manual_seed(derived_seed(seed, *purpose))
