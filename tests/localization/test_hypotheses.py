"""Which of several readings of an image is chosen, and what the choice costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trigpoint.core.pose import Pose
from trigpoint.localization import hypotheses as module
from trigpoint.localization.hypotheses import TrialOptions, choose_hypothesis, in_best_pose
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, solve_pnp
from trigpoint.mapping.acceptance import Acceptance
from trigpoint.mapping.networks import NetworkHypothesis

CAMERA = PinholeIntrinsics(520.0, 530.0, 315.0, 250.0)
KEYPOINTS = 400
OPTIONS = TrialOptions(keypoints=100, iterations=60, stop_fraction=1.6, first_batch=2)
# A hypothesis settles it with 1.6 * 0.5 of the 100 keypoints that are tried.
ENOUGH = 80
SOME, FEW = 60, 40


class FakeMap:
    """Hypothesis k has the right points for exactly ``right[k]`` of the keypoints that are tried, others 100 px away."""

    def __init__(self, right, keypoints=KEYPOINTS):
        random = np.random.default_rng(0)
        rotation = Rotation.random(rng=random).as_matrix()
        world_from_cam = Pose(rotation, random.uniform(-5, 5, 3))
        self.pixels = random.uniform((0, 0), (640, 480), (keypoints, 2))
        depth = random.uniform(2, 9, (keypoints, 1))
        angle = random.uniform(0, 2 * np.pi, keypoints)
        self.table = []
        tried = trial_keypoints(keypoints)
        for count in right:
            off = np.full(keypoints, 100.0)
            off[tried[random.permutation(len(tried))[:count]]] = 0
            seen = self.pixels + off[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            rays = (seen - (CAMERA.cx, CAMERA.cy)) / (CAMERA.fx, CAMERA.fy)
            self.table.append(world_from_cam.apply(np.column_stack([rays, np.ones(keypoints)]) * depth))
            angle = random.uniform(0, 2 * np.pi, keypoints)
        self.acceptance = Acceptance(noise_inlier_ratio=0.1, typical_inlier_ratio=1.0)
        self.calls = []

    def points(self, descriptors, hypotheses):
        which = descriptors[:, 0].long().numpy()
        self.calls.append((which.tolist(), [hypothesis.network for hypothesis in hypotheses]))
        return np.stack([self.table[hypothesis.network][which] for hypothesis in hypotheses])

    def choose(self, options=OPTIONS):
        descriptors = torch.arange(float(len(self.pixels)))[:, None]
        keypoints = UndistortedKeypoints(self.pixels, self.pixels, descriptors, CAMERA, 640 * 480.0)
        hypotheses = [NetworkHypothesis(index) for index in range(len(self.table))]
        return choose_hypothesis(self, hypotheses, keypoints, in_best_pose(PnpOptions(), options), options)


def trial_keypoints(keypoints):
    return np.unique(np.linspace(0, keypoints - 1, min(keypoints, OPTIONS.keypoints)).astype(int))


def heads_asked(scene_map):
    return [heads for _, heads in scene_map.calls]


@pytest.mark.parametrize("scene", range(5))
def test_the_one_with_most_inliers_wins_wherever_it_stands(scene):
    scene_map = FakeMap([SOME if index == scene else FEW for index in range(5)])
    chosen = scene_map.choose()
    assert chosen.index == scene
    assert chosen.tried == 5
    np.testing.assert_array_equal(chosen.points_world, scene_map.table[scene])
    everything = list(range(KEYPOINTS))
    some = trial_keypoints(KEYPOINTS).tolist()
    assert scene_map.calls == [(some, [0, 1]), (some, [2, 3, 4]), (everything, [scene])]


@pytest.mark.parametrize("scene", [0, 1])
def test_one_that_settles_it_spares_the_others_the_network(scene):
    scene_map = FakeMap([90 if index in (scene, 3) else FEW for index in range(5)])
    chosen = scene_map.choose()
    assert chosen.index == scene
    assert chosen.tried == scene + 1
    assert heads_asked(scene_map) == [[0, 1], [scene]]


def test_the_trial_ends_within_the_second_batch_too():
    scene_map = FakeMap([0, SOME, 85, 90, 90])
    chosen = scene_map.choose()
    assert chosen.index == 2 and chosen.tried == 3
    assert heads_asked(scene_map) == [[0, 1], [2, 3, 4], [2]]


@pytest.mark.parametrize(("right", "tried"), [(ENOUGH, 1), (ENOUGH - 1, 3)])
def test_what_settles_it_is_a_fraction_of_the_keypoints_that_are_tried(right, tried):
    scene_map = FakeMap([right, 0, 0])
    chosen = scene_map.choose()
    assert chosen.index == 0 and chosen.tried == tried


def test_a_map_that_is_never_sure_tries_all():
    scene_map = FakeMap([95, 0, 0, 100])
    scene_map.acceptance = SimpleNamespace(sure_inlier_ratio=2.0)
    chosen = scene_map.choose()
    assert chosen.index == 3 and chosen.tried == 4
    assert heads_asked(scene_map) == [[0, 1], [2, 3], [3]]


def test_a_single_hypothesis_is_not_tried():
    scene_map = FakeMap([0])
    chosen = scene_map.choose()
    assert chosen.index == 0 and chosen.tried == 0
    assert scene_map.calls == [(list(range(KEYPOINTS)), [0])]


@pytest.mark.parametrize("right", [[SOME, SOME, FEW, SOME], [FEW, FEW, FEW, SOME, SOME]])
def test_of_equals_the_likelier_wins(right):
    scene_map = FakeMap(right)
    scene_map.table = [scene_map.table[right.index(count)] for count in right]
    assert scene_map.choose().index == right.index(SOME)


def test_where_nothing_is_known_the_likeliest_is_as_good_as_any():
    scene_map = FakeMap([0] * 4)
    scene_map.table = [np.full((KEYPOINTS, 3), np.nan)] * 4
    chosen = scene_map.choose()
    assert chosen.index == 0 and chosen.tried == 4


@pytest.mark.parametrize("count", [0, 1, 30])
def test_images_with_few_keypoints(count):
    scene_map = FakeMap([0, min(count, 20)], keypoints=count)
    chosen = scene_map.choose()
    assert chosen.index == (1 if count == 30 else 0) and chosen.points_world.shape == (count, 3)
    trial = [(list(range(count)), [0, 1])] if count else []
    assert scene_map.calls == [*trial, (list(range(count)), [chosen.index])]


def test_the_trial_is_bounded(monkeypatch):
    """However many hypotheses and keypoints: two calls of the network, few keypoints, few iterations, no refinement."""
    seen = []

    def spy(points_px, points_world, intrinsics, options):
        seen.append((len(points_px), options))
        return solve_pnp(points_px, points_world, intrinsics, options)

    monkeypatch.setattr(module, "solve_pnp", spy)
    scene_map = FakeMap([0] * 20, keypoints=3000)
    scene_map.choose()
    assert [len(keypoints) for keypoints, _ in scene_map.calls] == [100, 100, 3000]
    assert [len(heads) for _, heads in scene_map.calls] == [2, 18, 1]
    assert {count for count, _ in seen} == {100} and len(seen) == 20
    assert {options for _, options in seen} == {PnpOptions(max_iterations=60, refine_rounds=0)}
