"""How many cases the tests of this folder draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def cases(request) -> Callable[[int], range]:
    """``cases(40)`` counts the 40 seeded cases of a test; ``--faults N`` draws N times as many, the same ones first."""

    def counted(usual: int) -> range:
        return range(usual * request.config.getoption("faults"))

    return counted
