"""12-Scenes, and the SfM pseudo ground truth that it shares with 7-Scenes."""

from __future__ import annotations

import numpy as np
import pytest
from support.scene_files import FOCAL, data_folder, edit, error, notes, poses, write_sevenscenes, write_twelvescenes

from trigpoint.core.pose import centre_distance
from trigpoint.formats.pseudo_truth import read_sfm_poses
from trigpoint.formats.readers import open_scene

SHIFT = np.array([0.0, 0, 1])


def write_pgt(root, names, first=0):
    """The pseudo ground truth of images: poses 1 m further along z, and a focal length of their own."""
    (root / "pgt").mkdir()
    lines = []
    for name, pose in list(zip(names, poses(), strict=False))[first:]:
        numbers = (*pose.quaternion_wxyz(), *(pose.translation + SHIFT), FOCAL + 7)
        lines.append(f"{name} " + " ".join(f"{number:.15g}" for number in numbers))
    (root / "pgt" / "scene_train.txt").write_text("\n".join(lines[2:]))
    (root / "pgt" / "scene_test.txt").write_text("\n".join(lines[:2]))


def test_the_first_sequence_is_for_testing(tmp_path):
    write_twelvescenes(tmp_path)
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["test"] * 2 + ["train"] * 6
    # As in ACE's conversion: the mean focal length, the principal point at the image centre.
    assert scene.frames[0].camera.params == (FOCAL, 32, 24)
    assert scene.frames[0].depth_path == tmp_path / "data" / "frame-000000.depth.png"


def test_images_that_the_tracker_lost_are_left_out_with_a_warning(tmp_path):
    write_twelvescenes(tmp_path)
    lost = "-1.#INF -1.#INF -1.#INF -1.#INF\n" * 4
    (tmp_path / "data" / "frame-000000.pose.txt").write_text(lost)
    scene = open_scene(tmp_path)
    # Those that stay keep their split: it counts images, not poses.
    assert [frame.split for frame in scene.frames] == ["test"] + ["train"] * 6
    assert "without a pose in the data set, left out: 1 (data/frame-000000.color.jpg)" in notes(scene)


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("info.txt", "m_colorWidth", "m_width", "TP-214"),
        ("info.txt", " 0 0 0 0 1\n", "\n", "TP-214"),
        ("info.txt", "m_colorHeight = 48", "m_colorHeight = x", "TP-214"),
        ("info.txt", "m_colorHeight = 48", "m_colorHeight = 50", "TP-222"),
        ("split.txt", "[frames=2]", "2", "TP-214"),
        ("data/frame-000003.pose.txt", " ", " x", "TP-214"),
    ],
)
def test_damage_is_named(tmp_path, file, old, new, code):
    write_twelvescenes(tmp_path)
    edit(tmp_path / file, old, new)
    assert error(tmp_path).code == code


def test_images_and_poses_must_pair_up(tmp_path):
    write_twelvescenes(tmp_path)
    (tmp_path / "data" / "frame-000004.pose.txt").unlink()
    assert error(tmp_path).code == "TP-215"
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == 7


def test_pseudo_ground_truth_replaces_poses_and_focal_lengths(tmp_path):
    write_twelvescenes(tmp_path)
    write_pgt(tmp_path, [f"data/frame-{index:06d}.color.jpg" for index in range(8)], first=1)
    scene = open_scene(tmp_path)
    assert len(scene.frames) == 7
    for frame, pose in zip(scene.frames, poses()[1:], strict=True):
        assert np.allclose(frame.pose().translation, pose.translation + SHIFT, atol=1e-9)
    assert scene.frames[0].camera.params[0] == FOCAL + 7
    assert [frame.split for frame in scene.frames] == ["test"] + ["train"] * 6
    assert "SfM pseudo ground truth" in notes(scene) and "left out: 1" in notes(scene)


def test_pseudo_ground_truth_of_sevenscenes(tmp_path):
    write_sevenscenes(tmp_path)
    names = [f"seq-{1 + index // 4:02d}/frame-{index % 4:06d}.color.png" for index in range(8)]
    write_pgt(tmp_path, names)
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["train"] * 4 + ["test"] * 4
    assert scene.frames[5].camera.params == (FOCAL + 7, 320, 240)
    assert np.allclose(scene.frames[5].pose().translation, poses()[5].translation + SHIFT, atol=1e-9)
    assert "585" not in notes(scene)
    (tmp_path / "pgt" / "scene_test.txt").unlink()
    # An image without a line has no pose, and that is no small thing.
    assert error(tmp_path).code == "TP-204"


def test_damaged_pseudo_ground_truth_is_named(tmp_path):
    write_twelvescenes(tmp_path)
    write_pgt(tmp_path, [f"data/frame-{index:06d}.color.jpg" for index in range(8)])
    edit(tmp_path / "pgt" / "scene_test.txt", "data/frame-000000.color.jpg ", "data/frame-000000.color.jpg 1 ")
    assert error(tmp_path).code == "TP-214"
    for file in (tmp_path / "pgt").iterdir():
        file.unlink()
    assert error(tmp_path).code == "TP-211"


def test_the_published_files_are_read(tmp_path):
    files = data_folder("redkitchen_poses")
    (tmp_path / "pgt").symlink_to(files)
    lines = read_sfm_poses(tmp_path)
    assert lines is not None and len(lines) == 12_000
    line = lines["seq-13/frame-000267"]
    assert line.focal_px() == 525.505
    assert line.pose().translation.tolist() == [1.749463, 0.676667, -1.640058]


def test_the_same_poses_as_in_the_layout_of_ace(tmp_path):
    """The published files and ACE's conversion of them, which is another format and another data set here, agree."""
    lines = read_sfm_poses_of(data_folder("redkitchen_poses"), tmp_path)
    scene = open_scene(data_folder("redkitchen_ace"))
    for frame in scene.frames[::20]:
        key = "seq-01/" + frame.name.rpartition("/")[2].split(".color")[0]
        assert centre_distance(lines[key].pose(), frame.pose()) < 1e-4
        assert lines[key].focal_px() == pytest.approx(frame.camera.pinhole_params()[0])


def read_sfm_poses_of(files, folder):
    (folder / "pgt").symlink_to(files)
    lines = read_sfm_poses(folder)
    assert lines is not None
    return lines
