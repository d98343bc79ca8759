"""Images of synthetic scenes: exact depth, pictures that repeat, no holes, day and night."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from support.synthetic_scenes import DISTORTED, PINHOLE, back_project, nearest_depth, scene_of

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.synthetic.world import SCENES


@pytest.mark.parametrize("camera", [PINHOLE, DISTORTED], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("kind", list(SCENES))
def test_depth_is_that_of_the_nearest_plane(kind: str, camera: Camera) -> None:
    scene = scene_of(kind)
    rng = np.random.default_rng(0)
    for time_of_walk in (0.1, 0.8):
        pose = scene.walks[-1].pose(time_of_walk)
        rows, columns = rng.integers(0, camera.height, 250), rng.integers(0, camera.width, 250)
        depth_m = scene.depth_m(pose, camera)[rows, columns]
        rays = back_project(np.column_stack([columns + 0.5, rows + 0.5]), np.ones(250), camera)
        expected = nearest_depth(scene, pose, rays)
        same = np.isclose(depth_m, expected, rtol=2e-5) | (np.isinf(depth_m) & np.isinf(expected))
        # A ray within a hair of an edge may fall on either side of it.
        assert same.sum() >= 249


def test_surfaces_that_pass_behind_the_camera_are_cut_correctly() -> None:
    scene, camera = scene_of("room"), PINHOLE
    low, high = scene.bounds[0]
    centre = np.array([low[0] + 0.05, high[1] - 0.05, 1.5])
    pose = Pose(np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), np.zeros(3))
    pose = Pose(pose.rotation, -pose.rotation @ centre)
    depth_m = scene.depth_m(pose, camera)
    rows, columns = np.mgrid[0:240:20, 0:320:20].reshape(2, -1)
    rays = back_project(np.column_stack([columns + 0.5, rows + 0.5]), np.ones(len(rows)), camera)
    assert np.allclose(depth_m[rows, columns], nearest_depth(scene, pose, rays), rtol=1e-4)


@pytest.mark.parametrize("camera", [PINHOLE, DISTORTED], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("kind", list(SCENES))
def test_what_two_images_see_has_the_same_colours(kind: str, camera: Camera) -> None:
    scene = scene_of(kind)
    here, there = scene.walks[0].pose(0.30), scene.walks[0].pose(0.312)
    a, b = scene.render(here, camera, frame_key="a"), scene.render(there, camera, frame_key="b")
    rows, columns = np.mgrid[2 : camera.height : 3, 2 : camera.width : 3].reshape(2, -1)
    keep = np.isfinite(a.depth_m[rows, columns])
    rows, columns = rows[keep], columns[keep]
    points = back_project(np.column_stack([columns + 0.5, rows + 0.5]), a.depth_m[rows, columns].astype(float), camera)
    moved = there.apply(here.inverse().apply(points))
    pixels = camera.project(moved)
    inside = ((pixels > 1) & (pixels < (camera.width - 1, camera.height - 1))).all(axis=1)
    x, y = (pixels[inside] - 0.5).astype(np.float32).T
    depth = b.depth_m[np.rint(y).astype(int), np.rint(x).astype(int)]
    visible = np.abs(depth / moved[inside, 2] - 1) < 0.03
    assert visible.sum() > 0.6 * len(rows)
    colours = cv2.remap(b.rgb, x[:, None], y[:, None], cv2.INTER_LINEAR)[:, 0].astype(float)
    here_colours = a.rgb[rows[inside], columns[inside]][visible].astype(float)
    # Exposure and white balance differ from image to image.
    there_colours = colours[visible] * np.median(here_colours, axis=0) / np.median(colours[visible], axis=0)
    difference = np.abs(there_colours - here_colours).mean(axis=1)
    assert np.median(difference) < 7
    assert (difference < 25).mean() > 0.85


@pytest.mark.parametrize(
    ("kind", "lighting"), [("room", "day"), ("street", "day"), ("look-alikes", "day"), ("room", "night")]
)
def test_local_features_match_where_the_geometry_says(kind: str, lighting: str) -> None:
    scene, camera = scene_of(kind), Camera.pinhole(400, 300, 328)
    here, there = scene.walks[0].pose(0.60), scene.walks[0].pose(0.615)
    first, second = scene.render(here, camera, "day", 0), scene.render(there, camera, lighting, 1)
    sift = cv2.SIFT_create(1500)  # pyright: ignore[reportAttributeAccessIssue]
    keys_a, codes_a = sift.detectAndCompute(cv2.cvtColor(first.rgb, cv2.COLOR_RGB2GRAY), None)
    keys_b, codes_b = sift.detectAndCompute(cv2.cvtColor(second.rgb, cv2.COLOR_RGB2GRAY), None)
    pairs = [m for m, n in cv2.BFMatcher().knnMatch(codes_a, codes_b, 2) if m.distance < 0.8 * n.distance]
    assert len(pairs) > 80
    a, b = np.array([keys_a[m.queryIdx].pt for m in pairs]) + 0.5, np.array([keys_b[m.trainIdx].pt for m in pairs]) + 0.5
    depth_m = first.depth_m[a[:, 1].astype(int), a[:, 0].astype(int)].astype(float)
    finite = np.isfinite(depth_m)
    points = there.apply(here.inverse().apply(back_project(a[finite], depth_m[finite], camera)))
    errors_px = np.linalg.norm(camera.project(points) - b[finite], axis=1)
    assert np.median(errors_px) < 0.8
    assert (errors_px < 3).mean() > 0.6


@pytest.mark.parametrize("kind", ["room", "look-alikes"])
def test_rooms_have_no_holes(kind: str) -> None:
    scene = scene_of(kind)
    for walk in scene.walks:
        for time_of_walk in np.linspace(0, 1, 12):
            for camera in (PINHOLE, DISTORTED):
                assert np.isfinite(scene.depth_m(walk.pose(time_of_walk), camera)).all()


def test_street_shows_the_sky() -> None:
    scene = scene_of("street")
    depths = [scene.depth_m(scene.walks[0].pose(t), PINHOLE) for t in np.linspace(0, 1, 8)]
    assert 0 < np.mean([np.isinf(depth).mean() for depth in depths]) < 0.3


@pytest.mark.parametrize("kind", list(SCENES))
def test_images_are_rich_by_day_and_darker_by_night(kind: str) -> None:
    scene, camera = scene_of(kind), Camera.pinhole(400, 300, 328)
    sift = cv2.SIFT_create(3000)  # pyright: ignore[reportAttributeAccessIssue]
    counts: dict[str, list[int]] = {"day": [], "night": []}
    for walk_time in (0.05, 0.3, 0.8):
        pose = scene.walks[0].pose(walk_time)
        gray = {light: cv2.cvtColor(scene.render(pose, camera, light).rgb, cv2.COLOR_RGB2GRAY) for light in counts}
        assert gray["night"].mean() < 0.75 * gray["day"].mean()
        assert 60 < gray["day"].mean() < 190
        for light, numbers in counts.items():
            numbers.append(len(sift.detect(gray[light])))
    assert min(counts["day"]) > 400
    assert min(counts["night"]) > 100
    assert sum(counts["night"]) < sum(counts["day"])


def test_sensor_noise_belongs_to_the_image() -> None:
    scene, pose = scene_of("room"), scene_of("room").walks[0].pose(0.2)
    first, same, other = (scene.render(pose, PINHOLE, "night", key).rgb for key in ("a", "a", "b"))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_look_alike_rooms_differ_in_little() -> None:
    scene = scene_of("look-alikes")
    shift = scene.bounds[1][0] - scene.bounds[0][0]
    assert np.linalg.norm(shift) == pytest.approx(8.0)
    fractions = []
    for walk_time in np.linspace(0, 1, 6):
        pose = scene.walks[0].pose(walk_time)
        moved = Pose(pose.rotation, pose.translation - pose.rotation @ shift)
        one, two = scene.render(pose, PINHOLE), scene.render(moved, PINHOLE)
        assert np.allclose(one.depth_m, two.depth_m, rtol=1e-3)
        fractions.append((np.abs(one.rgb.astype(int) - two.rgb).max(axis=2) > 12).mean())
    assert np.median(fractions) < 0.15
    assert max(fractions) > 0.02


def test_rendering_is_fast() -> None:
    scene, camera = scene_of("room"), Camera.pinhole(640, 480, 525)
    times = []
    for walk_time in (0.1, 0.3, 0.5, 0.7):
        start = time.thread_time()
        scene.render(scene.walks[0].pose(walk_time), camera)
        times.append(time.thread_time() - start)
    assert min(times) < 0.4
