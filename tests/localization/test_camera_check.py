"""Cameras that the keypoints contradict, and those that they do not."""

import numpy as np
import pytest
from support.correspondences import correspondences

from trigpoint.localization.camera_check import CheckOptions, contradicting_fit
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, PnpResult, solve_pnp

SIZE = (640.0, 480.0)
TRUE = PinholeIntrinsics(600.0, 600.0, 0.0, 0.0)


def found(told, seed, *, recorded=False, **options):
    """What contradicts a camera, for an image that ``TRUE`` took."""
    _, pixels, world, _ = correspondences(
        seed, camera=PinholeIntrinsics(600.0, 600.0, 320.0, 240.0), outliers=0.3, **options
    )
    pixels -= (320, 240)
    result = solve_pnp(pixels, world, told, PnpOptions())
    return contradicting_fit(result, pixels, world, told, SIZE, CheckOptions(10.0, recorded))


@pytest.mark.parametrize("recorded", [False, True])
def test_a_right_camera_is_not_doubted(recorded):
    assert all(found(TRUE, seed, noise_px=3.0, recorded=recorded) is None for seed in range(10))


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.85, 1.15, 1.5, 2.0, 3.0])
def test_a_wrong_focal_length_is_contradicted(factor):
    for seed in range(3):
        fit = found(PinholeIntrinsics(600 * factor, 600 * factor, 0.0, 0.0), seed)
        assert fit is not None and fit.intrinsics.fx == pytest.approx(600, rel=0.02)


def test_a_wrong_principal_point_is_contradicted():
    for seed in range(3):
        fit = found(PinholeIntrinsics(600.0, 600.0, 100.0, 0.0), seed)
        assert fit is not None
        assert (fit.intrinsics.cx, fit.intrinsics.cy) == pytest.approx((0, 0), abs=8)


def test_differences_that_do_not_move_the_pose_do_not_matter():
    assert all(found(PinholeIntrinsics(606.0, 606.0, 0.0, 0.0), seed) is None for seed in range(5))


def test_where_there_is_no_pose_nothing_is_contradicted():
    nothing = PnpResult(None, np.zeros(8, dtype=bool), "no pose")
    assert contradicting_fit(nothing, np.zeros((8, 2)), np.zeros((8, 3)), TRUE, SIZE, CheckOptions(10.0, False)) is None
