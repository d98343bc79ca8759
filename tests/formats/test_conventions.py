"""Poses that were written in another convention than that of the format are read in it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.posed_frames import random_frames
from support.scene_files import WRITERS, write_nerfstudio

from trigpoint.commands.options import SceneOptions
from trigpoint.core.errors import ConfigError, SceneError
from trigpoint.formats.conventions import AS_THEY_ARE, CONVENTIONS, convention_of, read_poses_as, reread
from trigpoint.formats.readers import READERS, open_scene

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def matrices(scene):
    return np.array([frame.pose().matrix() for frame in scene.frames])


@pytest.mark.parametrize("stored", CONVENTIONS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_what_is_read_in_one_convention_can_be_read_in_another(stored, convention):
    for frame in random_frames(3):
        pose = frame.pose()
        there = reread(pose, stored, convention)
        np.testing.assert_allclose(reread(there, convention, stored).matrix(), pose.matrix(), atol=1e-12)
        assert (stored == convention) == bool(np.allclose(there.matrix(), pose.matrix()))


@pytest.mark.parametrize(
    ("convention", "write"),
    [
        ("opencv-c2w", lambda pose: np.linalg.inv(pose)),
        ("opengl-c2w", lambda pose: np.linalg.inv(FLIP @ pose)),
        ("opencv-w2c", lambda pose: pose),
        ("opengl-w2c", lambda pose: FLIP @ pose),
        ("opencv-w2c-centre", lambda pose: with_centre(pose, pose)),
        ("opengl-w2c-centre", lambda pose: with_centre(FLIP @ pose, pose)),
    ],
)
def test_a_transforms_json_in_any_convention(convention, write, tmp_path):
    write_nerfstudio(tmp_path)
    true = matrices(open_scene(tmp_path))
    file = tmp_path / "transforms.json"
    document = json.loads(file.read_text())
    for frame in document["frames"]:
        pose = np.linalg.inv(np.array(frame["transform_matrix"]) @ FLIP)
        frame["transform_matrix"] = write(pose).tolist()
    file.write_text(json.dumps(document))
    scene = SceneOptions(poses=convention, holdout="every:4:0").open(tmp_path)
    np.testing.assert_allclose(matrices(scene), true, atol=1e-9)
    assert scene.poses == convention == convention_of(scene) and scene.holdout == "every:4:0"


def with_centre(rotation, pose):
    result = rotation.copy()
    result[:3, 3] = np.linalg.inv(pose)[:3, 3]
    return result


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"joint"}))
def test_the_convention_of_each_format_changes_nothing(name, tmp_path):
    WRITERS[name](tmp_path)
    scene = open_scene(tmp_path)
    again = read_poses_as(scene, READERS[name].poses)
    posed = [(before.pose(), after.pose()) for before, after in zip(scene.posed(), again.posed(), strict=True)]
    assert posed
    for before, after in posed:
        np.testing.assert_allclose(after.matrix(), before.matrix(), atol=1e-9)


@pytest.mark.parametrize("name", ["ace", "sevenscenes", "tum"])
def test_formats_with_camera_to_world_matrices(name, tmp_path):
    """Files with the inverse in them."""
    WRITERS[name](tmp_path)
    scene = open_scene(tmp_path)
    there = read_poses_as(scene, "opencv-w2c")
    for before, after in zip(scene.posed(), there.posed(), strict=True):
        np.testing.assert_allclose(after.pose().matrix(), before.pose().inverse().matrix(), atol=1e-12)
    assert matrices(read_poses_as(there, "opencv-c2w")) == pytest.approx(matrices(scene))


def test_as_they_are_changes_nothing_but_says_so(tmp_path):
    write_nerfstudio(tmp_path)
    scene = open_scene(tmp_path)
    as_it_is = read_poses_as(scene, AS_THEY_ARE)
    np.testing.assert_array_equal(matrices(as_it_is), matrices(scene))
    assert (as_it_is.poses, convention_of(as_it_is)) == (AS_THEY_ARE, "opengl-c2w")


def test_unknown_conventions_and_joint_scenes_are_refused(tmp_path):
    WRITERS["joint"](tmp_path)
    scene = open_scene(tmp_path)
    with pytest.raises(ConfigError, match=r"TP-727.*Did you mean 'opencv-w2c'"):
        SceneOptions(poses="opencv-w2d").open(tmp_path)
    with pytest.raises(SceneError, match="TP-242"):
        read_poses_as(scene, "opencv-w2c")
    assert read_poses_as(scene, AS_THEY_ARE).poses == AS_THEY_ARE
