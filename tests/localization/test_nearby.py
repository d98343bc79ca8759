"""Pairs of near points: all of them, and no others."""

import numpy as np
import pytest

from trigpoint.localization.nearby import pairs_within


@pytest.mark.parametrize(("count", "others", "radius"), [(300, 500, 10.0), (300, 500, 0.5), (1, 50, 300.0), (40, 1, 1e4)])
def test_all_pairs_are_found(count, others, radius):
    generator = np.random.default_rng(1)
    points, rest = generator.uniform(-300, 300, (count, 2)), generator.uniform(-400, 400, (others, 2))
    found = pairs_within(points, rest, radius)
    expected = np.argwhere(np.linalg.norm(points[:, None] - rest, axis=2) <= radius)
    assert sorted(zip(*(index.tolist() for index in found), strict=True)) == [tuple(pair) for pair in expected.tolist()]


def test_what_is_nowhere_is_near_to_nothing():
    points = np.array([[1.0, 2.0], [5.0, 5.0]])
    first, second = pairs_within(points, np.array([[np.nan, 2.0], [1e300, -1e300], [5.0, 6.0]]), 2.0)
    assert first.tolist() == [1] and second.tolist() == [2]
    for others in (np.zeros((0, 2)), np.full((3, 2), np.nan)):
        assert [len(part) for part in pairs_within(points, others, 2.0)] == [0, 0]
    assert [len(part) for part in pairs_within(np.zeros((0, 2)), points, 2.0)] == [0, 0]
