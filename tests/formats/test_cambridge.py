"""Cambridge Landmarks and the NVM files that it shares with Aachen Day-Night."""

from __future__ import annotations

import numpy as np
import pytest
from support.scene_files import COUNT, FOCAL, SIZE, edit, error, notes, poses, write_cambridge, write_nvm

from trigpoint.core.camera import Camera
from trigpoint.formats.nvm import forward_terms, read_nvm
from trigpoint.formats.readers import open_scene


def test_split_and_sequences(tmp_path):
    write_cambridge(tmp_path)
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["train"] * 6 + ["test"] * 2
    assert {frame.sequence for frame in scene.frames} == {"seq1", "seq2"}
    assert scene.frames[0].camera.model == "SIMPLE_PINHOLE"
    assert not scene.problems


@pytest.mark.parametrize("radial", [-0.11, -0.03, 0.05, 0.12])
def test_distortion_is_that_of_the_model(tmp_path, radial):
    """The ideal point of a measured one is what VisualSFM says it is."""
    write_cambridge(tmp_path)
    write_nvm(tmp_path / "reconstruction.nvm", [f"seq{1 + i // 6}/frame{i:05d}.jpg" for i in range(COUNT)], radial)
    camera = open_scene(tmp_path).frames[0].camera
    assert camera.model == "RADIAL"
    measured = np.array([[x, y] for x in (0.0, 10, 32, 50, 64) for y in (0.0, 24, 40, 48)])
    centred = (measured - (32, 24)) / FOCAL
    ideal = centred * (1 + radial * (centred**2).sum(axis=1, keepdims=True)) * FOCAL + (32, 24)
    assert np.abs(camera.undistort(measured) - ideal).max() < 2e-4 * FOCAL


@pytest.mark.parametrize("radial", [0.0, 1e-9, 0.0864, -0.0864])
def test_fitted_terms_are_close_over_the_whole_image(radial):
    """0.31 px at the corner of the images of Aachen; the usual -k is 3.9 px off."""
    terms = forward_terms(radial, 1000 / 1084)
    camera = Camera("RADIAL", 1600, 1200, (1084, 800, 600, *terms))
    measured = np.stack([np.linspace(0, 800, 50), np.linspace(0, 600, 50)], axis=1)
    back = camera.undistort(800 * np.array([1, 0.75]) + measured) - (800, 600)
    ideal = measured * (1 + radial * ((measured / 1084) ** 2).sum(axis=1, keepdims=True))
    assert np.nanmax(np.abs(back - ideal)) < 0.4


def test_images_that_the_model_lacks_and_outliers_are_left_out_with_a_warning(tmp_path):
    write_cambridge(tmp_path)
    edit(tmp_path / "reconstruction.nvm", "seq1/frame00002.jpg", "seq1/other.jpg")
    rows = (tmp_path / "dataset_train.txt").read_text().splitlines()
    words = rows[4].split()
    rows[4] = " ".join([words[0], "20000", *words[2:]])
    (tmp_path / "dataset_train.txt").write_text("\n".join(rows))
    (tmp_path / "seq1" / "frame00004.png").unlink()
    scene = open_scene(tmp_path)
    assert [frame.name[-9:-4] for frame in scene.frames] == ["00000", "00003", "00005", "00006", "00007"]
    assert "reconstruction.nvm does not hold, left out: 1 (seq1/frame00002.png)" in notes(scene)
    assert "more than 10 km away, left out: 1 (seq1/frame00001.png)" in notes(scene)
    assert "without a file: 1 of" in notes(scene)


def test_one_list_is_enough(tmp_path):
    write_cambridge(tmp_path)
    (tmp_path / "dataset_test.txt").unlink()
    assert len(open_scene(tmp_path).frames) == 6


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("reconstruction.nvm", "NVM_V3", "NVM_V2", "TP-214"),
        ("reconstruction.nvm", "\n8\n", "\n80\n", "TP-214"),
        ("reconstruction.nvm", "\n8\n", "\neight\n", "TP-214"),
        ("reconstruction.nvm", f"{FOCAL:.12f}", "nan", "TP-313"),
        ("dataset_train.txt", "frame00001.png ", "frame00001.png x ", "TP-214"),
        ("dataset_train.txt", "frame00001.png -", "frame00001.png x", "TP-214"),
        ("dataset_test.txt", "frame00006.png ", "frame00006.png nan nan nan 1 0 0 0\nx/", "TP-214"),
    ],
)
def test_damage_is_named(tmp_path, file, old, new, code):
    write_cambridge(tmp_path)
    edit(tmp_path / file, old, new)
    assert error(tmp_path).code == code


def test_a_missing_model_is_named(tmp_path):
    write_cambridge(tmp_path)
    (tmp_path / "reconstruction.nvm").unlink()
    refusal = error(tmp_path)
    assert refusal.code == "TP-210"
    assert "reconstruction.nvm" in str(refusal.where)


def test_names_with_spaces_and_points_that_are_not_read(tmp_path):
    write_nvm(tmp_path / "a.nvm", ["my image.jpg", "b.jpg"])
    with (tmp_path / "a.nvm").open("a") as stream:
        stream.write("not a number\n" * 10)
    cameras = read_nvm(tmp_path / "a.nvm")
    assert [camera.name for camera in cameras] == ["my image.jpg", "b.jpg"]
    assert cameras[1].centre == pytest.approx(poses()[1].centre())
    assert SIZE == (64, 48)
