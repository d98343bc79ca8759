"""The camera of an image that does not tell it."""

import numpy as np
import pytest
from support.correspondences import correspondences

from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.localization.focal import estimate_camera
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions

SIZE = (640, 480)


def centred(seed, focal_px, principal=(320.0, 240.0), **options):
    """The pose, (N, 2) keypoints from the image's centre and (N, 3) points of a pinhole camera."""
    pose, pixels, world, _ = correspondences(seed, camera=PinholeIntrinsics(focal_px, focal_px, *principal), **options)
    return pose, pixels - (320, 240), world


def estimated(pixels, world, size=SIZE):
    fit = estimate_camera(pixels, world, size, PnpOptions())
    assert fit is not None
    return fit


@pytest.mark.parametrize("focal_px", [350.0, 520.0, 777.0, 1200.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_focal_length_is_found(focal_px, scale):
    for seed in range(3):
        pose, pixels, world = centred(seed, focal_px, outliers=0.4)
        fit = estimated(scale * pixels, world, (640 * scale, 480 * scale))
        assert fit.intrinsics.fx == fit.intrinsics.fy == pytest.approx(scale * focal_px, rel=0.02)
        assert (fit.intrinsics.cx, fit.intrinsics.cy) == pytest.approx((0, 0), abs=0.02 * 640 * scale)
        assert fit.count > 0.55 * len(pixels)
        assert rotation_angle_deg(fit.cam_from_world, pose) < 1.5


@pytest.mark.parametrize("principal", [(320.0, 480.0), (0.0, 0.0), (640.0, 240.0), (500.0, 400.0)])
def test_the_principal_point_of_a_part_of_an_image_is_found(principal):
    for seed in range(3):
        pose, pixels, world = centred(seed, 600.0, principal, outliers=0.3)
        fit = estimated(pixels, world)
        assert fit.intrinsics.fx == pytest.approx(600, rel=0.03)
        assert (fit.intrinsics.cx + 320, fit.intrinsics.cy + 240) == pytest.approx(principal, abs=15)
        assert centre_distance(fit.cam_from_world, pose) < 0.1
        assert rotation_angle_deg(fit.cam_from_world, pose) < 1.5


def test_where_no_candidate_gives_a_pose_there_is_no_camera():
    _, pixels, world = centred(0, 500.0, count=4)
    assert estimate_camera(pixels, world, SIZE, PnpOptions()) is None


def test_noise_has_no_camera_that_many_points_agree_with():
    generator = np.random.default_rng(0)
    pixels = generator.uniform((-320, -240), (320, 240), (1000, 2))
    fit = estimate_camera(pixels, generator.normal(0, 3, (1000, 3)), SIZE, PnpOptions())
    assert fit is None or fit.count < 40
