"""Virtual cameras and the points drawn through them."""

import numpy as np
import pytest
from support.fake_localizer import CAMERA, Answer, FakeLocalizer, level_pose, make_frames, room

from trigpoint.core.pose import Pose
from trigpoint.evaluation.evaluate import evaluate_frames
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.report.formatting import round_below
from trigpoint.report.pictures import SceneDrawing, outside
from trigpoint.report.views import draw_points, image_view, oblique_view, top_view, up_direction


def make_evaluation():
    frames = make_frames(12)
    localizer = FakeLocalizer(frames, {"test/005.jpg": Answer(500.0, 20.0)})
    return evaluate_frames(localizer, frames, thresholds=(), scene_name="office")


def test_up_is_where_the_cameras_say():
    poses = [level_pose((1, 2, 3), heading) for heading in (0, 50, 190)]
    assert up_direction(poses) == pytest.approx([0, 0, 1])
    # Images turned in all four ways, on a level walk.
    turned = [
        Pose(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ pose.rotation, np.zeros(3))
        for pose, (c, s) in zip([level_pose((0, 0, 0))] * 4, ((1, 0), (0, 1), (-1, 0), (0, -1)), strict=True)
    ]
    walk = [(0, 0, 0), (5, 0, 0.1), (0, 4, 0), (5, 4, 0)]
    turned = [Pose(pose.rotation, -pose.rotation @ np.array(at)) for pose, at in zip(turned, walk, strict=True)]
    assert abs(up_direction(turned)[2]) > 0.99


def test_top_view_is_seen_from_above_and_not_mirrored():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [0, 4, 2], [10, 4, 1]])
    view = top_view(np.array([0.0, 0, 1]), points, 1000, max_height=700)
    px, depth = view.project(points)
    assert ((px >= 0) & (px <= (view.width, view.height))).all()
    assert depth[2] == depth.min()
    a, b = px[1] - px[0], px[2] - px[0]
    # x to y is a left turn in the world seen from above; pixels count downwards, so it has the other sign.
    assert a[0] * b[1] - a[1] * b[0] < 0
    assert np.linalg.norm(a) / np.linalg.norm(b) == pytest.approx(10 / 4)
    assert np.linalg.det(view.view_from_world.rotation) == pytest.approx(1)


@pytest.mark.parametrize("shift", [0, 1e5])
def test_oblique_view_holds_everything_and_looks_down(shift):
    points = room()[0] + shift
    view = oblique_view(np.array([0.0, 0, 1]), points, 900, 600)
    px, depth = view.project(points)
    assert (depth > 0).all()
    assert ((px >= 0) & (px <= (900, 600))).all()
    assert max(np.ptp(px[:, 0]) / 900, np.ptp(px[:, 1]) / 600) > 0.6
    assert view.view_from_world.rotation[2, 2] < -0.5
    assert np.linalg.det(view.view_from_world.rotation) == pytest.approx(1)


def test_image_view_is_the_camera():
    pose = level_pose((1, 2, 1.5), 30)
    points = pose.inverse().apply(np.array([[0.1, -0.2, 2], [0.5, 0.3, 4], [0, 0, -1]]))
    px, _ = image_view(pose, CAMERA, 128).project(points)
    assert px[:2] == pytest.approx(CAMERA.resized(128, 96).project(pose.apply(points[:2])))
    assert np.isnan(px[2]).all()


def test_near_points_hide_far_ones():
    pose = Pose.identity()
    points = np.array([[0, 0, 5.0], [0, 0, 2.0], [0, 0, 8.0], [0.4, 0, 4.0]])
    rgb = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)], np.uint8)
    image = draw_points(image_view(pose, CAMERA, 64), points, rgb, radius_px=1)
    assert image[24, 32].tolist()[:3] == [0, 255, 0]
    assert image[24, 38, 3] == 255
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    assert not (image[..., 2] > 100).any()


def test_ceiling_is_left_out_and_the_sky_is_not():
    evaluation = make_evaluation()
    xyz, rgb = room()
    random = np.random.default_rng(1)
    ceiling = np.column_stack([random.uniform(-4, 4, (4000, 2)), np.full(4000, 3.0)])
    below = SceneDrawing.of(evaluation, [], PointCloud(np.concatenate([xyz, ceiling]), np.concatenate([rgb, rgb])))
    assert below.hidden
    assert below.points[:, 2].max() < 2
    outdoors = SceneDrawing.of(evaluation, [], PointCloud(xyz, rgb))
    assert not outdoors.hidden
    assert outdoors.points[:, 2].max() > 2.9
    assert len(outdoors.points) == len(xyz)


def test_far_estimates_are_counted():
    evaluation = make_evaluation()
    assert outside(SceneDrawing.of(evaluation, [], PointCloud(*room()))) == 1


@pytest.mark.parametrize(("value", "below"), [(1.0, 1.0), (0.99, 0.5), (4.9, 2.0), (7e4, 5e4), (0.03, 0.02)])
def test_round_lengths_are_not_above(value, below):
    assert round_below(value) == pytest.approx(below)
