"""Broken scenes give a named error of their own, never another exception, a crash or a silent loss."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.layout_files import LAYOUTS
from support.scene_files import COUNT, SIZE, WRITERS, edit, error, poses, write_image, write_matrix

from trigpoint.core.errors import TrigpointError
from trigpoint.core.scene import Scene
from trigpoint.formats.readers import open_scene


@pytest.mark.parametrize(
    ("name", "image", "pose"),
    [
        ("ace", "train/rgb/frame-000001.color.jpg", "train/poses/frame-000001.pose.txt"),
        ("sevenscenes", "seq-01/frame-000001.color.png", "seq-01/frame-000001.pose.txt"),
    ],
)
def test_pose_files(name, image, pose, tmp_path):
    WRITERS[name](tmp_path)
    good = (tmp_path / pose).read_text()
    matrix = np.loadtxt(tmp_path / pose)
    for text, code in [
        ("", "TP-211"),
        (good[:40], "TP-214"),
        (good + "1 2 3 4\n", "TP-214"),
        (good.replace(" ", " x", 1), "TP-214"),
        (("inf " * 4 + "\n") * 4, "TP-301"),
        (("1e300 " * 4 + "\n") * 4, "TP-302"),
    ]:
        (tmp_path / pose).write_text(text)
        caught = error(tmp_path)
        assert (caught.code, Path(pose).name in str(caught)) == (code, True), text
    write_matrix(tmp_path / pose, matrix * 1.5)
    assert error(tmp_path).code == "TP-302"
    scene = open_scene(tmp_path, skip_invalid=True)
    assert image not in [frame.name for frame in scene.frames]
    assert len(scene.frames) == COUNT - 1
    assert any(image in problem.message and "TP-302" in problem.message for problem in scene.problems)
    (tmp_path / pose).unlink()
    assert error(tmp_path).code == "TP-215"
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1


@pytest.mark.parametrize(
    ("values", "code"),
    [(-60, "TP-313"), (float("nan"), "TP-313"), ([1, 2], "TP-214"), ([[60, 5, 32], [0, 60, 24], [0, 0, 1]], "TP-214")],
)
def test_ace_calibration(values, code, tmp_path):
    WRITERS["ace"](tmp_path)
    file = tmp_path / "train" / "calibration" / "frame-000001.calibration.txt"
    write_matrix(file, values)
    caught = error(tmp_path)
    assert caught.code == code
    assert caught.where == str(file)


def test_ace_surplus_and_ambiguous_files(tmp_path):
    WRITERS["ace"](tmp_path)
    extra = tmp_path / "train" / "poses" / "frame-000099.pose.txt"
    write_matrix(extra, poses()[0].matrix())
    caught = error(tmp_path)
    assert caught.code == "TP-215"
    assert "1 without a file in rgb (frame-000099)" in str(caught)
    extra.rename(extra.with_name("frame-000001.txt"))
    assert "two files belong to the same image" in str(error(tmp_path))
    extra.with_name("frame-000001.txt").unlink()
    shutil.rmtree(tmp_path / "train" / "calibration")
    assert error(tmp_path).code == "TP-210"


def test_sevenscenes_sequences(tmp_path):
    WRITERS["sevenscenes"](tmp_path)
    (tmp_path / "TestSplit.txt").write_text("sequence2\nsequence7\n")
    (tmp_path / "seq-07.zip").write_bytes(b"PK")
    caught = error(tmp_path)
    assert caught.code == "TP-217"
    assert "seq-07.zip is there but not unpacked" in str(caught)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT
    (tmp_path / "TestSplit.txt").write_text("sequence1\n")
    assert error(tmp_path).code == "TP-216"
    (tmp_path / "TestSplit.txt").write_text("the second one\n")
    assert error(tmp_path).code == "TP-214"


def test_tum(tmp_path):
    WRITERS["tum"](tmp_path)
    rgb, truth, camera = (tmp_path / name for name in ("rgb.txt", "groundtruth.txt", "camera.json"))
    edit(rgb, "103.000000 ", "103.500000 ")
    edit(rgb, "106.000000 ", "106.500000 ")
    caught = error(tmp_path)
    assert caught.code == "TP-204"
    assert "2 of 8 images cannot be used" in str(caught)
    assert "rgb/103.000000.png" in str(caught)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == 6
    for file, text, code in [
        (truth, "1 2 3\n", "TP-214"),
        (truth, "nan 0 0 0 0 0 0 1\n", "TP-214"),
        (truth, "# nothing\n", "TP-211"),
        (truth, "100 0 0 0 0 0 0 9\n", "TP-302"),
        (truth, "100 0 0 0 0 0 0 1e300\n", "TP-302"),
        (rgb, "100.0\n", "TP-214"),
        (camera, '{"model": "PINHOLE"}', "TP-219"),
        (camera, '{"model": "PINHOLE", "width": -1, "height": 2, "params": []}', "TP-313"),
        (camera, '{"model": "PINHOLE", "width": 64, "height": 48, "params": [1]}', "TP-312"),
        (camera, '{"model": "CUBE", "width": 64, "height": 48, "params": [1]}', "TP-311"),
    ]:
        good = file.read_text()
        file.write_text(text)
        caught = error(tmp_path, skip_invalid=True)
        assert caught.code == code, text
        # Where no image is left, the first invalid one is named instead of the list.
        assert file.name in str(caught) or code == "TP-302", text
        file.write_text(good)
    camera.unlink()
    assert error(tmp_path).code == "TP-218"


@pytest.mark.parametrize("name", ["ace", "nerfstudio", "colmap", "tum", "sevenscenes"])
def test_images_that_cannot_be_used(name, tmp_path):
    WRITERS[name](tmp_path)
    images = sorted(path for path in tmp_path.rglob("*") if path.suffix in (".jpg", ".png") and "depth" not in path.name)
    images[1].write_bytes(b"")
    images[2].write_bytes(b"<html>not found</html>")
    caught = error(tmp_path)
    assert caught.code == "TP-101"
    assert "2 of 8 images cannot be used" in str(caught)
    assert caught.where == str(images[1])
    scene = open_scene(tmp_path, skip_invalid=True)
    assert len(scene.frames) == 6
    left_out = " ".join(problem.message for problem in scene.problems if problem.severity == "warning")
    assert images[1].name in left_out
    assert images[2].name in left_out


def test_images_of_another_size(tmp_path):
    WRITERS["colmap"](tmp_path)
    for index, (size, orientation) in enumerate([((32, 32), 1), (SIZE, 6), ((128, 96), 1)]):
        write_image(tmp_path / "images" / f"{index:03d}.jpg", size, orientation)
    assert error(tmp_path).code == "TP-222"
    scene = open_scene(tmp_path, skip_invalid=True)
    assert len(scene.frames) == COUNT - 3
    assert [problem.message.split("): ")[1][:6] for problem in scene.problems] == ["TP-221", "TP-222", "TP-223"]


@pytest.mark.parametrize("name", [*WRITERS, *LAYOUTS])
def test_random_damage_gives_a_scene_or_a_named_error(name, tmp_path):
    (WRITERS | LAYOUTS)[name](tmp_path)
    kinds = (".txt", ".json", ".bin", ".nvm", ".csv", ".yaml", ".npy")
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix in kinds)
    rng = random.Random(name)
    pieces = [b"nan", b"1e999", b"-", b"\0", b"\xff", b"9" * 400, b"[", b'"', b"1e300 ", b"{}"]
    outcomes = set()
    for attempt in range(60):
        file = rng.choice(files)
        good = file.read_bytes()
        data, scene = bytearray(good), rng.randrange(len(good))
        match attempt % 3:
            case 0:
                data = data[:scene]
            case 1:
                data[scene : scene + rng.randrange(3)] = rng.choice(pieces)
            case _:
                data[scene] = rng.randrange(256)
        file.write_bytes(bytes(data))
        try:
            outcomes.add(type(open_scene(tmp_path, skip_invalid=attempt % 2 == 0)))
        except TrigpointError as caught:
            assert caught.where
            outcomes.add(type(caught))
        file.write_bytes(good)
    assert len(outcomes) > 1
    assert isinstance(open_scene(tmp_path), Scene)
