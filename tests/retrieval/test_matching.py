"""Matching and re-ranking by homography, with made-up and with real images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.retrieval_images import SIZE, image
from support.scene_files import data_folder
from torch.nn import functional

from trigpoint.core.errors import MappingError
from trigpoint.features.cache import ViewPolicy, image_features
from trigpoint.features.encoders import load_encoder
from trigpoint.features.weights import WEIGHTS
from trigpoint.retrieval.matching import MutualNearest, mutual_nearest
from trigpoint.retrieval.rerank import candidate_inliers, homography_inliers, load_matcher

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def unit(count, dim=32, seed=0):
    return functional.normalize(torch.randn((count, dim), generator=torch.Generator().manual_seed(seed)), dim=1)


def test_mutual_nearest_against_brute_force():
    first, second = unit(40), unit(30, seed=1)
    cosine = (first @ second.T).numpy()
    expected = [(i, j) for i in range(40) for j in range(30) if cosine[i].argmax() == j and cosine[:, j].argmax() == i]
    assert mutual_nearest(first, second).tolist() == [list(pair) for pair in expected]
    alike = [list(pair) for pair in expected if cosine[pair] >= 0.4]
    assert mutual_nearest(first, second, 0.4).tolist() == alike and len(alike) < len(expected)


@pytest.mark.parametrize(("first", "second"), [(0, 5), (5, 0), (0, 0)])
def test_no_keypoints_no_matches(first, second):
    assert mutual_nearest(unit(first), unit(second)).shape == (0, 2)
    assert candidate_inliers(image(unit(first)), [image(unit(second))], MutualNearest()).tolist() == [0]


def moved(points, scale=1.0):
    homography = np.array([[0.9, 0.1, 20], [-0.05, 1.1, -10], [1e-4, 2e-4, 1]])
    mapped = np.column_stack([points / scale, np.ones(len(points))]) @ homography.T
    return scale * mapped[:, :2] / mapped[:, 2:]


def test_homography_counts_the_inliers():
    generator = np.random.default_rng(0)
    points = generator.uniform((0, 0), SIZE, (200, 2))
    target = moved(points)
    target[120:] = generator.uniform((0, 0), SIZE, (80, 2))
    count = homography_inliers(points, target)
    assert 118 <= count <= 130
    assert all(homography_inliers(points, target) == count for _ in range(3))
    assert homography_inliers(points[:7], target[:7]) == 0
    assert homography_inliers(np.ones((20, 2)), np.ones((20, 2))) in range(21)


def candidates(scale=1.0):
    """A query, and candidates that share 0, 30 and 90 of its 100 keypoints and see the rest in other positions."""
    generator = np.random.default_rng(1)
    words, points = unit(100), generator.uniform((0, 0), SIZE, (100, 2)) * scale
    images = []
    for shared in (0, 30, 90):
        positions = moved(points, scale)
        positions[shared:] = generator.uniform((0, 0), SIZE, (100 - shared, 2)) * scale
        images.append(image(words, positions, 1 / scale))
    return image(words, points, 1 / scale), images


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_right_candidate_has_most_inliers(scale):
    """Whatever the size of the image: the threshold is in px of the view."""
    query, images = candidates(scale)
    counts = candidate_inliers(query, images, MutualNearest())
    assert counts[2] >= 88 and 28 <= counts[1] <= 45 and counts[0] < 20


def test_equal_candidates_have_equal_inliers():
    query, images = candidates()
    assert len(set(candidate_inliers(query, [images[2]] * 5, MutualNearest()).tolist())) == 1
    assert candidate_inliers(query, [], MutualNearest()).tolist() == []


def test_unknown_matcher():
    with pytest.raises(MappingError, match=r"TP-631.*lighterglue"):
        load_matcher("lightglue", CPU)


def test_lighterglue_weights_fit_the_network_exactly():
    """Strict loading: every tensor of the file's matcher has its place, and none is left at random."""
    network = load_matcher("lighterglue", CPU).network
    assert not network.training and not any(value.requires_grad for value in network.parameters())
    assert sum(value.numel() for value in network.parameters()) * 4 < WEIGHTS["xfeat-lighterglue"].size_bytes
    assert load_matcher("lighterglue", CPU).match(image(unit(0, 64)), image(unit(9, 64))).shape == (0, 2)


def test_lighterglue_matches_better_than_nearest_neighbours():
    """Two images of a facade from different sides: far more matches agree with one homography."""
    folder = data_folder("sacre_coeur_unposed")
    paths = sorted(path for path in folder.rglob("*.jpg"))[:2]
    first, second = image_features(paths, load_encoder("xfeat", CPU), ViewPolicy(max_keypoints=512))
    counts = {
        name: int(candidate_inliers(first, [second], load_matcher(name, CPU))[0]) for name in ("nearest", "lighterglue")
    }
    assert counts["nearest"] > 20 and counts["lighterglue"] > 1.5 * counts["nearest"]
