"""Networks from arrays that somebody else may have written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trigpoint.core.modules import restored_module

WEIGHTS = {"weight": np.arange(6, dtype=np.float16).reshape(2, 3), "bias": np.ones(2, np.float32)}


def test_weights_become_float32_and_nothing_random_is_drawn():
    before = torch.random.get_rng_state()
    layer = restored_module(lambda: nn.Linear(3, 2), WEIGHTS, 1)
    assert torch.equal(layer.weight, torch.arange(6.0).reshape(2, 3)) and layer.bias.dtype == torch.float32
    assert not layer.training and not layer.weight.requires_grad
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("size", [4, 10**6, 10**12, 10**30])
def test_sizes_that_the_arrays_do_not_have_cost_nothing(size):
    with pytest.raises((RuntimeError, TypeError)):
        restored_module(lambda: nn.Linear(size, size), WEIGHTS, 1)


def test_a_network_of_more_parts_than_arrays_is_not_made():
    with pytest.raises(ValueError, match="2 arrays for a network of 3 or more"):
        restored_module(lambda: pytest.fail("made"), WEIGHTS, 3)


@pytest.mark.parametrize("weight", [np.zeros((2, 3), np.complex64), np.zeros((2, 3)), np.full((2, 3), np.nan, np.float32)])
def test_other_types_and_nan_are_refused(weight):
    with pytest.raises(ValueError, match="weight has the type"):
        restored_module(lambda: nn.Linear(3, 2), {**WEIGHTS, "weight": weight}, 1)
