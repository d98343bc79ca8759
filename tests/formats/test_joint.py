"""Several scenes in one frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.fake_localizer import FakeLocalizer, make_frames
from support.scene_files import (
    COUNT,
    error,
    notes,
    poses,
    write_ace,
    write_colmap_points,
    write_nerfstudio,
    write_sevenscenes,
)

from trigpoint.core.errors import SceneError
from trigpoint.core.scene import Scene
from trigpoint.covisibility.depth_range import depth_range
from trigpoint.covisibility.graph import build_graph
from trigpoint.diagnosis.inspect import describe_scene
from trigpoint.evaluation.evaluate import evaluate_frames, evaluations_by_scene
from trigpoint.evaluation.metrics import Threshold
from trigpoint.formats.joint import JointPart, grid_offset, joint_scene, scene_of, write_joint
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.supervision import supervision_of
from trigpoint.report.evaluation_blocks import scenes_table


def house(root):
    """Two rooms of different formats beside each other."""
    write_ace(root / "kitchen")
    write_sevenscenes(root / "hall")
    write_joint(root / "house.joint.json", [JointPart(Path("kitchen"), "kitchen"), JointPart(Path("hall"), "entrance")])
    return root / "house.joint.json"


def test_scenes_are_centred_on_a_grid_five_metres_apart():
    """GLACE's arrangement: rows of ceil(sqrt(n)) cells, towards negative x and y."""
    scenes = [Scene(Path(f"p{index}"), "fake", tuple(make_frames(6, split="train")), True) for index in range(7)]
    joint = joint_scene(scenes)
    assert joint.metric and joint.format == "joint" and len(joint.frames) == 42
    middles = {}
    for frame in joint.frames:
        middles.setdefault(scene_of(frame.name), []).append(frame.pose().centre())
    means = {name: np.mean(centres, axis=0).round(9).tolist() for name, centres in middles.items()}
    cells = [(0, 0), (0, -5), (0, -10), (-5, 0), (-5, -5), (-5, -10), (-10, 0)]
    assert means == {f"p{index}": [x, y, 0] for index, (x, y) in enumerate(cells)}
    assert "p4 (fake, 6 images) is shifted by -5.000000 -5.000000 -1.500000." in notes(joint)


def test_only_mapping_cameras_are_the_centre():
    train, test = make_frames(6, split="train"), make_frames(3, split="test")
    joint = joint_scene([Scene(Path("a"), "fake", (*train, *test), True)])
    centre = np.mean([frame.pose().centre() for frame in joint.for_mapping()], axis=0)
    assert centre == pytest.approx([0, 0, 0], abs=1e-12)


def test_scale_and_offset_move_the_world_and_nothing_else():
    """A point of the scene is seen in the same pixel."""
    frames = make_frames(5, split="train")
    scene = Scene(Path("a"), "fake", tuple(frames), False)
    joint = joint_scene([scene], offsets=[(1, 2, 3)], scales=[0.5])
    assert joint.metric
    points = np.random.default_rng(0).uniform(-9, 9, (20, 3))
    for before, after in zip(sorted(frames, key=lambda frame: frame.name), joint.frames, strict=True):
        moved = after.pose().apply(0.5 * points + (1, 2, 3))
        assert moved == pytest.approx(0.5 * before.pose().apply(points))
    assert grid_offset(scene, 0, 1, 5.0, 0.5) == pytest.approx([0, 0, -0.75])


def test_a_joint_file_is_a_scene(tmp_path):
    file = house(tmp_path)
    scene = open_scene(file)
    assert scene.format == "joint" and scene.metric
    assert len(scene.frames) == 2 * COUNT
    assert {scene_of(frame.name) for frame in scene.frames} == {"kitchen", "entrance"}
    assert {frame.sequence for frame in scene.frames} == {"kitchen", "entrance/seq-01", "entrance/seq-02"}
    assert len(scene.for_mapping()) == 10
    assert all(frame.image_path.is_file() for frame in scene.frames)
    assert "entrance: 7-Scenes has no calibration" in notes(scene)
    assert "images" in dict(describe_scene(scene).facts())
    # Moving a scene changes no angle and no distance within it.
    first = open_scene(tmp_path / "kitchen").frames
    for before, after in zip(first, [f for f in scene.frames if scene_of(f.name) == "kitchen"], strict=True):
        assert np.allclose(before.pose().rotation, after.pose().rotation)
    assert open_scene(file, metric=False).metric is False


def test_spacing_holdout_and_scale_of_the_file(tmp_path):
    for name in ("a", "b"):
        write_nerfstudio(tmp_path / name)
    scenes = [JointPart(Path(name), name, scale=2.0, holdout="every:4:0", format="nerfstudio") for name in ("a", "b")]
    write_joint(tmp_path / "ab.joint.json", scenes, spacing=100)
    scene = open_scene(tmp_path / "ab.joint.json")
    assert scene.metric
    assert sum(frame.split == "test" for frame in scene.frames) == 4
    a, b = (
        np.array([frame.pose().centre() for frame in scene.for_mapping() if scene_of(frame.name) == name]).mean(axis=0)
        for name in ("a", "b")
    )
    assert (a - b).tolist() == pytest.approx([0, 100, 0])
    distance = np.linalg.norm(poses()[0].centre() - poses()[1].centre())
    frames = [frame for frame in scene.frames if scene_of(frame.name) == "a"]
    assert np.linalg.norm(frames[0].pose().centre() - frames[1].pose().centre()) == pytest.approx(2 * distance)


def test_known_and_unknown_scale_do_not_mix(tmp_path):
    write_ace(tmp_path / "a")
    write_nerfstudio(tmp_path / "b")
    write_joint(tmp_path / "ab.joint.json", [JointPart(Path("a"), "a"), JointPart(Path("b"), "b")])
    refusal = error(tmp_path / "ab.joint.json")
    assert refusal.code == "TP-262" and "of b is unknown" in refusal.what
    write_joint(tmp_path / "ab.joint.json", [JointPart(Path("a"), "a"), JointPart(Path("b"), "b", scale=0.4)])
    assert open_scene(tmp_path / "ab.joint.json").metric
    write_joint(tmp_path / "ab.joint.json", [JointPart(Path("b"), "b")])
    assert not open_scene(tmp_path / "ab.joint.json").metric


@pytest.fixture
def two_models(tmp_path):
    """Two COLMAP scenes with points and one scene without, joined; the second at twice the scale."""
    for seed, name in enumerate(("hall", "kitchen")):
        write_colmap_points(tmp_path / name, seed=seed)
    write_nerfstudio(tmp_path / "attic")
    parts = [JointPart(Path(name), name, scale=scale) for name, scale in (("attic", 1.0), ("hall", 1.0), ("kitchen", 2.0))]
    write_joint(tmp_path / "house.joint.json", parts)
    return open_scene(tmp_path / "house.joint.json")


def test_points_of_colmap_scenes_move_with_their_cameras(two_models):
    tracks = two_models.tracks
    assert len(tracks.points) == 800 and set(tracks.images) == {frame.name for frame in two_models.frames}
    for frame in two_models.frames:
        observations = tracks.images[frame.name]
        assert len(observations.point) == 0 if scene_of(frame.name) == "attic" else len(observations.point) > 5
        projected = frame.camera.project(frame.pose().apply(tracks.points[observations.point]))
        np.testing.assert_allclose(projected, observations.image_px, atol=1e-6)
    files = {file.parents[2].name for file in two_models.track_source.files}
    assert files == {"hall", "kitchen"}


def test_joint_points_give_the_depth_range(two_models):
    joint = depth_range(two_models.posed(), two_models.tracks, seed=0)
    assert joint.source == "points"
    hall = open_scene(two_models.root.parent / "hall")
    alone = depth_range(hall.posed(), hall.tracks, seed=0)
    # The kitchen has twice the scale of the hall.
    assert alone.source == "points" and alone.near < joint.near < 2 * alone.near
    assert 1.2 * alone.far < joint.far < 2.2 * alone.far


def test_joint_points_give_the_covisibility_of_each_scene(two_models):
    graph = build_graph(two_models, method="tracks", threshold=0.1)
    components = graph.components()
    by_scene = {
        name: {components[i] for i, image in enumerate(graph.names) if scene_of(image) == name}
        for name in ("attic", "hall", "kitchen")
    }
    assert len(by_scene["attic"]) == COUNT, "images without points overlap nothing"
    assert len(by_scene["hall"]) == len(by_scene["kitchen"]) == 1 and by_scene["hall"] != by_scene["kitchen"]


def test_joint_points_are_supervision(two_models):
    supervision = supervision_of("points", two_models)
    frame = next(frame for frame in two_models.frames if scene_of(frame.name) == "kitchen")
    observations = two_models.tracks.images[frame.name]
    points = supervision.points(frame, observations.image_px)
    projected = frame.camera.project(frame.pose().apply(points))
    assert np.abs(projected - observations.image_px).max() < 0.2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "other"}, "TP-261"),
        ({"version": 3}, "TP-261"),
        ({"spacing": 0}, "TP-261"),
        ({"spacing": True}, "TP-261"),
        ({"scenes": []}, "TP-261"),
        ({"scenes": ["kitchen"]}, "TP-261"),
        ({"scenes": [{"path": 7}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "offsett": [0, 0, 0]}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "offset": [0, 0]}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "offset": [0, 0, "x"]}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "scale": -1}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "name": 1}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen", "name": "a/b"}]}, "TP-261"),
        ({"scenes": [{"path": "kitchen"}, {"path": "hall", "name": "kitchen"}]}, "TP-261"),
        ({"scenes": [{"path": "house.joint.json"}]}, "TP-261"),
        ({"version": 1}, "TP-261"),
        ({"scenes": [{"path": "nowhere"}]}, "TP-201"),
        ({"scenes": [{"path": "kitchen", "format": "colmap"}]}, "TP-203"),
    ],
)
def test_damage_is_named(tmp_path, change, code):
    file = house(tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert error(file).code == code


def test_two_joint_files_in_a_folder_are_named_one_by_one(tmp_path):
    house(tmp_path)
    assert open_scene(tmp_path).format == "joint"
    (tmp_path / "other.joint.json").write_text("{}")
    assert error(tmp_path).code == "TP-202"


def test_no_scenes_at_all():
    with pytest.raises(SceneError, match="TP-261"):
        joint_scene([])


def test_evaluation_scene_by_scene():
    scenes = [Scene(Path(name), "fake", tuple(make_frames(4)), True) for name in ("a", "b")]
    scene = joint_scene(scenes)
    localizer = FakeLocalizer(scene.frames)
    evaluation = evaluate_frames(localizer, scene.frames, thresholds=[Threshold(0.05, 5)], scene_name="ab")
    parts = evaluations_by_scene(evaluation)
    assert [(name, len(part.results)) for name, part in parts.items()] == [("a", 4), ("b", 4)]
    assert [row[0] for row in scenes_table(parts).rows] == ["a", "b"]
    assert scenes_table(parts).rows[0][-1] == "100.0 %"
