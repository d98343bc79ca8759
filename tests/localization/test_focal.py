"""The focal length of an image that does not tell it."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from support.correspondences import correspondences

from trigpoint.localization.focal import estimate_focal
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, solve_pnp

SIZE = (640, 480)


def centred(seed, focal_px, **options):
    """(N, 2) keypoints from the image's centre and (N, 3) points of a pinhole camera."""
    _, pixels, world, _ = correspondences(seed, camera=PinholeIntrinsics(focal_px, focal_px, 320.0, 240.0), **options)
    return pixels - (320, 240), world


@pytest.mark.parametrize("focal_px", [350.0, 520.0, 777.0, 1200.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_focal_length_is_found(focal_px, scale):
    for seed in range(3):
        pixels, world = centred(seed, focal_px, outliers=0.4)
        assert estimate_focal(scale * pixels, world, scale, SIZE, PnpOptions()) == pytest.approx(focal_px, rel=0.01)


def test_it_is_the_one_with_the_smallest_robust_reprojection_error():
    pixels, world = centred(3, 600.0, noise_px=2.0)
    focal_px = estimate_focal(pixels, world, 1.0, SIZE, PnpOptions(threshold_px=50.0))
    pose = solve_pnp(
        pixels, world, PinholeIntrinsics(focal_px, focal_px, 0.0, 0.0), PnpOptions(threshold_px=50.0)
    ).cam_from_world

    def residuals(parameters):
        in_cam = pose.apply(world) @ Rotation.from_rotvec(parameters[:3]).as_matrix().T + parameters[3:6]
        return (np.exp(parameters[6]) * focal_px * in_cam[:, :2] / in_cam[:, 2:] - pixels).ravel()

    best = least_squares(residuals, np.zeros(7), loss="soft_l1", f_scale=3.0, ftol=1e-12, xtol=1e-12)
    assert np.exp(best.x[6]) == pytest.approx(1, abs=2e-4)


def test_where_no_candidate_gives_a_pose_the_usual_guess_is_taken():
    pixels, world = centred(0, 500.0, count=4)
    assert estimate_focal(pixels, world, 1.0, SIZE, PnpOptions()) == guess_focal_px(*SIZE)
