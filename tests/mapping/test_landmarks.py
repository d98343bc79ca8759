"""Landmarks: tracks, triangulation, matching, and what a file may hold."""

# Stand-ins for graphs and descriptors have only what is asked of them.
# pyright: reportArgumentType=false, reportOptionalMemberAccess=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.features.extract import ImageFeatures
from trigpoint.localization.hypotheses import solve_known
from trigpoint.localization.pnp import PinholeIntrinsics, PnpOptions, solve_pnp
from trigpoint.mapping.image_matching import image_pairs
from trigpoint.mapping.landmark_config import HierarchicalConfig, TriangulationConfig
from trigpoint.mapping.landmarks import LandmarkHypothesis, Landmarks
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.observations import Observations, PosedKeypoints, join_tracks, match_support
from trigpoint.mapping.triangulation import triangulate
from trigpoint.retrieval.index import RetrievalIndex, directions

CAMERAS = {
    "pinhole": Camera.pinhole(640, 480, 500),
    "portrait": Camera("PINHOLE", 480, 640, (520.0, 480.0, 200.0, 330.0)),
    "distorted": Camera("OPENCV", 640, 480, (500.0, 510.0, 330.0, 230.0, -0.2, 0.05, 0.001, -0.002)),
    "fisheye": Camera("OPENCV_FISHEYE", 640, 480, (400.0, 400.0, 320.0, 240.0, 0.05, -0.01, 0.0, 0.0)),
}
FAR = np.array([4e5, 5e6, 300.0])


def seen_scene(camera, images=6, points=80, noise_px=0.0):
    """Points in front of cameras on an arc, and the keypoints at which they are seen, point by point in each image."""
    generator = np.random.default_rng(3)
    xyz = generator.uniform((-1, -0.8, 4), (1, 0.8, 6), (points, 3))
    poses, features = [], []
    for index in range(images):
        rotation = Rotation.from_euler("y", 6 * (index - images / 2), degrees=True).as_matrix()
        poses.append(Pose(rotation, -rotation @ (FAR + np.array([0.4 * (index - images / 2), 0.05 * index, 0.0]))))
        seen = camera.project(poses[-1].apply(xyz + FAR)) + generator.normal(0, noise_px, (points, 2))
        assert np.isfinite(seen).all()
        features.append(ImageFeatures(seen, torch.zeros(points, 4), torch.zeros(points), 1.0))
    frames = [Frame(str(index), Path("none"), camera, pose) for index, pose in enumerate(poses)]
    normalization = Normalization(FAR, 0.5)
    return xyz + FAR, PosedKeypoints.of(frames, features, normalization), normalization


def all_observations(images, points):
    keypoint = np.arange(images * points).reshape(images, points).T.ravel()
    return Observations(np.repeat(np.arange(points), images), keypoint, keypoint // points)


@pytest.mark.parametrize("name", CAMERAS)
def test_triangulation_with_every_kind_of_camera(name):
    xyz, keypoints, normalization = seen_scene(CAMERAS[name])
    found = triangulate(keypoints, all_observations(6, 80))
    assert len(found.observations) == 480
    assert np.abs(normalization.to_world(found.points) - xyz).max() < 1e-4


def test_wrong_keypoints_are_dropped_and_the_rest_stays():
    xyz, keypoints, normalization = seen_scene(CAMERAS["pinhole"], noise_px=0.3)
    keypoints.rays[80 * 2 : 80 * 2 + 40] += 0.2
    found = triangulate(keypoints, all_observations(6, 80))
    assert len(found.points) == 80
    assert len(found.observations) == 480 - 40
    assert not np.isin(found.observations.keypoint, np.arange(160, 200)).any()
    assert np.median(np.linalg.norm(normalization.to_world(found.points) - xyz, axis=1)) < 0.02


@pytest.mark.parametrize(
    ("changed", "images"), [({"min_angle_deg": 60.0}, 6), ({"min_images": 4}, 3), ({"max_error_px": 1e-9}, 6)]
)
def test_uncertain_points_are_left_out(changed, images):
    _, keypoints, _ = seen_scene(CAMERAS["pinhole"], images=images, noise_px=0.3)
    found = triangulate(keypoints, all_observations(images, 80), **changed)
    assert found.points.shape == (0, 3) and len(found.observations) == 0


def test_epipolar_errors_are_pixels():
    _, keypoints, _ = seen_scene(CAMERAS["pinhole"])
    pairs = np.column_stack([np.arange(80), np.arange(80)])
    assert keypoints.epipolar_errors_px(0, 4, pairs).max() < 1e-6
    # The cameras stand side by side: lines are about level, so 10 px down is about 10 px off.
    keypoints.rays[4 * 80 : 5 * 80, 1] += 10 / 500
    assert np.median(keypoints.epipolar_errors_px(0, 4, pairs)) == pytest.approx(10, abs=1)


def test_a_wrong_match_does_not_join_two_things():
    """Keypoints 0, 2, 4 and 1, 3, 5 are two things in three images; 1-2 is wrong."""
    matches = np.array([[1, 2], [0, 2], [2, 4], [0, 4], [1, 3], [3, 5], [1, 5]])
    tracks = join_tracks(matches, np.array([0, 0, 1, 1, 2, 2]))
    assert tracks.track.tolist() == [0, 0, 0, 1, 1, 1]
    assert sorted(map(sorted, tracks.keypoint.reshape(2, 3).tolist())) == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_support_is_counted_alike_in_blocks(block):
    generator = np.random.default_rng(0)
    matches = np.unique(np.sort(generator.integers(0, 60, (300, 2)), axis=1), axis=0)
    matches = matches[matches[:, 0] != matches[:, 1]]
    partners = [{*matches[matches[:, 0] == key, 1], *matches[matches[:, 1] == key, 0]} for key in range(60)]
    expected = [len(partners[one] & partners[other]) for one, other in matches]
    assert match_support(matches, 60, block=block).tolist() == expected


def test_no_matches_are_no_tracks():
    tracks = join_tracks(np.zeros((0, 2), dtype=np.int64), np.zeros(4, dtype=np.int64))
    assert tracks.tracks == 0 and len(tracks.starts) == 0


def test_pairs_reach_from_much_to_little_overlap():
    from scipy import sparse

    weights = np.zeros((6, 6), dtype=np.float32)
    weights[0, 1:] = weights[1:, 0] = [0.9, 0.8, 0.5, 0.4, 0.2]

    class Graph:
        def __init__(self):
            self.weights = sparse.csr_array(weights)

        def __len__(self):
            return 6

    pairs = image_pairs(Graph(), 3).tolist()
    assert [0, 1] in pairs and [0, 5] in pairs
    assert len(image_pairs(Graph(), 100)) == 5


class Fixed:
    """A descriptor of images that is the first keypoint's."""

    name, dim = "fixed", 4

    def describe(self, features, size):
        return features.descriptors[0]

    def state(self):
        return {}


def small(local="each"):
    """Two images: one sees landmarks 0 and 1, the other 1 and 2; with mean descriptors, landmark 3 is seen by none."""
    axes = torch.eye(4)
    descriptors = axes[[0, 1, 1, 2]] if local == "each" else axes
    return Landmarks(
        descriptor=Fixed(),
        index=RetrievalIndex(torch.eye(4)[:2]),
        positions=torch.arange(12, dtype=torch.float32).reshape(4, 3)[: 3 if local == "each" else 4],
        first=torch.tensor([0, 2, 4], dtype=torch.int32),
        landmark=torch.tensor([0, 1, 1, 2], dtype=torch.int32),
        descriptors=directions(descriptors),
        retrieved=2,
    )


@pytest.mark.parametrize("local", ["each", "mean"])
def test_only_landmarks_of_the_retrieved_images_match(local):
    landmarks = small(local)
    query = torch.eye(4)
    for images, matched in (([0], [0, 1]), ([1], [1, 2]), ([0, 1], [0, 1, 2]), ([], [])):
        points = (
            landmarks.match(query, torch.tensor(images, dtype=torch.int64))
            if images
            else landmarks.match(query[:0], torch.tensor([0]))
        )
        assert np.flatnonzero(np.isfinite(points).all(axis=1)).tolist() == matched
        assert np.array_equal(points[matched], landmarks.positions.numpy()[matched])


def test_a_landmark_matches_once_and_only_what_is_alike():
    landmarks = small("mean")
    query = torch.tensor([[1.0, 0.3, 0, 0], [1.0, 0.1, 0, 0], [0.0, 1, 1, 1], [0, 0, 0, 0]])
    points = landmarks.match(query, torch.tensor([0, 1]))
    assert np.isfinite(points).all(axis=1).tolist() == [False, True, False, False]


def test_an_image_that_is_left_out_is_not_retrieved():
    landmarks = small("mean")
    query = ImageFeatures(np.zeros((1, 2)), torch.eye(4)[:1], torch.zeros(1), 1.0)
    assert landmarks.hypotheses(query, (4, 4))[0].images.tolist() == [0, 1]
    assert landmarks.without_image(0).hypotheses(query, (4, 4))[0].images.tolist() == [1]


def test_images_that_show_nothing_of_what_agrees_are_elsewhere():
    """Three images: two of one place, one of another. Normalised coordinates are as far as the float32 of the file tells."""
    generator = torch.Generator().manual_seed(0)
    landmarks = Landmarks(
        descriptor=Fixed(),
        index=RetrievalIndex(torch.eye(4)[:3]),
        positions=torch.randn((12, 3), generator=generator),
        first=torch.tensor([0, 6, 12, 18], dtype=torch.int32),
        landmark=torch.tensor([*range(6), *range(6), *range(6, 12)], dtype=torch.int32),
        descriptors=directions(torch.eye(12, 12)),
    )
    normalization = Normalization(FAR, 0.5)
    one, other = np.split(landmarks.positions.numpy().astype(np.float64), 2)
    seen = normalization.to_normalized(normalization.to_world(one))
    everything = LandmarkHypothesis(torch.tensor([2, 0]), torch.tensor([1]))
    found = landmarks.elsewhere(everything, seen)
    assert found is not None and found.images.tolist() == [2]
    found = landmarks.elsewhere(everything, other)
    assert found is not None and found.images.tolist() == [0, 1]
    wrong_matches = landmarks.elsewhere(everything, np.concatenate([one, other[:2]]))
    assert wrong_matches is not None and wrong_matches.images.tolist() == [2]
    assert landmarks.elsewhere(everything, np.concatenate([one, other])) is None


def damaged(name, value):
    tensors = {**small("mean").tensors(), "descriptor.centres": np.ones((1, 4), np.float16)}
    tensors |= {"descriptor.basis": np.ones((4, 16), np.float16), "descriptor.normalization": np.ones(2, np.float16)}
    tensors["index.vectors"] = np.ones((2, 16), np.int8)
    return tensors if name is None else {**tensors, name: value(tensors[name])}


def restored(tensors):
    return Landmarks.restore(tensors, HierarchicalConfig(local_descriptors="mean", descriptor_dim=16), 4)


def test_landmarks_come_back_from_tensors():
    tensors = damaged(None, None)
    again = restored(tensors)
    assert all(
        np.array_equal(again.tensors()[name], tensors[name]) for name in ("positions", "first", "landmark", "descriptors")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("positions", lambda array: array * np.float32("nan")),
        ("positions", lambda array: array.astype(np.float64)),
        ("positions", lambda array: array[:2]),
        ("first", lambda array: array[:2]),
        ("first", lambda array: array[::-1].copy()),
        ("landmark", lambda array: array + np.int32(3)),
        ("landmark", lambda array: array - np.int32(1)),
        ("landmark", lambda array: array[:3]),
        ("descriptors", lambda array: array[:, :3]),
        ("descriptors", lambda array: array[:3]),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(name, value):
    with pytest.raises(ValueError):
        restored(damaged(name, value))


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (TriangulationConfig, {"matcher": "x"}),
        (TriangulationConfig, {"min_images": 1}),
        (TriangulationConfig, {"neighbours": 2.5}),
        (HierarchicalConfig, {"local_descriptors": "x"}),
        (HierarchicalConfig, {"descriptor_dim": 0}),
    ],
)
def test_impossible_settings(kind, setting):
    with pytest.raises(ConfigError, match="TP-702"):
        kind(**setting)


def correspondences(count=40):
    generator = np.random.default_rng(0)
    points = generator.uniform((-1, -1, 3), (1, 1, 5), (count, 3))
    return 500 * points[:, :2] / points[:, 2:], points, PinholeIntrinsics(500, 500, 0, 0)


def test_keypoints_without_a_point_are_never_inliers():
    seen, points, camera = correspondences()
    some = points.copy()
    some[::2] = np.nan
    result = solve_known(seen, some, camera, PnpOptions())
    alone = solve_pnp(seen[1::2], points[1::2], camera, PnpOptions())
    assert result.inliers.tolist() == [False, True] * 20
    assert np.array_equal(result.cam_from_world.matrix(), alone.cam_from_world.matrix())


def test_too_few_matches_are_no_pose():
    seen, points, camera = correspondences()
    points[5:] = np.nan
    result = solve_known(seen, points, camera, PnpOptions())
    assert result.cam_from_world is None and "only 5 of 40 keypoints" in result.reason
    assert len(result.inliers) == 40


def test_images_are_looked_up_by_the_directions_of_descriptors():
    """Descriptors after a PCA are of any length; mapping images were described with descriptors of length 1."""

    class First:
        name, dim = "first", 2

        def describe(self, features, size):
            return features.descriptors.mean(dim=0)

    found = ImageFeatures(np.zeros((2, 2)), torch.tensor([[30.0, 0.0], [0.0, 0.5]]), torch.zeros(2), 1.0)
    index = RetrievalIndex(torch.tensor([[1.0, 0.0], [0.7, 0.7]]))
    empty = torch.zeros(3, dtype=torch.int32), torch.zeros(0, dtype=torch.int32)
    landmarks = Landmarks(First(), index, torch.zeros(0, 3), *empty, torch.zeros(0, 2, dtype=torch.int8), 1)
    assert landmarks.hypotheses(found, (10, 10))[0].images.tolist() == [1]
