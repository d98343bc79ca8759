"""Walks on the covisibility graph, codes learned from them, and codes in closed form."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from support.posed_frames import communities, graph, ring

from trigpoint.core.errors import ConfigError
from trigpoint.covisibility.node2vec import (
    Node2VecParams,
    node2vec_codes,
    quick_params,
    random_nodes,
    start_nodes,
    window_loss,
)
from trigpoint.covisibility.quality import average_precision
from trigpoint.covisibility.spectral import spectral_codes
from trigpoint.covisibility.walks import Walker

FAST = Node2VecParams(walks_per_node=1, steps=120, initial_std=0.1)
pytestmark = pytest.mark.usefixtures("one_thread")


def rng(seed=0):
    return np.random.default_rng(seed)


class TestWalks:
    @pytest.mark.parametrize("matrix_nodes", [0, 10_000])
    def test_steps_are_edges(self, matrix_nodes):
        some, _ = communities((15, 15))
        walks = Walker.on(some, 0.25, 4.0, matrix_nodes=matrix_nodes).walks(np.arange(30).repeat(20), 12, rng())
        assert walks.shape == (600, 12) and (walks[:, 0] == np.arange(30).repeat(20)).all()
        assert (some.weights.toarray()[walks[:, :-1], walks[:, 1:]] > 0).all()

    def test_both_ways_to_look_up_edges_agree(self):
        some, _ = communities((15, 15))
        walks = [Walker.on(some, 0.5, 2.0, matrix_nodes=n).walks(np.arange(30), 15, rng()) for n in (0, 100)]
        np.testing.assert_array_equal(*walks)

    @pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (1.0, 1.0), (0.1, 0.1), (5.0, 3.0)])
    def test_probabilities_of_the_second_step(self, p, q):
        """From 0 to 1: back to 0 weighs 1/p, the common neighbour 2 weighs 1, and 3 and 4 weigh 1/q."""
        adjacency = np.zeros((5, 5))
        for a, b in [(0, 1), (0, 2), (1, 2), (1, 3), (1, 4)]:
            adjacency[a, b] = adjacency[b, a] = 1
        walks = Walker.on(graph(adjacency), p, q).walks(np.zeros(60000, np.int64), 3, rng())
        third = walks[walks[:, 1] == 1][:, 2]
        weight = np.array([1 / p, 0, 1, 1 / q, 1 / q])
        np.testing.assert_allclose(np.bincount(third, minlength=5) / len(third), weight / weight.sum(), atol=0.012)

    def test_isolated_nodes_and_dead_ends(self):
        adjacency = np.zeros((3, 3))
        adjacency[0, 1] = adjacency[1, 0] = 1
        walks = Walker.on(graph(adjacency), 4.0, 0.25).walks(np.array([0, 1, 2]), 6, rng())
        assert walks.tolist() == [[0, 1] * 3, [1, 0] * 3, [2] * 6]

    def test_low_return_weight_leaves(self):
        far = {p: Walker.on(ring(60, 1), p, 1.0).walks(np.zeros(500, np.int64), 20, rng()) for p in (0.05, 20.0)}
        spread = {p: np.abs((walks[:, -1] + 30) % 60 - 30).mean() for p, walks in far.items()}
        assert spread[20.0] > 5 * spread[0.05]


class TestBatches:
    @pytest.mark.parametrize("count", [1, 10, 256, 257, 300])
    def test_every_node_starts_equally_often(self, count):
        batches = list(islice(start_nodes(count, 256, 0), 3 * count))
        assert {len(batch) for batch in batches} == {min(count, 256)}
        times = np.bincount(np.concatenate(batches), minlength=count)
        assert np.ptp(times) <= 1

    def test_negative_walks(self):
        walks = random_nodes(np.arange(50), 20, 7, rng())
        assert (
            walks.shape == (50, 20) and (walks[:, 0] == np.arange(50)).all() and set(walks[:, 1:].ravel()) == set(range(7))
        )

    def test_loss_is_that_of_windows_written_out(self):
        generator = torch.Generator().manual_seed(0)
        codes = torch.randn((9, 5), generator=generator, dtype=torch.float64)
        positive, negative = (torch.randint(0, 9, (4, 8), generator=generator) for _ in range(2))

        def mean(walks, sign):
            terms = []
            for walk in walks.tolist():
                for start in range(8 - 3 + 1):
                    for other in walk[start + 1 : start + 3]:
                        value = torch.sigmoid(codes[walk[start]] @ codes[other])
                        terms.append(-torch.log((value if sign > 0 else 1 - value) + 1e-15))
            return torch.stack(terms).mean()

        expected = mean(positive, 1) + mean(negative, -1)
        assert float(window_loss(codes, positive, negative, 3)) == pytest.approx(float(expected), rel=1e-12)

    def test_published_settings_give_the_published_number_of_pairs(self):
        published = Node2VecParams()
        windows = published.batch * published.walks_per_node * (published.walk_length - published.context + 1)
        assert windows == 360_448 and windows * (published.context - 1) == 3_244_032
        assert (published.p, published.q, published.learning_rate, published.steps) == (0.25, 4, 0.01, 5000)

    @pytest.mark.parametrize("wrong", [{"p": 0}, {"steps": 0}, {"context": 1}, {"context": 21}, {"learning_rate": -1}])
    def test_impossible_settings(self, wrong):
        with pytest.raises(ConfigError, match="TP-702"):
            Node2VecParams(**wrong)


class TestNode2Vec:
    def test_separates_communities_as_the_closed_form_does(self):
        some, label = communities((30, 30, 30), inside=0.6, between=0.01)
        learned = node2vec_codes(some, 32, 0, FAST)
        same = graph((label[:, None] == label) & ~np.eye(90, dtype=bool))
        assert learned.shape == (90, 32) and learned.dtype == np.float32
        assert average_precision(learned, same) > 0.97 and average_precision(spectral_codes(some, 8), same) > 0.97

    def test_finds_the_edges_of_a_ring(self):
        some = ring(60, reach=3)
        assert average_precision(node2vec_codes(some, 64, 0, FAST), some) > 0.9

    def test_seeds(self):
        some = ring(20)
        params = Node2VecParams(walks_per_node=1, steps=10)
        first = node2vec_codes(some, 16, 5, params)
        np.testing.assert_array_equal(first, node2vec_codes(some, 16, 5, params))
        assert not np.allclose(first, node2vec_codes(some, 16, 6, params))

    @pytest.mark.parametrize("count", [2, 10, 256])
    def test_small_graphs_end(self, count):
        codes = node2vec_codes(ring(count, 1), 8, 0, Node2VecParams(walks_per_node=1, steps=3))
        assert codes.shape == (count, 8) and np.isfinite(codes).all()

    def test_isolated_images_stay_apart(self):
        block = np.zeros((40, 40))
        block[:38, :38] = np.kron(np.eye(2), np.ones((19, 19))) - np.eye(38)
        codes = node2vec_codes(graph(block), 32, 0, FAST)
        distance = np.linalg.norm(codes[:, None] - codes, axis=2)
        inside = distance[:19, :19][~np.eye(19, dtype=bool)]
        assert distance[38, :38].min() > inside.max() and distance[39, :39].min() > inside.max()

    def test_quick_settings_grow_with_the_scene(self):
        assert quick_params(10).steps == quick_params(300).steps < quick_params(7000).steps < 5000


class TestAgainstTheClosedForm:
    """Average precision of learned codes is at most ``MARGIN`` below that of spectral ones of the same length.

    Measured with eight seeds: 0.017 to 0.035 above it for communities, up to 0.007 below it for chains.
    """

    MARGIN = 0.02

    def compare(self, some, neighbours, seed):
        learned = average_precision(node2vec_codes(some, 16, seed, FAST), neighbours)
        closed = average_precision(spectral_codes(some, 16), neighbours)
        assert closed > 0.9
        assert learned > closed - self.MARGIN

    @pytest.mark.parametrize("seed", [0, 1])
    def test_communities(self, seed):
        some, label = communities((20, 30, 40), inside=0.3, seed=seed)
        self.compare(some, graph((label[:, None] == label) & ~np.eye(90, dtype=bool)), seed)

    @pytest.mark.parametrize("seed", [0, 1])
    def test_chain(self, seed):
        step = np.abs(np.arange(60)[:, None] - np.arange(60))
        some = graph((step > 0) & (step <= 3))
        self.compare(some, some, seed)


class TestSpectral:
    @pytest.mark.parametrize("dim", [1, 4, 64])
    def test_shape_and_length(self, dim):
        codes = spectral_codes(ring(10), dim)
        assert codes.shape == (10, dim) and codes.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)
        if dim == 64:
            assert not codes[:, 10:].any()

    def test_ring_neighbours_are_nearest(self):
        some = ring(60, reach=3)
        assert average_precision(spectral_codes(some, 16), some) > 0.99

    def test_same_in_every_run_and_in_any_order(self):
        some, _ = communities((20, 25), inside=0.4)
        codes = spectral_codes(some, 12)
        np.testing.assert_array_equal(codes, spectral_codes(some, 12))
        order = rng(2).permutation(45)
        moved = spectral_codes(graph(some.weights.toarray()[np.ix_(order, order)] > 0), 12)
        np.testing.assert_allclose(np.abs(moved), np.abs(codes[order]), atol=1e-4)

    def test_components_and_isolated_images(self):
        blocks = np.zeros((33, 33))
        for start in (0, 10, 20):
            blocks[start : start + 10, start : start + 10] = 1 - np.eye(10)
        codes = spectral_codes(graph(blocks), 8)
        cosine = codes @ codes.T
        group = np.array([0] * 10 + [1] * 10 + [2] * 10 + [3, 4, 5])
        same = group[:, None] == group
        assert cosine[same].min() > 0.99 and cosine[~same].max() < 0.95

    def test_more_components_than_dimensions(self):
        codes = spectral_codes(graph(np.kron(np.eye(12), np.ones((3, 3))) - np.eye(36)), 4)
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)
        for start in range(0, 36, 3):
            np.testing.assert_allclose(codes[start : start + 3], codes[[start] * 3], atol=1e-6)
        assert len(np.unique(codes[::3].round(4), axis=0)) >= 9

    def test_sparse_and_dense_solvers_agree(self, monkeypatch):
        some, _ = communities((60, 70), inside=0.3)
        codes = spectral_codes(some, 10)
        monkeypatch.setattr("trigpoint.covisibility.spectral._DENSE", 10)
        np.testing.assert_allclose(spectral_codes(some, 10), codes, atol=1e-4)
