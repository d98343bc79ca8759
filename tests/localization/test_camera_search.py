"""Images whose camera is wrong, or not told: what is found and said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.correspondences import correspondences

from trigpoint.core.camera import Camera
from trigpoint.core.pose import centre_distance
from trigpoint.features.extract import ImageFeatures
from trigpoint.localization.camera_search import CameraSearch
from trigpoint.localization.hypotheses import ChosenHypothesis
from trigpoint.localization.image_input import ToldCamera
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions
from trigpoint.mapping.direct_landmarks import DirectHypothesis

FACTORS = [0.5, 0.75, 1.4, 2.0, 3.0]
TYPICAL = 0.7


def query(seed, principal=(640.0, 480.0), *, outliers=0.3):
    """The pose and the search of an image of 1280x960 px, focal length 1200 px, whose view is half as large."""
    half = PinholeIntrinsics(600.0, 600.0, principal[0] / 2, principal[1] / 2)
    pose, pixels, world, _ = correspondences(seed, camera=half, outliers=outliers)
    count = len(pixels)
    features = ImageFeatures(2 * pixels, torch.zeros(count, 8), torch.ones(count), 0.5)
    return pose, CameraSearch(1280, 960, features, ChosenHypothesis(0, DirectHypothesis(), world, 1), PnpOptions())


def distance(solution, pose):
    """Between the positions of the pose that was found and the true one."""
    return centre_distance(solution.pnp.cam_from_world, pose)


def told(factor, source):
    return ToldCamera(Camera.pinhole(1280, 960, 1200 * factor), source)


@pytest.mark.parametrize("source", ["given", "exif"])
def test_a_right_camera_is_used_without_a_word(source):
    for seed in range(5):
        pose, search = query(seed)
        solution = search.solve(told(1.0, source), TYPICAL)
        assert (solution.camera_source, solution.doubt, solution.note) == (source, "", "")
        assert solution.camera == told(1.0, source).camera
        assert distance(solution, pose) < 0.05


@pytest.mark.parametrize("factor", FACTORS)
def test_a_wrong_camera_that_was_given_stays_and_is_doubted(factor):
    _, search = query(1)
    solution = search.solve(told(factor, "given"), TYPICAL)
    assert solution.camera == told(factor, "given").camera and solution.camera_source == "given"
    assert f"was given, focal length {1200 * factor:.0f} px, principal point (640, 480)" in solution.doubt
    assert f"{solution.pnp.count} with it" in solution.doubt
    named_px = float(solution.doubt.split("agree with focal length ")[1].split()[0])
    assert named_px == pytest.approx(1200, rel=0.02)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_wrong_focal_length_of_exif_is_replaced_and_named(factor):
    for seed in range(3):
        pose, search = query(seed)
        solution = search.solve(told(factor, "exif"), TYPICAL)
        assert solution.camera_source == "estimated" and solution.doubt == ""
        assert solution.camera.pinhole_params()[0] == pytest.approx(1200, rel=0.02)
        assert f"EXIF says focal length {1200 * factor:.0f} px" in solution.note
        assert distance(solution, pose) < 0.1


def test_the_cut_of_a_part_of_an_image_is_found_from_exif_or_without():
    for source in ("exif", "estimated"):
        pose, search = query(2, (640.0, 960.0))
        solution = search.solve(told(1.0, source) if source == "exif" else ToldCamera(None, source), TYPICAL)
        assert solution.camera_source == "estimated"
        assert solution.camera.pinhole_params() == pytest.approx((1200, 1200, 640, 960), abs=40)
        assert distance(solution, pose) < 0.1


def test_a_camera_of_exif_with_which_hardly_anything_agrees_is_estimated_from_scratch():
    pose, search = query(3, outliers=0.8)
    solution = search.solve(told(4.0, "exif"), TYPICAL)
    assert solution.camera_source == "estimated" and "EXIF" in solution.note
    assert distance(solution, pose) < 0.4


def test_a_pose_that_is_known_is_not_searched_for():
    pose, search = query(4)
    solution = search.with_pose(told(1.0, "given"), pose)
    assert solution.pnp.cam_from_world is pose and 0.6 < solution.pnp.inliers.mean() < 0.75
    assert np.array_equal(
        search.with_pose(ToldCamera(None, "estimated"), pose).chosen.points_world, search.chosen.points_world
    )
