"""Broken COLMAP models and transforms.json give a named error of their own."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.scene_files import COUNT, FOCAL, WRITERS, colmap_38_files, edit, error, write_colmap_38, write_colmap_text

from trigpoint.formats.readers import open_scene


def edit_json(file: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def frame(index: int, **values) -> Callable[[dict], object]:
    return lambda document: document["frames"][index].update(values)


def turned(index: int, factors) -> Callable[[dict], object]:
    def change(document: dict) -> None:
        matrix = np.array(document["frames"][index]["transform_matrix"])
        matrix[:3, :3] *= factors
        document["frames"][index]["transform_matrix"] = matrix.tolist()

    return change


NAN_MATRIX = [[float("nan")] * 4] * 4
HUGE_MATRIX = [[1e300] * 4] * 4


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda d: d.pop("frames"), "TP-219", "'frames'"),
        (lambda d: d.update(frames=[7]), "TP-219", "frame 0"),
        (lambda d: d["frames"][3].pop("file_path"), "TP-219", "'file_path'"),
        (lambda d: d["frames"][3].update(file_path="\ud800"), "TP-219", "frame 3"),
        (lambda d: (d.pop("fl_x"), d.pop("fl_y")), "TP-219", "'fl_x'"),
        (lambda d: d["frames"][3].pop("transform_matrix"), "TP-204", "003.jpg"),
        (frame(3, transform_matrix=[[1, 2], [3]]), "TP-214", "003.jpg"),
        (frame(3, transform_matrix=[["a"] * 4] * 4), "TP-214", "'a' is not a number"),
        (frame(3, transform_matrix=NAN_MATRIX), "TP-301", "003.jpg"),
        (frame(3, transform_matrix=HUGE_MATRIX), "TP-302", "003.jpg"),
        (turned(3, 2.0), "TP-302", "scaled"),
        (turned(3, [1, 1, -1]), "TP-302", "mirrored"),
        (lambda d: d["frames"][3]["transform_matrix"][0].__setitem__(3, 1e12), "TP-303", "003.jpg"),
        (lambda d: d["frames"][3]["transform_matrix"][3].__setitem__(0, 1), "TP-302", "last row"),
        (frame(3, file_path="images/002.jpg"), "TP-205", "images/002.jpg"),
        (frame(3, fl_x=-60), "TP-313", "003.jpg"),
        (frame(3, fl_x=float("inf")), "TP-313", "003.jpg"),
        (frame(3, fl_x=True), "TP-214", "fl_x"),
        (frame(3, cx="left"), "TP-214", "cx"),
        (frame(3, w=64.5), "TP-313", "64.5"),
        (frame(3, w=10**400), "TP-214", "003.jpg"),
        (frame(3, k4=0.1), "TP-314", "k4"),
        (lambda d: d.update(fl_x=None, fl_y=None, camera_angle_x=60), "TP-313", "radians"),
        (frame(3, camera_model="OPENCV_FISHEY"), "TP-311", "Did you mean 'OPENCV_FISHEYE'"),
        (lambda d: d.update(train_filenames="images"), "TP-219", "train_filenames"),
        (lambda d: d.update(w=128, h=96), "TP-221", "full-size"),
        (lambda d: d.update(w=128, h=64), "TP-222", "128x64"),
        (lambda d: d.update(w=48, h=64), "TP-223", "EXIF"),
    ],
)
def test_transforms_json(change, code, words, tmp_path):
    WRITERS["nerfstudio"](tmp_path)
    edit_json(tmp_path / "transforms.json", change)
    caught = error(tmp_path)
    assert caught.code == code
    assert words in str(caught)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "TP-211"),
        (b" \n", "TP-211"),
        (b'{"frames": [', "TP-213"),
        (b"[1]", "TP-213"),
        (b"[" * 100_000, "TP-213"),
        (b'{"w": ' + b"9" * 5000 + b"}", "TP-213"),
        (b"\xff\xfe{}", "TP-212"),
        (b'{"a": "\0"}', "TP-212"),
        (b"{}", "TP-219"),
    ],
)
def test_files_that_are_not_json(data, code, tmp_path):
    (tmp_path / "transforms.json").write_bytes(data)
    caught = error(tmp_path)
    assert caught.code == code
    assert caught.where is not None and caught.where.endswith("transforms.json")


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda model: (model / name).write_bytes((model / name).read_bytes()[:size])


def patch(name: str, offset: int, data: bytes) -> Callable[[Path], object]:
    def change(model: Path) -> None:
        content = bytearray((model / name).read_bytes())
        content[offset : offset + len(data)] = data
        (model / name).write_bytes(bytes(content))

    return change


IMAGE_POSE = 8 + 4


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (cut("cameras.bin", 30), "TP-231", "cameras.bin"),
        (cut("cameras.bin", 4), "TP-231", "cameras.bin"),
        (cut("cameras.bin", 0), "TP-211", "cameras.bin"),
        (cut("images.bin", 200), "TP-231", "images.bin"),
        (cut("images.bin", 100), "TP-231", "images.bin"),
        (cut("points3D.bin", 20), "TP-231", "points3D.bin"),
        (lambda model: (model / "points3D.bin").unlink(), "TP-210", "points3D.bin"),
        (patch("images.bin", 0, struct.pack("<Q", 2**60)), "TP-231", "images.bin"),
        (patch("images.bin", 0, struct.pack("<Q", 7)), "TP-231", "bytes follow"),
        (patch("points3D.bin", 8 + 43, struct.pack("<Q", 2**60)), "TP-231", "points3D.bin"),
        (patch("cameras.bin", 12, struct.pack("<i", 77)), "TP-311", "id 77"),
        (patch("cameras.bin", 12, struct.pack("<i", -1)), "TP-311", "id -1"),
        (patch("cameras.bin", 8, struct.pack("<I", 5)), "TP-232", "sparse/0"),
        (patch("cameras.bin", 32, struct.pack("<d", -FOCAL)), "TP-313", "camera 1"),
        (patch("cameras.bin", 32, struct.pack("<d", float("nan"))), "TP-313", "camera 1"),
        (patch("images.bin", IMAGE_POSE, struct.pack("<d", float("nan"))), "TP-301", "000.jpg"),
        (patch("images.bin", IMAGE_POSE + 32, struct.pack("<d", 1e30)), "TP-303", "000.jpg"),
        (patch("images.bin", IMAGE_POSE + 60, b"\xff\xff"), "TP-232", "UTF-8"),
        (patch("images.bin", IMAGE_POSE + 60, b"001"), "TP-205", "001.jpg"),
    ],
)
def test_binary_colmap(change, code, words, tmp_path):
    write_colmap_38(tmp_path)
    change(tmp_path / "sparse" / "0")
    caught = error(tmp_path)
    assert caught.code == code
    assert words in str(caught)


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "words"),
    [
        ("images.txt", None, "", "TP-211", "images.txt"),
        ("cameras.txt", None, "", "TP-211", "cameras.txt"),
        ("cameras.txt", "PINHOLE", "PINHOL", "TP-311", "Did you mean 'PINHOLE'"),
        ("cameras.txt", " 24", "", "TP-312", "fx, fy, cx, cy"),
        ("cameras.txt", "1 PINHOLE 64 48 60 60 32 24", "1 PINHOLE", "TP-214", "cameras.txt, line"),
        ("cameras.txt", " 60 60", " -60 60", "TP-313", "camera 1"),
        ("images.txt", "000.jpg", "001.jpg", "TP-205", "001.jpg"),
        ("images.txt", " 000.jpg", "", "TP-214", "images.txt, line 5"),
        ("images.txt", " 1 003.jpg", " 9 003.jpg", "TP-232", "no camera 9 [...images.txt, line 11, 003.jpg]"),
        ("points3D.txt", "9 9 9", "9 x 9", "TP-214", "points3D.txt, line 4"),
        ("points3D.txt", "9 9 9", "9 \0 9", "TP-212", "points3D.txt"),
    ],
)
def test_text_colmap(file, old, new, code, words, tmp_path):
    write_colmap_text(tmp_path)
    path = tmp_path / "sparse" / "0" / file
    if old is None:
        path.write_text(new)
    else:
        edit(path, old, new)
    caught = error(tmp_path)
    assert caught.code == code
    assert words in str(caught).replace(f"{tmp_path}/sparse/0/", "...")


def test_colmap_text_model_cut_between_images_warns(tmp_path):
    write_colmap_text(tmp_path)
    model = tmp_path / "sparse" / "0"
    for name in ("rigs.txt", "frames.txt"):
        (model / name).unlink()
    lines = (model / "images.txt").read_text().splitlines(keepends=True)
    (model / "images.txt").write_text("".join(lines[:-4]))
    problems = [problem.message for problem in open_scene(tmp_path).problems]
    assert any("announces 8 images and lists 6" in problem for problem in problems)


def test_colmap_images_missing_or_reduced(tmp_path):
    write_colmap_38(tmp_path)
    (tmp_path / "images").rename(tmp_path / ".elsewhere")
    assert error(tmp_path).code == "TP-206"
    (tmp_path / ".elsewhere").rename(tmp_path / "images_4")
    caught = error(tmp_path)
    assert caught.code == "TP-224"
    assert "images_4" in str(caught)


def test_the_old_model_is_what_it_should_be(tmp_path):
    files = colmap_38_files()
    assert len(files["cameras.bin"]) == 8 + 24 + 32
    assert struct.unpack_from("<Q", files["images.bin"])[0] == COUNT
