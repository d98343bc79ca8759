"""Guarded PnP: right poses from bad correspondences, and no pose from nonsense."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from support.correspondences import CAMERA, OPTIONS, correspondences, project

from trigpoint.core.errors import MappingError
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.localization.pnp import (
    PinholeIntrinsics,
    PnpOptions,
    pose_covariance,
    reprojection_errors_px,
    solve_pnp,
)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("outliers", "degrees", "metres"), [(0.0, 0.05, 0.01), (0.4, 0.08, 0.015), (0.7, 0.15, 0.03)])
def test_known_poses_are_found(seed, outliers, degrees, metres):
    generator = np.random.default_rng(seed + 100)
    focal = generator.uniform(300, 1200)
    camera = PinholeIntrinsics(focal, focal * generator.uniform(0.9, 1.1), *generator.uniform(200, 400, 2))
    pose, pixels, world, wrong = correspondences(seed, outliers=outliers, camera=camera)
    result = solve_pnp(pixels, world, camera, OPTIONS)
    assert result.cam_from_world is not None and result.reason == ""
    assert rotation_angle_deg(result.cam_from_world, pose) < degrees
    assert centre_distance(result.cam_from_world, pose) < metres
    right = np.ones(len(pixels), dtype=bool)
    right[wrong] = False
    assert result.inliers[right].mean() > 0.99
    assert result.inliers[~right].sum() <= 0.05 * len(pixels)
    assert result.count == result.inliers.sum()


def test_inliers_are_those_within_the_threshold():
    _, pixels, world, _ = correspondences(3, outliers=0.5)
    result = solve_pnp(pixels, world, CAMERA, OPTIONS)
    assert result.cam_from_world is not None
    errors = reprojection_errors_px(result.cam_from_world, pixels, world, CAMERA)
    assert (result.inliers == (errors < OPTIONS.threshold_px)).all()


@pytest.mark.parametrize("offset", [(0, 0, 0), (500_000.0, 5_000_000.0, 300.0)])
def test_far_away_worlds_give_the_same_pose(offset):
    pose, pixels, world, _ = correspondences(5, outliers=0.5)
    near = solve_pnp(pixels, world, CAMERA, OPTIONS).cam_from_world
    far = solve_pnp(pixels, world + np.array(offset), CAMERA, OPTIONS).cam_from_world
    assert near is not None and far is not None
    assert rotation_angle_deg(near, far) < 1e-4
    assert np.linalg.norm(far.centre() - np.array(offset) - near.centre()) < 1e-4
    assert np.linalg.norm(far.centre() - np.array(offset) - pose.centre()) < 0.02


_, PIXELS, WORLD, _ = correspondences(1, count=60)


def with_value(points, value):
    points = points.copy()
    points[5, 1] = value
    return points


@pytest.mark.parametrize(
    ("pixels", "world", "code"),
    [
        (PIXELS[:-1], WORLD, "TP-601"),
        (PIXELS, WORLD[:, :2], "TP-601"),
        (PIXELS.T, WORLD, "TP-601"),
        (PIXELS[0], WORLD[0], "TP-601"),
        (with_value(PIXELS, np.nan), WORLD, "TP-602"),
        (PIXELS, with_value(WORLD, np.inf), "TP-602"),
        (PIXELS, with_value(WORLD, -np.inf), "TP-602"),
    ],
)
def test_bad_correspondences_are_refused(pixels, world, code, unchecked_shapes):
    with pytest.raises(MappingError) as caught:
        solve_pnp(pixels, world, CAMERA, OPTIONS)
    assert caught.value.code == code and caught.value.fix


@pytest.mark.parametrize("field", ["fx", "fy"])
@pytest.mark.parametrize("value", [0.0, -500.0, np.nan, np.inf])
def test_bad_focal_lengths_are_refused(field, value):
    with pytest.raises(MappingError, match="TP-605"):
        solve_pnp(PIXELS, WORLD, replace(CAMERA, **{field: value}), OPTIONS)


@pytest.mark.parametrize("field", ["cx", "cy"])
def test_bad_principal_points_are_refused(field):
    with pytest.raises(MappingError, match="TP-605"):
        solve_pnp(PIXELS, WORLD, replace(CAMERA, **{field: np.nan}), OPTIONS)


@pytest.mark.parametrize(
    "values",
    [
        {"threshold_px": 0.0},
        {"threshold_px": -1.0},
        {"threshold_px": np.nan},
        {"threshold_px": np.inf},
        {"max_iterations": 0},
        {"sample_points": 3},
        {"refine_rounds": -1},
    ],
)
def test_impossible_options_are_refused(values):
    with pytest.raises(MappingError, match="TP-605"):
        PnpOptions(**values)


LINE = np.linspace(0, 1, 60)[:, None]


@pytest.mark.parametrize(
    ("pixels", "world", "words"),
    [
        (PIXELS[:0], WORLD[:0], "only 0 keypoints"),
        (PIXELS[:5], WORLD[:5], "only 5 keypoints"),
        (np.repeat(PIXELS[:1], 60, axis=0), WORLD, "all keypoints are the same point"),
        (PIXELS, np.repeat(WORLD[:1], 60, axis=0), "all predicted points are the same point"),
        (PIXELS, np.repeat(WORLD[:1] + 5e6, 60, axis=0), "all predicted points are the same point"),
        (LINE * (300, 200) + (10, 20), WORLD, "all keypoints lie on one line"),
        (PIXELS, LINE * (1, 2, 3) + (4, 5, 6), "all predicted points lie on one line"),
    ],
)
def test_degenerate_correspondences_give_a_reason(pixels, world, words):
    result = solve_pnp(pixels, world, CAMERA, OPTIONS)
    assert result.cam_from_world is None and words in result.reason
    assert result.inliers.shape == (len(pixels),) and result.count == 0


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 40),
    rank=st.integers(0, 3),
    exponent=st.integers(-12, 30),
    copies=st.integers(1, 10),
    offset=st.sampled_from([0.0, 1.0, 1e6, 1e15]),
    focal=st.sampled_from([1e-6, 0.5, 500.0, 1e9]),
    rounds=st.integers(0, 2),
)
def test_no_answer_is_ever_not_a_number(seed, count, rank, exponent, copies, offset, focal, rounds):
    generator = np.random.default_rng(seed)
    basis = generator.normal(size=(3, 3)) * (np.arange(3) < rank)[:, None]
    world = generator.normal(size=(count, 3)) @ basis * 10.0**exponent + offset
    pixels = generator.uniform(-1, 1, (count, 2)) * 500
    pixels, world = np.repeat(pixels, copies, axis=0), np.repeat(world, copies, axis=0)
    options = PnpOptions(max_iterations=200, refine_rounds=rounds)
    result = solve_pnp(pixels, world, PinholeIntrinsics(focal, focal, 0.0, 0.0), options)
    assert result.inliers.shape == (len(pixels),)
    pose = result.cam_from_world
    if pose is None:
        assert result.reason and result.count == 0
        return
    assert np.isfinite(pose.matrix()).all()
    assert np.allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-6)
    assert result.count >= 6
    covariance = pose_covariance(
        pose, pixels[result.inliers], world[result.inliers], PinholeIntrinsics(focal, focal, 0.0, 0.0)
    )
    assert covariance is None or np.isfinite(covariance).all()


def pose_errors_and_covariances(pixels, world, pose, shifts, trials=120):
    """Errors (trials, 6) of poses whose keypoints are moved by ``shifts()``, and their covariances."""
    errors, covariances = [], []
    for _ in range(trials):
        noisy = pixels + shifts()
        result = solve_pnp(noisy, world, CAMERA, PnpOptions(max_iterations=100))
        assert result.cam_from_world is not None and result.inliers.all()
        motion = result.cam_from_world @ pose.inverse()
        errors.append(np.concatenate([Rotation.from_matrix(motion.rotation).as_rotvec(), motion.translation]))
        covariance = pose_covariance(result.cam_from_world, noisy, world, CAMERA)
        assert covariance is not None
        assert np.allclose(covariance, covariance.T) and (np.linalg.eigvalsh(covariance) > 0).all()
        covariances.append(covariance)
    return np.array(errors), np.array(covariances)


def test_the_covariance_predicts_the_spread_where_patches_err_together():
    """Networks shift whole surfaces: all keypoints of a patch of 60 px by the same."""
    pose, pixels, world, _ = correspondences(8, count=600, noise_px=0.0)
    generator = np.random.default_rng(0)
    _, patch = np.unique(np.floor(pixels / 60), axis=0, return_inverse=True)
    # Surfaces: all keypoints of a patch at about the same depth.
    in_cam = pose.apply(world)
    depth = generator.uniform(2, 9, patch.max() + 1)[patch.ravel()] * generator.uniform(0.98, 1.02, len(patch))
    world = pose.inverse().apply(in_cam * (depth / in_cam[:, 2])[:, None])
    errors, covariances = pose_errors_and_covariances(
        pixels, world, pose, lambda: generator.normal(0, 1.5, (patch.max() + 1, 2))[patch.ravel()]
    )
    ratio = errors.std(axis=0) / np.sqrt(np.array([np.diag(covariance) for covariance in covariances])).mean(axis=0)
    assert ((ratio > 0.5) & (ratio < 2)).all(), ratio
    # Chi-square with six degrees of freedom: wrong correlations would show here.
    mahalanobis = [error @ np.linalg.solve(covariance, error) for error, covariance in zip(errors, covariances, strict=True)]
    assert 4 < np.mean(mahalanobis) < 9


def test_more_keypoints_of_the_same_patches_tell_no_more():
    pose, pixels, world, _ = correspondences(8, count=4000)
    whole = pose_covariance(pose, pixels, world, CAMERA)
    fewer = pose_covariance(pose, pixels[::4], world[::4], CAMERA)
    assert whole is not None and fewer is not None
    assert np.sqrt(whole.trace() / fewer.trace()) == pytest.approx(1, abs=0.1)
    corner = (pixels < (200, 150)).all(axis=1)
    part = pose_covariance(pose, pixels[corner], world[corner], CAMERA)
    assert part is not None
    assert np.sqrt(part[3:, 3:].trace() / whole[3:, 3:].trace()) > 5, "little of the image is seen"


def test_points_on_a_line_have_no_covariance():
    world = LINE * (1, 0, 0) + (0, 0, 3.0)
    pose = Pose.identity()
    assert pose_covariance(pose, project(pose, world, CAMERA), world, CAMERA) is None


def test_images_of_elsewhere_take_no_longer():
    """5,000 wrong correspondences: all iterations, but on a bounded number of points."""
    generator = np.random.default_rng(0)
    pixels, world = generator.uniform(0, 600, (5000, 2)), generator.uniform(-5, 5, (5000, 3))

    def seconds(count):
        began = time.thread_time()
        solve_pnp(pixels[:count], world[:count], CAMERA, OPTIONS)
        return time.thread_time() - began

    few, many = min(seconds(500) for _ in range(2)), min(seconds(5000) for _ in range(2))
    assert many < 4 * few + 0.1
    assert many < 3
