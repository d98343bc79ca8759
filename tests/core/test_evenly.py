"""An even choice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigpoint.core.evenly import evenly


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_as_many_as_wanted_all_different_and_even(total, wanted):
    chosen = evenly(total, wanted)
    assert len(chosen) == min(total, wanted)
    if len(chosen):
        assert chosen[0] == 0 and (np.diff(chosen) > 0).all()
    if len(chosen) > 1:
        assert chosen[-1] == total - 1 and np.diff(chosen).max() - np.diff(chosen).min() <= 1


@pytest.mark.parametrize(("total", "wanted", "chosen"), [(10, 3, [0, 4, 9]), (4, 9, [0, 1, 2, 3]), (5, 1, [0]), (0, 3, [])])
def test_examples(total, wanted, chosen):
    assert evenly(total, wanted).tolist() == chosen
