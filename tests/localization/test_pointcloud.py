"""The points that a map with networks predicts for its own images, and which of them are kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import nn

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalFeatures
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pointcloud import implicit_points
from trigpoint.mapping.networks import Networks, TrainingPoint, TrainingRecord
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import SceneMap

BLOCK_PX = 16
COLUMNS, ROWS = 20, 15
CAMERA = Camera("PINHOLE", COLUMNS * BLOCK_PX, ROWS * BLOCK_PX, (300.0, 310.0, 150.0, 125.0))
POSE = Pose(Rotation.from_euler("xyz", [20, -30, 10], degrees=True).as_matrix(), np.array([1.0, -2.0, 3.0]))
KEYPOINTS = COLUMNS * ROWS
COLOURS = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)


class Blocks:
    """A keypoint in the middle of each block of an image that is seen at half its size; its descriptor is its number."""

    name, dim, size_multiple, weights_sha256 = "blocks", 1, 8, ""

    def encode(self, view, max_keypoints):
        assert view.shape == (ROWS * BLOCK_PX // 2, COLUMNS * BLOCK_PX // 2)
        y, x = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
        keypoints = (torch.stack([x, y], dim=-1).reshape(-1, 2).float() + 0.5) * BLOCK_PX / 2
        return LocalFeatures(keypoints, torch.arange(float(KEYPOINTS))[:, None], torch.ones(KEYPOINTS))


class Known(nn.Module):
    """A network that knows the point of every keypoint, for each global code where it is given one."""

    def __init__(self, points):
        super().__init__()
        self.points = torch.from_numpy(points)
        self.mean = torch.zeros(1)

    def forward(self, descriptors):
        return self.points[tuple(descriptors.long().T)]


def points_off_by(view_px, pose=POSE):
    """(N, 3) points that are seen so many px of the view beside the keypoints, in some direction."""
    random = np.random.default_rng(1)
    angle = random.uniform(0, 2 * np.pi, KEYPOINTS)
    row, column = np.divmod(np.arange(KEYPOINTS), COLUMNS)
    pixels = (np.stack([column, row], axis=1) + 0.5) * BLOCK_PX
    # Two px of the image for each of the view.
    pixels += 2 * np.asarray(view_px).reshape(-1, 1) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    fx, fy, cx, cy = CAMERA.pinhole_params()
    rays = np.column_stack([(pixels - (cx, cy)) / (fx, fy), np.ones(KEYPOINTS)])
    return pose.inverse().apply(rays * random.uniform(2, 9, (KEYPOINTS, 1)))


class TwoCodes:
    """The codes of two images, the likelier first."""

    def encodings(self, features, size, count):
        return [(torch.tensor([0.0]), None), (torch.tensor([1.0]), None)]


def localizer_of(*networks, encoding=None):
    config = resolve_config("ace-compact", [f"features.short_side_px={ROWS * BLOCK_PX // 2}"])
    normalization = Normalization(np.array([10.0, 20, 30]), 0.5)
    heads = tuple(Known(normalization.to_normalized(points)) for points in networks)
    networks = Networks(config.network, heads, encoding, TrainingRecord(0, (TrainingPoint(0, 1, 1.0, 0.5),)))
    return Localizer(SceneMap(config, {"network": networks}, normalization, 1, "", True, {}), Blocks())


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "blocks.png"
    Image.fromarray(COLOURS.repeat(BLOCK_PX, axis=0).repeat(BLOCK_PX, axis=1)).save(path)
    return Frame("blocks.png", path, CAMERA, POSE)


def test_points_that_are_seen_where_they_should_be_are_kept_with_their_colours(frame):
    right = np.arange(KEYPOINTS) % 2 == 0
    points = points_off_by(np.where(right, 0.0, 20.0))
    cloud = implicit_points(localizer_of(points), [frame])
    np.testing.assert_allclose(cloud.xyz, points[right], atol=1e-9)
    np.testing.assert_array_equal(cloud.rgb, COLOURS.reshape(-1, 3)[right])
    assert cloud.rgb.dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "fitting"), [({}, [0.0, 4.9]), ({"threshold_px": 2.0}, [0.0]), ({"threshold_px": 6.0}, [0.0, 4.9, 5.1])]
)
def test_errors_are_counted_in_the_view(frame, options, fitting):
    off = np.array([0.0, 4.9, 5.1, 20.0])[np.arange(KEYPOINTS) % 4]
    points = points_off_by(off)
    cloud = implicit_points(localizer_of(points), [frame], **options)
    np.testing.assert_allclose(cloud.xyz, points[np.isin(off, fitting)], atol=1e-9)


def test_points_behind_the_camera_fit_nothing(frame):
    points = points_off_by(0.0)
    in_cam = POSE.apply(points)
    in_cam[::3] *= -1
    cloud = implicit_points(localizer_of(POSE.inverse().apply(in_cam)), [frame])
    np.testing.assert_allclose(cloud.xyz, np.delete(points, np.s_[::3], axis=0), atol=1e-9)


@pytest.mark.parametrize("knows", [0, 1, 2])
def test_of_an_ensemble_the_network_counts_that_knows_the_image(frame, knows):
    fractions = [np.arange(KEYPOINTS) % (2 if network == knows else 5) == 0 for network in range(3)]
    points = [points_off_by(np.where(right, 0.0, 20.0)) for right in fractions]
    cloud = implicit_points(localizer_of(*points), [frame])
    np.testing.assert_allclose(cloud.xyz, points[knows][::2], atol=1e-9)


@pytest.mark.parametrize("better", [0, 1])
def test_an_image_is_read_with_the_code_that_fits_its_pose_best(frame, better):
    fractions = [np.arange(KEYPOINTS) % (2 if code == better else 5) == 0 for code in range(2)]
    points = [points_off_by(np.where(right, 0.0, 20.0)) for right in fractions]
    cloud = implicit_points(localizer_of(np.stack(points), encoding=TwoCodes()), [frame])
    np.testing.assert_allclose(cloud.xyz, points[better][::2], atol=1e-9)


def test_images_are_chosen_evenly(frame):
    """Only the first, the middle and the last image stand where the map says."""
    elsewhere = Pose(POSE.rotation, POSE.translation + np.array([0, 5.0, 0]))
    frames = [Frame(str(index), frame.image_path, CAMERA, POSE if index in (0, 2, 4) else elsewhere) for index in range(5)]
    points = points_off_by(0.0)
    cloud = implicit_points(localizer_of(points), frames, max_images=3)
    np.testing.assert_allclose(cloud.xyz, np.tile(points, (3, 1)), atol=1e-9)
    assert len(implicit_points(localizer_of(points), [frames[1]]).xyz) == 0
