"""Overlap of two images from their poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.posed_frames import CAMERA, frame, orbit, random_frames, scene
from support.scene_files import data_folder

from trigpoint.core.camera import Camera
from trigpoint.core.errors import MappingError
from trigpoint.core.pose import Pose
from trigpoint.core.tracks import Observations, Tracks
from trigpoint.covisibility.depth_range import DepthRange, depth_range, from_axes, from_extent, from_points
from trigpoint.covisibility.frusta import Frusta
from trigpoint.covisibility.graph import build_graph
from trigpoint.covisibility.overlap import Sampling, overlap_scores
from trigpoint.covisibility.tracks import track_scores
from trigpoint.formats.readers import open_scene

METHODS = ("published", "frustum")
# Of the released code, and of the same with x and y multiplied by depth: 640x480, f 525, nearest depth 0.1.
GOLDEN = [
    (50, {"yaw": 10}, 0.99, 0.79),
    (50, {"yaw": 20}, 0.98, 0.62),
    (50, {"yaw": 30}, 0.87, 0.48),
    (50, {"yaw": 35}, 0.04, 0.41),
    (50, {"yaw": 45}, 0.01, 0.28),
    (50, {"centre": (3, 0, 0)}, 0.90, 0.80),
    (50, {"centre": (10, 0, 0)}, 0.65, 0.52),
    (50, {"centre": (0, 0, 5)}, 0.89, 0.67),
    (8, {}, 0.93, 1.00),
    (8, {"yaw": 30}, 0.56, 0.48),
    (8, {"yaw": 45}, 0.05, 0.28),
    (8, {"centre": (0, 0, 5)}, 0.32, 0.04),
]


def dense(frames, far=8.0, **options):
    return overlap_scores(frames, DepthRange(0.1, far), **{"floor": 1e-4, **options}).toarray()


@pytest.mark.parametrize(("far", "other", "published", "frustum"), GOLDEN)
@pytest.mark.parametrize("method", METHODS)
def test_published_values(far, other, published, frustum, method):
    found = dense([frame("a"), frame("b", **other)], far, method=method)[0, 1]
    assert found == pytest.approx(published if method == "published" else frustum, abs=0.03)


def one_way(first, second, z, sideways):
    """o_ij written out sample by sample, for one frame and its (S, 2) sideways positions."""
    fx, fy, cx, cy = second.camera.pinhole_params()
    total = 0.0
    for depth, (x, y) in zip(z, sideways, strict=True):
        world = first.pose().inverse().apply([(x, y, depth)])[0]
        e = second.pose().apply([world])[0]
        q = second.pose().rotation @ (world - first.pose().centre())
        column, row = (fx * e[0] / e[2] + cx, fy * e[1] / e[2] + cy) if e[2] != 0 else (-1, -1)
        inside = 0 <= column < second.camera.width and 0 <= row < second.camera.height and 0.1 < e[2] < 8
        total += (1 + q @ e / np.linalg.norm(q) / np.linalg.norm(e)) / 2 * inside
    return total / len(z)


@pytest.mark.parametrize("method", METHODS)
def test_every_pair_is_that_of_the_definition(method):
    """Culling leaves out nothing, and chunks and matrix products change nothing."""
    from trigpoint.covisibility.overlap import _Overlap

    frames, depths = random_frames(12, seed=3, reach=3.0), DepthRange(0.1, 8.0)
    found = overlap_scores(frames, depths, method=method, floor=1e-6, sampling=Sampling(100)).toarray()
    names = [item.name for item in frames]
    sampler = _Overlap(Frusta.of(frames, depths), names, method == "frustum", Sampling(100), False)
    z, oriented = sampler.z, [item.pose().rotation @ sampler.samples_of(i) for i, item in enumerate(frames)]
    o = [[one_way(a, b, z, oriented[i][:2].T) for b in frames] for i, a in enumerate(frames)]
    o = np.array(o) * (1 - np.eye(len(frames)))
    total = o + o.T
    expected = np.where(total > 0, 2 * o * o.T / np.where(total > 0, total, 1), 0)
    assert (expected > 0).sum() > 20 and (expected == 0).sum() > 20
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_samples_fill_a_prism_or_the_frustum():
    from trigpoint.covisibility.overlap import _Overlap

    camera = Camera("PINHOLE", 800, 600, (700.0, 650.0, 300.0, 330.0))
    frusta = Frusta.of([frame("a", camera=camera)], DepthRange(0.5, 4.0))
    for scaled in (False, True):
        x, y, z = _Overlap(frusta, ["a"], scaled, Sampling(4000), False).samples_of(0)
        x, y = (x / z, y / z) if scaled else (x, y)
        assert (x.min(), x.max()) == pytest.approx((-300 / 700, 500 / 700), abs=2e-3)
        assert (y.min(), y.max()) == pytest.approx((-330 / 650, 270 / 650), abs=2e-3)
        assert (z.min(), z.max()) == pytest.approx((0.5, 4.0), abs=5e-3)
        assert np.corrcoef([x, y, z])[0, 1:] == pytest.approx([0, 0], abs=0.06)


@pytest.mark.parametrize("method", METHODS)
class TestProperties:
    def test_symmetric_with_empty_diagonal(self, method):
        found = overlap_scores(random_frames(30), DepthRange(0.1, 8.0), method=method, floor=0.01)
        assert found.nnz > 0 and (found != found.T).nnz == 0 and not found.diagonal().any()
        assert found.dtype == np.float32 and found.data.min() >= 0.01 and found.data.max() <= 1

    def test_order_of_the_frames_does_not_matter(self, method):
        frames = random_frames(20)
        order = np.random.default_rng(1).permutation(20)
        np.testing.assert_allclose(
            dense([frames[i] for i in order], method=method), dense(frames, method=method)[np.ix_(order, order)], atol=1e-6
        )

    def test_a_rigid_motion_of_the_world_does_not_matter(self, method):
        frames = random_frames(20)
        world = Pose(Rotation.from_rotvec((0.3, -1.0, 2.0)).as_matrix(), np.array([4e5, -5e6, 100.0]))
        moved = [frame(f.name, (world.apply([f.pose().centre()]))[0], rotation=f.pose().rotation @ world.rotation.T,
                       camera=f.camera) for f in frames]  # fmt: skip
        a, b = dense(frames, method=method), dense(moved, method=method)
        # A sample on a border may change sides by rounding.
        assert np.abs(a - b).max() < 3e-3

    def test_a_floor_only_leaves_out(self, method):
        everything = dense(random_frames(30), method=method)
        above = dense(random_frames(30), method=method, floor=0.3)
        np.testing.assert_array_equal(above, np.where(everything >= 0.3, everything, 0))

    def test_threads_and_seeds(self, method):
        frames, before = random_frames(30), torch.get_num_threads()
        first = dense(frames, method=method)
        try:
            torch.set_num_threads(3)
            np.testing.assert_array_equal(first, dense(frames, method=method))
        finally:
            torch.set_num_threads(before)
        other = dense(frames, method=method, sampling=Sampling(seed=1))
        assert 0 < np.abs(first - other).max() < 0.12

    def test_direction_weight(self, method):
        frames = [frame("a"), frame("b", yaw=25), frame("c", (0, 0, 5), yaw=180)]
        plain, weighted = dense(frames, method=method), dense(frames, method=method, direction_weight=True)
        assert weighted[0, 1] == pytest.approx(plain[0, 1] * np.cos(np.deg2rad(25)), abs=1e-6)
        assert plain[0, 2] > 0 and weighted[0, 2] == 0


def test_an_image_within_another():
    """A telephoto sees all it sees in the wide image too, but not the reverse: harmonic mean of 1 and a quarter."""
    wide, tele = frame("wide"), frame("tele", camera=Camera.pinhole(640, 480, 1050.0))
    assert dense([wide, tele], method="frustum")[0, 1] == pytest.approx(2 * 0.25 / 1.25, abs=0.03)


@pytest.mark.parametrize(("near", "far"), [(0, 1), (2, 1), (1, 1), (1, np.inf), (np.nan, 1)])
def test_impossible_depths(near, far):
    with pytest.raises(MappingError, match="TP-621"):
        DepthRange(near, far)


@pytest.fixture(scope="module")
def bonsai():
    scene = open_scene(data_folder("bonsai_colmap"))
    return scene, scene.tracks


class TestDepthRange:
    def test_axes_of_an_orbit_meet_at_its_centre(self):
        found = from_axes(orbit(24, radius=3.0), 0)
        assert found is not None and found.source == "axes"
        assert found.near < 3 < found.far and found.far == pytest.approx(6, rel=0.01)

    def test_scales_with_the_scene(self):
        a, b = from_axes(orbit(24, radius=3.0), 0), from_axes(orbit(24, radius=300.0), 0)
        assert a and b and b.far == pytest.approx(100 * a.far)

    def test_parallel_axes_fall_back_to_the_spread(self):
        found = depth_range([frame(f"{i}", (i, 0, 0)) for i in range(20)], None, 0)
        assert found.source == "extent" and found.far == pytest.approx(2 * np.sqrt((20**2 - 1) / 12))

    def test_one_spot_is_refused(self):
        with pytest.raises(MappingError, match="TP-622"):
            from_extent([frame(f"{i}", (7, 8, 9), yaw=10 * i) for i in range(5)])

    def test_points_come_first(self):
        frames = orbit(24)
        everything = np.arange(1000)
        points = np.random.default_rng(0).normal(0, 0.3, (1000, 3))
        tracks = Tracks(points, np.zeros(1000), {f.name: Observations(everything, np.zeros((1000, 2))) for f in frames})
        found = depth_range(frames, tracks, 0)
        assert found.source == "points" and found.near == pytest.approx(2.38, abs=0.1)
        assert found.far == pytest.approx(3.5, abs=0.1)

    def test_real_points_lie_around_the_guess_without_them(self, bonsai):
        scene, tracks = bonsai
        points, axes = from_points(scene.posed(), tracks), from_axes(scene.posed(), 0)
        assert points and axes
        # The axes meet at the bonsai; most points are on the walls behind.
        assert 4 < points.near < 4.5 and 19 < points.far < 22 and 4 < axes.far / 2 < 6

    def test_a_real_room(self):
        found = from_axes(open_scene(data_folder("redkitchen_ace")).posed(), 0)
        assert found and 0.2 < found.near < 0.6 and 2.5 < found.far < 5


class TestTracks:
    def tracks(self):
        seen = {"a": [0, 1, 2, 3], "b": [2, 3, 4, 5, 6, 7], "c": [8, 8, 9], "d": []}
        images = {name: Observations(np.array(rows, np.int64), np.zeros((len(rows), 2))) for name, rows in seen.items()}
        return Tracks(np.zeros((10, 3)), np.zeros(10), images)

    def test_fraction_of_common_points(self):
        found = track_scores(["a", "b", "c", "d", "unknown"], self.tracks(), floor=0.1).toarray()
        expected = np.zeros((5, 5))
        expected[0, 1] = expected[1, 0] = 2 * (2 / 4) * (2 / 6) / (2 / 4 + 2 / 6)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert track_scores(["a", "b"], self.tracks(), floor=0.5).nnz == 0

    def test_real_model(self, bonsai):
        scene, tracks = bonsai
        assert tracks and tracks.points.shape == (83153, 3) and len(tracks.images) == len(scene.frames)
        assert sum(len(own.point) for own in tracks.images.values()) == 645991
        first = scene.frames[10]
        own = tracks.images[first.name]
        error = np.linalg.norm(first.camera.project(first.pose().apply(tracks.points[own.point])) - own.image_px, axis=1)
        assert np.median(error) < 0.5 and np.quantile(error, 0.99) < 3
        assert 0.2 < np.median(tracks.error_px) < 0.6 and (np.diff(own.point) >= 0).all()
        scores = build_graph(scene, method="tracks", threshold=0.05)
        assert len(scores.isolated()) < 5 and scores.depths is None

    def test_only_colmap_models_have_tracks(self):
        assert scene(orbit(5)).tracks is None
        with pytest.raises(MappingError, match="TP-623"):
            build_graph(scene(orbit(5)), method="tracks")


def test_frusta_need_poses():
    from dataclasses import replace

    from trigpoint.core.errors import SceneError

    with pytest.raises(SceneError, match="TP-204"):
        overlap_scores([replace(frame("a"), cam_from_world=None), frame("b")], DepthRange(1, 2))
    assert CAMERA.width == 640
