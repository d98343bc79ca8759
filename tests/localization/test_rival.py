"""Another pose elsewhere that explains nearly as many keypoints: found where there is one, and only there."""

import numpy as np
import pytest
import torch
from support.correspondences import CAMERA, OPTIONS, correspondences

from trigpoint.core.pose import Pose, centre_distance
from trigpoint.localization.hypotheses import solve_known
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PnpResult
from trigpoint.localization.rival import rival_among_others, rival_elsewhere


def keypoints_at(pixels):
    return UndistortedKeypoints(pixels, pixels, torch.zeros(len(pixels), 1), CAMERA, (640.0, 480.0))


def two_places(elsewhere, shift=(16.0, 0.0, 0.0), noise=0):
    """A query whose keypoints are taken for points of one place, except ``elsewhere`` of them, which lie shifted."""
    pose, pixels, world, wrong = correspondences(5, count=500, outliers=noise / 500)
    right = np.setdiff1d(np.arange(500), wrong)
    world[right[:elsewhere]] += shift
    return pose, pixels, world


def rival_of(pixels, world):
    result = solve_known(pixels, world, CAMERA, OPTIONS)
    assert result.cam_from_world is not None
    return result, rival_among_others(keypoints_at(pixels), world, result, 5.0, OPTIONS)


def test_a_look_alike_elsewhere_is_found():
    pose, pixels, world = two_places(200)
    result, rival = rival_of(pixels, world)
    assert result.cam_from_world is not None and centre_distance(result.cam_from_world, pose) < 0.1
    assert rival is not None and rival.inliers >= 195
    assert rival.distance == pytest.approx(16, abs=0.1) and rival.angle_deg < 1
    assert np.linalg.norm(rival.cam_from_world.centre() - pose.centre() - (16, 0, 0)) < 0.1


def test_keypoints_that_match_nothing_are_no_rival():
    _, pixels, world = two_places(200)
    world[:200] = np.nan
    _, rival = rival_of(pixels, world)
    assert rival is None


@pytest.mark.parametrize(("elsewhere", "noise"), [(0, 0), (100, 0), (0, 300)])
def test_few_others_and_others_that_do_not_agree_are_no_rival(elsewhere, noise):
    _, pixels, world = two_places(elsewhere, noise=noise)
    _, rival = rival_of(pixels, world)
    assert rival is None


def test_a_pose_beside_the_best_one_is_no_rival():
    """A surface that the network bends: the same place, 10 cm off."""
    _, pixels, world = two_places(200, shift=(0.3, 0.0, 0.0))
    result, rival = rival_of(pixels, world)
    assert rival is None and result.cam_from_world is not None
    turned = Pose(np.diag([-1.0, 1.0, -1.0]), np.zeros(3))
    everywhere = PnpResult(turned @ result.cam_from_world, result.inliers, "")
    assert rival_among_others(keypoints_at(pixels), world, everywhere, 5.0, OPTIONS) is not None, "another direction is"


def test_a_place_that_looks_alike_needs_fewer_keypoints_than_the_others_of_the_same_place():
    """All keypoints are matched with the landmarks of a place 16 m away: a third of them fits, the rest matches anything."""
    _, pixels, world = two_places(0)
    best = solve_known(pixels, world, CAMERA, OPTIONS)
    elsewhere = world + np.array([16.0, 0.0, 0.0])
    elsewhere[170:] = np.random.default_rng(0).uniform(-9, 9, (330, 3))
    rival = rival_elsewhere(keypoints_at(pixels), elsewhere, best, 5.0, OPTIONS)
    assert rival is not None and 165 <= rival.inliers <= 180
    assert rival.distance == pytest.approx(16, abs=0.1)
    elsewhere[60:] = np.random.default_rng(0).uniform(-9, 9, (440, 3))
    assert rival_elsewhere(keypoints_at(pixels), elsewhere, best, 5.0, OPTIONS) is None, "as tables look like tables"
