"""Guided refinement: a rough pose becomes exact where landmarks are seen near their projections, and only there."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.correspondences import correspondences

from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.localization.guided import refine_guided
from trigpoint.localization.keypoints import UndistortedKeypoints
from trigpoint.localization.pnp import PinholeIntrinsics
from trigpoint.mapping.described_points import DescribedPoints

CAMERA = PinholeIntrinsics(520.0, 530.0, 0.0, 0.0)


def seen(count=800, noise_px=0.5, middle=None):
    """A pose, the keypoints of its image, and the landmarks they show, as many that are not seen, all described."""
    generator = np.random.default_rng(3)
    pose, pixels, world, _ = correspondences(3, count, noise_px=noise_px, camera=CAMERA)
    torch.manual_seed(3)
    descriptors = torch.nn.functional.normalize(torch.randn(2 * count, 64), dim=1)
    unseen = pose.inverse().apply(generator.uniform((-3, -3, 2), (3, 3, 9), (count, 3)))
    shift = 0 if middle is None else middle
    keypoints = UndistortedKeypoints(pixels, pixels, 3 * (descriptors[:count] + shift), CAMERA, (640.0, 480.0))
    return pose, keypoints, DescribedPoints(np.vstack([world, unseen]), descriptors, middle, 0.5)


def moved(pose, distance, angle_deg):
    turn = Rotation.from_rotvec(np.deg2rad(angle_deg) * np.array([0.6, 0.0, 0.8])).as_matrix()
    return Pose(turn @ pose.rotation, turn @ pose.translation + (0.0, distance, 0.0))


def test_a_rough_pose_becomes_exact():
    pose, keypoints, landmarks = seen()
    start = moved(pose, 0.03, 0.3)
    matches = refine_guided(keypoints, landmarks, landmarks.positions, start)
    assert matches is not None
    assert centre_distance(matches.cam_from_world, pose) < 0.004 < 0.03
    assert rotation_angle_deg(matches.cam_from_world, pose) < 0.03
    # Half a pixel of noise leaves nearly all within the last window, and nothing that is not seen is matched.
    assert 700 < len(matches.points_px) <= 800
    assert {tuple(point) for point in matches.points_world} <= {tuple(point) for point in landmarks.positions[:800]}


def test_a_middle_is_taken_off_the_keypoints():
    pose, keypoints, landmarks = seen(middle=torch.full((64,), 0.05))
    matches = refine_guided(keypoints, landmarks, landmarks.positions, moved(pose, 0.03, 0.3))
    assert matches is not None and len(matches.points_px) > 600
    assert centre_distance(matches.cam_from_world, pose) < 0.004


def test_keypoints_that_look_different_are_not_matched():
    pose, keypoints, landmarks = seen()
    others = DescribedPoints(landmarks.positions, -landmarks.descriptors, None, 0.5)
    assert refine_guided(keypoints, others, others.positions, pose) is None


@pytest.mark.parametrize("start", [Pose.identity(), "far", "turned"])
def test_a_pose_elsewhere_finds_nothing(start):
    pose, keypoints, landmarks = seen()
    if isinstance(start, str):
        start = moved(pose, 2.0, 0.0) if start == "far" else moved(pose, 0.0, 20.0)
    assert refine_guided(keypoints, landmarks, landmarks.positions, start) is None


def test_an_image_without_keypoints_and_a_map_without_landmarks():
    pose, keypoints, landmarks = seen()
    assert refine_guided(keypoints.select(np.arange(0)), landmarks, landmarks.positions, pose) is None
    nothing = DescribedPoints(np.zeros((0, 3)), torch.zeros(0, 64), None, 0.5)
    assert refine_guided(keypoints, nothing, nothing.positions, pose) is None
