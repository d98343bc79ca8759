"""Pose, focal length and principal point fitted together, and how well they are known."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from support.correspondences import correspondences, project

from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.localization.free_camera import IntrinsicsPrior, fit_free_camera, free_covariance
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, solve_pnp

CAMERA = PinholeIntrinsics(600.0, 630.0, 0.0, 0.0)
FREE, FIXED = IntrinsicsPrior(10.0, 200.0), IntrinsicsPrior(1e-6, 1e-6)


def shifted(seed, **options):
    """A pose, (N, 2) px from the principal point, and (N, 3) points, some of them NaN as of keypoints without landmarks."""
    camera = PinholeIntrinsics(CAMERA.fx, CAMERA.fy, 320.0, 240.0)
    pose, pixels, world, _ = correspondences(seed, camera=camera, **options)
    world[::10] = np.nan
    return pose, pixels - (320, 240), world


def fitted(start, pixels, world, camera=CAMERA, prior=FREE, threshold_px=10.0):
    fit = fit_free_camera(start, pixels, world, camera, prior, threshold_px)
    assert fit is not None
    return fit


def covariance_of(pose, pixels, world, camera, prior):
    covariance = free_covariance(pose, pixels, world, camera, prior)
    assert covariance is not None
    return covariance


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 3.0])
def test_it_leaves_a_camera_that_few_points_agree_with(factor):
    pose, pixels, world = shifted(1, outliers=0.3)
    wrong = PinholeIntrinsics(factor * CAMERA.fx, factor * CAMERA.fy, 0.0, 0.0)
    known = np.isfinite(world).all(axis=1)
    start = solve_pnp(pixels[known], world[known], wrong, PnpOptions())
    assert start.cam_from_world is not None
    fit = fitted(start.cam_from_world, pixels, world, wrong)
    assert fit.intrinsics.fx == pytest.approx(CAMERA.fx, rel=0.01) and fit.intrinsics.fy == pytest.approx(
        CAMERA.fy, rel=0.01
    )
    assert (fit.intrinsics.cx, fit.intrinsics.cy) == pytest.approx((0, 0), abs=6)
    assert centre_distance(fit.cam_from_world, pose) < 0.06 and rotation_angle_deg(fit.cam_from_world, pose) < 0.6
    assert fit.count > start.count and not fit.inliers[::10].any()


def test_it_has_the_smallest_robust_reprojection_error():
    pose, pixels, world = shifted(3, noise_px=2.0)
    fit = fitted(pose, pixels, world, threshold_px=50.0)
    known = np.isfinite(world).all(axis=1)

    def residuals(change):
        turn = Rotation.from_rotvec(change[:3]).as_matrix() @ fit.cam_from_world.rotation
        ratio = np.exp(change[6])
        camera = PinholeIntrinsics(
            ratio * fit.intrinsics.fx,
            ratio * fit.intrinsics.fy,
            fit.intrinsics.cx + change[7],
            fit.intrinsics.cy + change[8],
        )
        moved = Pose(turn, fit.cam_from_world.translation + change[3:6])
        return (project(moved, world[known], camera) - pixels[known]).ravel()

    best = least_squares(residuals, np.zeros(9), loss="soft_l1", f_scale=3.0, ftol=1e-12, xtol=1e-12)
    assert best.x[6] == pytest.approx(0, abs=5e-4)
    assert best.x[7:] == pytest.approx(np.zeros(2), abs=0.3)


def test_a_certain_prior_holds_the_intrinsics():
    pose, pixels, world = shifted(2)
    told = PinholeIntrinsics(1.1 * CAMERA.fx, 1.1 * CAMERA.fy, 5.0, 0.0)
    fit = fitted(pose, pixels, world, told, FIXED, 30.0)
    assert (fit.intrinsics.fx, fit.intrinsics.cx) == pytest.approx((told.fx, told.cx), rel=1e-3)


def test_too_few_points_fix_nothing():
    pose, pixels, world = shifted(0, count=5)
    assert fit_free_camera(pose, pixels, world, CAMERA, FREE, 10.0) is None
    line = np.column_stack([np.linspace(0, 1, 50), np.zeros(50), np.full(50, 4.0)])
    straight = project(Pose.identity(), line, CAMERA)
    assert fit_free_camera(Pose.identity(), straight, line, CAMERA, FREE, 10.0) is None


def test_the_covariance_is_that_of_the_errors():
    errors, stated = [], []
    for seed in range(60):
        pose, pixels, world = shifted(seed, count=60)
        fit = fitted(pose, pixels, world, threshold_px=20.0)
        covariance = covariance_of(fit.cam_from_world, pixels[fit.inliers], world[fit.inliers], fit.intrinsics, FREE)
        assert covariance.shape == (9, 9)
        errors.append([centre_distance(fit.cam_from_world, pose), np.log(fit.intrinsics.fx / CAMERA.fx)])
        stated.append([covariance[3:6, 3:6].trace(), covariance[6, 6]])
    ratio = np.sqrt((np.square(errors) / stated).mean(axis=0))
    # With independent noise the patches count less than there is.
    assert (ratio > 0.4).all() and (ratio < 1.3).all()


def test_what_is_not_known_of_the_camera_makes_the_pose_less_certain():
    pose, pixels, world = shifted(5)
    known = np.isfinite(world).all(axis=1)
    calibrated, guessed = (
        np.diag(covariance_of(pose, pixels[known], world[known], CAMERA, prior)) for prior in (FIXED, FREE)
    )
    assert (guessed > calibrated).all()
    assert guessed[5] > 4 * calibrated[5], "along the axis, against the focal length"


def test_points_that_err_together_count_once():
    pose, pixels, world = shifted(4, count=600)
    known = np.isfinite(world).all(axis=1)
    once = free_covariance(pose, pixels[known], world[known], CAMERA, FREE)
    four = free_covariance(pose, np.tile(pixels[known], (4, 1)), np.tile(world[known], (4, 1)), CAMERA, FREE)
    assert four == pytest.approx(once, rel=1e-6, abs=1e-12)
