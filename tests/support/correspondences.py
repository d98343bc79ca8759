"""Made-up correspondences between image and world with a known pose."""

import numpy as np
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.localization.correspondences import Correspondences
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions

CAMERA = PinholeIntrinsics(520.0, 530.0, 315.0, 250.0)
OPTIONS = PnpOptions()


def random_pose(generator):
    rotation = Rotation.random(rng=generator).as_matrix()
    return Pose(rotation, -rotation @ generator.uniform(-5, 5, 3))


def project(pose, points, camera):
    in_cam = pose.apply(points)
    return in_cam[:, :2] / in_cam[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def correspondences(seed, count=600, outliers=0.0, noise_px=1.0, camera=CAMERA):
    """A pose, points of the image and of the world; the fraction ``outliers`` of them wrong."""
    generator = np.random.default_rng(seed)
    pose = random_pose(generator)
    pixels = generator.uniform((0, 0), (640, 480), (count, 2))
    depth = generator.uniform(2, 9, (count, 1))
    rays = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    world = pose.inverse().apply(np.column_stack([rays, np.ones(count)]) * depth)
    pixels = pixels + generator.normal(0, noise_px, pixels.shape)
    wrong = generator.permutation(count)[: round(outliers * count)]
    world[wrong] = world[generator.permutation(count)[: len(wrong)]] + generator.normal(0, 1, (len(wrong), 3))
    return pose, pixels, world, wrong


def correspondences_at(keypoints_px, inliers, size):
    """Those of an image of ``size`` (width, height) with keypoints at (N, 2) px, all predicted at the origin."""
    count = len(inliers)
    errors_px = np.where(inliers, 0.0, 99.0)
    pixels, camera = np.asarray(keypoints_px, dtype=np.float64), Camera.pinhole(*size, max(size))
    return Correspondences(
        pixels, np.zeros((count, 3)), np.zeros((count, 8), np.float32), errors_px, np.asarray(inliers), None, camera
    )
