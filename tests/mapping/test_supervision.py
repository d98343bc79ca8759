"""Known points of training samples: where they come from, which samples they are for, and what a map learns from them."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.tiny_scene import CHEAP, WORKING, settings

from trigpoint.build.pipeline import build_map
from trigpoint.cli import run
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.pose import Pose
from trigpoint.core.tracks import Observations, Tracks
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.features.cache import ViewPolicy, features_of_image, image_features
from trigpoint.features.encoders import ENCODERS, load_encoder
from trigpoint.features.extract import rays_of
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.features.xfeat import XFeatSparse
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.acceptance import Acceptance
from trigpoint.mapping.buffer import SamplePlan, ViewReader, fill_buffer
from trigpoint.mapping.config import FeatureConfig, fitted_to
from trigpoint.mapping.landmark_config import TriangulationConfig
from trigpoint.mapping.landmark_tracks import LandmarkTracks, landmark_tracks
from trigpoint.mapping.mapping_images import MappingImages
from trigpoint.mapping.network_config import BufferConfig, LandmarkSupervision
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.supervision import TriangulatedPoints, landmark_supervision, supervision_of
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

pytestmark = pytest.mark.usefixtures("one_thread")

FEATURES = FeatureConfig(short_side_px=240)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A room with a depth image for each image."""
    folder = tmp_path_factory.mktemp("scene")
    write_synthetic_scene(folder, SyntheticConfig(width=320, height=240, n_train=16, n_test=1, write_depth=True))
    return open_scene(folder)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("xfeat", torch.device("cpu"))


@pytest.fixture(scope="module")
def landmarks(scene, encoder, tmp_path_factory):
    frames = scene.for_mapping()
    mapped = scene.with_frames(frames)
    normalization = Normalization.of_cameras(mapped.centres(), metric=True)
    depths = depth_range(frames, None, seed=0)
    folder = tmp_path_factory.mktemp("work")

    def features():
        return image_features([frame.image_path for frame in frames], encoder, ViewPolicy(240, 700))

    images = MappingImages(mapped, features, lambda: depths, 0, folder, StopRequest(), torch.device("cpu"))
    made = landmark_tracks(images, TriangulationConfig(), normalization)
    # What is in the folder is not made again.
    again = landmark_tracks(replace(images, features=lambda: 1 / 0), TriangulationConfig(), normalization)
    assert (again.tracks.points == made.tracks.points).all() and again.fraction == made.fraction
    return made


def test_depth_images_give_the_points_that_are_seen(scene):
    frame = scene.for_mapping()[3]
    supervision = supervision_of("depth", scene)
    pixels = np.random.default_rng(0).uniform((0, 0), (frame.camera.width, frame.camera.height), (200, 2))
    points = supervision.points(frame, pixels)
    known = np.isfinite(points).all(axis=1)
    assert known.sum() > 150
    np.testing.assert_allclose(frame.camera.project(frame.pose().apply(points[known])), pixels[known], atol=1e-6)
    assert np.isnan(supervision.points(replace(frame, depth_path=None), pixels)).all()


def test_holes_of_depth_images_are_unknown_and_damaged_ones_are_named(scene, tmp_path):
    frame = replace(scene.for_mapping()[0], depth_path=tmp_path / "depth.png")
    depth = np.full((240, 320), 2000, dtype=np.uint16)
    depth[:, :100], depth[:, 100:200] = 0, 65535
    cv2.imwrite(str(frame.depth_path), depth)
    points = supervision_of("depth", scene).points(frame, np.array([[50.0, 100], [150, 100], [250, 100]]))
    assert np.isfinite(points).all(axis=1).tolist() == [False, False, True]
    assert frame.pose().apply(points[2:])[0, 2] == pytest.approx(2.0)
    frame.depth_path.write_bytes(b"no image")
    with pytest.raises(MappingError, match=r"TP-662.*depth\.png"):
        supervision_of("depth", scene).points(frame, np.array([[50.0, 100]]))


def test_triangulated_points_are_for_keypoints_at_the_same_spot(scene):
    frame = scene.for_mapping()[0]
    xyz = np.array([[1.0, 2, 3], [4, 5, 6]])
    seen = {frame.name: Observations(np.array([0, 1]), np.array([[100.0, 100], [200, 100]]))}
    supervision = TriangulatedPoints(Tracks(xyz, np.full(2, np.nan), seen))
    found = supervision.points(frame, np.array([[200.3, 100.4], [100, 102], [100, 100]]))
    assert found[0].tolist() == [4, 5, 6] and np.isnan(found[1]).all() and found[2].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["points", "depth"])
def test_scenes_without_known_points_say_so(room, kind):
    with pytest.raises(MappingError, match="TP-663"):
        supervision_of(kind, open_scene(room))


def test_keypoints_are_triangulated_onto_the_surfaces(scene, landmarks):
    """Against the depth images of the synthetic room."""
    depth, tracks, off = supervision_of("depth", scene), landmarks.tracks, []
    for frame in scene.for_mapping():
        seen = tracks.images[frame.name]
        assert (np.diff(seen.point) > 0).all(), "each point once"
        off.append(np.linalg.norm(depth.points(frame, seen.image_px) - tracks.points[seen.point], axis=1))
    distances = np.concatenate(off)
    assert len(distances) > 150
    assert np.nanmedian(distances) < 0.03 and np.nanquantile(distances, 0.8) < 0.15


def test_too_few_landmarks_are_no_supervision(landmarks):
    seen = sum(len(each.point) for each in landmarks.tracks.images.values())
    assert isinstance(landmark_supervision(LandmarkTracks(landmarks.tracks, 10 * seen)), TriangulatedPoints)
    assert landmark_supervision(LandmarkTracks(landmarks.tracks, 30 * seen)) is None


def test_cells_of_a_grid_are_no_landmarks():
    assert sum(kind.dense for kind in ENCODERS.values()) == 4
    for name, kind in ENCODERS.items():
        config = resolve_config("trig-network", [f"features.encoder={name}"])
        assert isinstance(config.network.supervision, LandmarkSupervision)
        assert (fitted_to(config, 50).network.supervision is None) == kind.dense, name


def test_images_that_all_look_away_from_each_other_have_no_landmarks(scene, encoder, tmp_path):
    """Eight cameras on a ring that look outwards: their frusta do not meet."""
    frames = []
    for index, frame in enumerate(scene.for_mapping()[:8]):
        rotation = Rotation.from_euler("y", 45 * index, degrees=True).as_matrix()
        frames.append(replace(frame, cam_from_world=Pose(rotation, np.array([0.0, 0.0, -50.0]))))
    ring = scene.with_frames(tuple(frames))
    normalization = Normalization.of_cameras(ring.centres(), metric=True)
    paths = [frame.image_path for frame in frames]
    features = functools.partial(image_features, paths, encoder, ViewPolicy(240, 300))
    stop, device = StopRequest(), torch.device("cpu")
    images = MappingImages(ring, features, lambda: DepthRange(10, 100), 0, tmp_path, stop, device)
    assert landmark_tracks(images, TriangulationConfig(), normalization).fraction == 0


@pytest.mark.parametrize("fewest", [0, 40, 10_000])
def test_views_keep_known_samples_and_fill_up_with_others(scene, encoder, tmp_path, fewest):
    """A supervision that knows the points of the left fifth of each image, wherever a view shows it."""

    class LeftFifth:
        def points(self, frame, image_px):
            left = image_px[:, :1] < frame.camera.width / 5
            return np.where(left, 1.0, np.nan) * np.ones(3)

    frames = scene.for_mapping()[:3]
    reader = ViewReader(encoder, FEATURES, BufferConfig(views_per_image=2, keypoints_per_view=300))
    plan = SamplePlan(frames, range(3), Normalization(np.zeros(3), 1.0), seed=0)
    taught = replace(plan, supervision=LeftFifth(), min_samples=6 * fewest)
    buffer = fill_buffer(taught, reader, tmp_path, StopRequest())
    plain = tmp_path / "plain"
    plain.mkdir()
    everything = fill_buffer(plan, reader, plain, StopRequest())
    known = torch.isfinite(buffer.truth).all(dim=1)
    for view in range(6):
        mine, found = known[buffer.view == view], int((everything.view == view).sum())
        of_known = int(mine.sum())
        assert of_known > 0
        wanted = found if fewest == 0 else min(found, max(fewest, of_known))
        assert len(mine) == wanted
    assert (known.sum() < len(known)) or fewest == 40


def test_images_as_they_are_need_not_be_looked_at_twice(scene, encoder, tmp_path):
    frames = scene.for_mapping()[:3]
    described = tmp_path / "features"
    policy = ViewPolicy(FEATURES.short_side_px, FEATURES.query_keypoints)
    images = image_features([frame.image_path for frame in frames], encoder, policy, cache=described)

    class Blind:
        name, dim, weights_sha256 = encoder.name, encoder.dim, encoder.weights_sha256

    def known(path):
        return features_of_image(path, Blind(), policy, described)[0]

    config = BufferConfig(views_per_image=1, keypoints_per_view=policy.max_keypoints, augmentation=NO_AUGMENTATION)
    plan = SamplePlan(frames, range(3), Normalization(np.zeros(3), 1.0), seed=0)
    buffer = fill_buffer(plan, ViewReader(Blind(), FEATURES, config, known), tmp_path, StopRequest())
    for image, ((found, _), frame) in enumerate(zip(images, frames, strict=True)):
        mine = buffer.view == image
        assert torch.equal(buffer.descriptors[mine], found.descriptors.half())
        np.testing.assert_allclose(buffer.rays[mine], rays_of(frame.camera, found.image_px), atol=1e-6)
        expected = np.array(frame.camera.pinhole_params()[:2]) * found.scale
        np.testing.assert_allclose(buffer.focal_px[image], expected, rtol=1e-6)


def test_in_a_hurry_images_are_described_once(room, tmp_path, monkeypatch):
    seen = []
    encode = XFeatSparse.encode
    monkeypatch.setattr(XFeatSparse, "encode", lambda *arguments: seen.append(1) or encode(*arguments))
    monkeypatch.setattr("trigpoint.build.stages.measure_acceptance", lambda *_: Acceptance(0.0, 1.0))
    config = resolve_config("trig-network", ["optimizer.steps=2"], fast=True)
    built = build_map(open_scene(room), tmp_path / "fast.trig", config=config)
    assert len(seen) == built.map.built_from["images"] == 24
    assert built.map.config.network.head.width == 192


def test_a_map_that_learns_from_landmarks_is_more_accurate(room, tmp_path):
    errors = {}
    for kind, setting in (("none", "supervision=none"), ("landmarks", "supervision.min_samples=12000")):
        path = tmp_path / f"{kind}.trig"
        chosen = (*WORKING, setting)
        assert run(["map", "--preset", "trig-network", str(room), "-o", str(path), "--quiet", *settings(chosen)]) == 0
        assert run(["evaluate", str(path), str(room), "--quiet", "--json", str(tmp_path / "numbers.json")]) == 0
        errors[kind] = json.loads((tmp_path / "numbers.json").read_text())["median_rotation_deg"]
    assert errors["landmarks"] < 0.7 * errors["none"], errors


def test_where_nothing_can_be_triangulated_reprojection_errors_are_all(tmp_path, capsys):
    """Each image has the pose of another one."""
    scene = tmp_path / "wrong"
    write_synthetic_scene(scene, SyntheticConfig(width=160, height=120, n_train=8, n_test=1))
    document = json.loads((scene / "transforms.json").read_text())
    poses = [entry["transform_matrix"] for entry in document["frames"]]
    for entry, pose in zip(document["frames"], poses[3:] + poses[:3], strict=True):
        entry["transform_matrix"] = pose
    (scene / "transforms.json").write_text(json.dumps(document))
    assert run(["map", "--preset", "trig-network", str(scene), "-o", str(tmp_path / "wrong.trig"), *settings(CHEAP)]) == 0
    assert "learning from reprojection errors alone" in " ".join(capsys.readouterr().err.split())
