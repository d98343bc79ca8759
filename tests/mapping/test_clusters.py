"""Groups of cameras: position decoder centres and the parts of an ensemble."""

import numpy as np
import pytest

from trigpoint.core.errors import MappingError
from trigpoint.mapping.clusters import cluster_centres, split_cameras

CORNERS = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [10, 10, 5]])


def rooms(sizes, seed=0):
    generator = np.random.default_rng(seed)
    return np.concatenate(
        [corner + generator.normal(0, 0.2, (size, 3)) for corner, size in zip(CORNERS, sizes, strict=False)]
    )


def test_centres_are_those_of_the_rooms():
    positions = rooms((20, 30, 10, 25))
    centres = cluster_centres(positions, 4, seed=3).numpy()
    distance = np.linalg.norm(centres[:, None] - CORNERS[None], axis=2)
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2, 3] and distance.min(axis=1).max() < 0.3
    assert np.array_equal(centres, cluster_centres(positions, 4, seed=3).numpy())


def test_no_more_centres_than_images():
    assert cluster_centres(CORNERS, 50, seed=0).shape == (4, 3)


def test_the_parts_of_an_ensemble_are_the_rooms():
    sizes = (20, 30, 10, 25)
    group = split_cameras(rooms(sizes), 4, seed=1)
    parts = np.split(group, np.cumsum(sizes)[:-1])
    assert all(len(set(part)) == 1 for part in parts)
    assert {part[0] for part in parts} == {0, 1, 2, 3}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
def test_every_part_has_images(count):
    group = split_cameras(rooms((40, 20, 20, 10)), count, seed=2)
    assert sorted(set(group)) == list(range(count))


def test_the_largest_part_is_halved():
    # Two far groups of unequal size: the third part comes from the larger one.
    group = split_cameras(rooms((60, 20)), 3, seed=0)
    assert len(set(group[:60])) == 2 and len(set(group[60:])) == 1


@pytest.mark.parametrize("positions", [np.zeros((10, 3)), CORNERS[[0, 1, 0, 1, 0]]])
def test_too_many_parts_are_refused(positions):
    with pytest.raises(MappingError, match="TP-661") as caught:
        split_cameras(positions, 3, seed=0)
    assert "ensemble" in caught.value.fix
