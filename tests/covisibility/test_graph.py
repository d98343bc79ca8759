"""The graph of images that see the same, and what training draws from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.posed_frames import communities, frame, graph, orbit, ring, scene

from trigpoint.core.errors import MappingError
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.covisibility.graph import build_graph
from trigpoint.covisibility.quality import average_precision


def test_an_orbit_is_a_ring():
    found = build_graph(scene(orbit(36)), method="frustum", threshold=0.5, depths=DepthRange(1, 5), direction_weight=True)
    assert len(found) == 36 and found.method == "frustum" and found.samples == 1024
    assert len(np.unique(found.components())) == 1 and len(found.isolated()) == 0
    for image in range(36):
        away = (found.neighbours(image) - image + 18) % 36 - 18
        assert {-1, 1} <= set(away) and np.abs(away).max() < 9
    assert found.edges == found.degrees().sum() // 2


def test_depths_come_from_the_scene():
    found = build_graph(scene(orbit(36)))
    assert found.depths is not None and found.depths.source == "axes"
    assert found.names == tuple(item.name for item in orbit(36))


def test_images_without_a_pose_are_no_nodes():
    from dataclasses import replace

    frames = orbit(12)
    frames[3] = replace(frames[3], cam_from_world=None)
    assert frames[3].name not in build_graph(scene(frames), depths=DepthRange(0.1, 8)).names


def test_a_lonely_image_at_the_end_keeps_its_row():
    frames = [*orbit(12), frame("z.jpg", (0, 500, 0))]
    found = build_graph(scene(frames), depths=DepthRange(0.1, 8))
    assert found.isolated().tolist() == [12] and len(found.neighbours(12)) == 0
    assert found.components()[12] not in found.components()[:12]
    table = found.neighbour_table()
    assert table.draw(torch.full((50,), 12), torch.Generator()).unique().tolist() == [12]


@pytest.mark.parametrize("options", [{"method": "matches"}, {"threshold": 0}, {"threshold": 1.5}])
def test_impossible_settings(options):
    with pytest.raises(MappingError, match="TP-624"):
        build_graph(scene(orbit(5)), **options)


def test_nothing_overlaps():
    with pytest.raises(MappingError, match="TP-625"):
        build_graph(scene([frame("a"), frame("b", (100, 0, 0))]), depths=DepthRange(0.1, 8))


def test_one_spot():
    with pytest.raises(MappingError, match="TP-622"):
        build_graph(scene([frame(f"{i}", yaw=30 * i) for i in range(12)]))


class TestNeighbourTable:
    def test_holds_neighbours_and_the_image_itself(self):
        some, _ = communities((6, 6))
        table = some.neighbour_table()
        assert table.indptr.dtype == table.indices.dtype == torch.int64
        for image in range(12):
            own = table.indices[table.indptr[image] : table.indptr[image + 1]].tolist()
            assert own == sorted([*some.neighbours(image).tolist(), image])

    def test_draws_uniformly(self):
        table = ring(10, reach=2).neighbour_table()
        drawn = table.draw(torch.full((20000,), 7), torch.Generator().manual_seed(0))
        counts = torch.bincount(drawn, minlength=10)
        assert counts.nonzero()[:, 0].tolist() == [5, 6, 7, 8, 9]
        assert (counts[5:] / 20000 - 0.2).abs().max() < 0.015

    def test_draws_for_each_image_of_a_batch_by_the_generator(self):
        table = ring(30).neighbour_table()
        image = torch.arange(30).repeat(20)
        first = table.draw(image, torch.Generator().manual_seed(3))
        assert torch.equal(first, table.draw(image, torch.Generator().manual_seed(3)))
        assert not torch.equal(first, table.draw(image, torch.Generator().manual_seed(4)))
        step = (first - image).remainder(30)
        assert set(step.tolist()) == {0, 1, 2, 28, 29}


class TestAveragePrecision:
    def test_perfect_and_random_codes(self):
        some = graph(np.kron(np.eye(4), np.ones((10, 10))) - np.eye(40))
        assert average_precision(np.repeat(np.eye(4), 10, axis=0).astype(np.float32), some) == 1
        fraction = some.weights.nnz / (40 * 39)
        noise = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
        assert average_precision(noise, some) == pytest.approx(fraction, abs=0.06)

    def test_ties_are_no_success(self):
        some = ring(20)
        assert average_precision(np.zeros((20, 3), np.float32), some) == pytest.approx(4 / 19)

    def test_some_rows_are_enough(self):
        some, label = communities((60, 60, 60))
        codes = np.eye(3, dtype=np.float32)[label] + np.random.default_rng(0).normal(0, 0.3, (180, 3)).astype(np.float32)
        assert average_precision(codes, some, pairs=60 * 179) == pytest.approx(average_precision(codes, some), abs=0.05)
