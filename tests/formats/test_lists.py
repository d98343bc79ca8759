"""Text lists of formats as editors and other programs leave them: names with spaces, marks, commas, NaN, repeated lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.scene_files import COUNT, FOCAL, SIZE, WRITERS, edit, error, notes, write_image

from trigpoint.formats.readers import open_scene

# The file with the poses of each format, or with those of one image.
LISTS = {
    "sevenscenes": "seq-01/frame-000001.pose.txt",
    "ace": "train/poses/frame-000001.pose.txt",
    "twelvescenes": "data/frame-000003.pose.txt",
    "cambridge": "dataset_train.txt",
    "aachen": "3D-models/aachen_cvpr2018_db.nvm",
    "kapture": "sensors/trajectories.txt",
    "tum": "groundtruth.txt",
    "nerfstudio": "transforms.json",
    "joint": "house.joint.json",
}


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
@pytest.mark.parametrize("name", LISTS)
def test_marks_of_editors(name, change, tmp_path):
    WRITERS[name](tmp_path)
    for file in [file for file in tmp_path.rglob("*") if file.suffix in (".txt", ".nvm", ".json")]:
        file.write_bytes(change(file.read_text().replace("\r", "")).encode())
    assert len(open_scene(tmp_path).frames) == COUNT


@pytest.mark.parametrize("name", LISTS)
def test_utf_16_is_named(name, tmp_path):
    WRITERS[name](tmp_path)
    (tmp_path / LISTS[name]).write_text((tmp_path / LISTS[name]).read_text(), encoding="utf-16")
    caught = error(tmp_path)
    assert caught.code == "TP-212"
    assert "UTF-16" in caught.what and Path(LISTS[name]).name in str(caught.where)


POSES = [name for name in LISTS if name not in ("joint", "nerfstudio")]


@pytest.mark.parametrize("name", POSES)
def test_decimal_commas(name, tmp_path):
    WRITERS[name](tmp_path)
    file = tmp_path / LISTS[name]
    file.write_text(re.sub(r"(?<= )(-?\d+)\.(\d+)(?=\s)", r"\1,\2", file.read_text()))
    if name == "kapture":
        file.write_text(re.sub(r"(?<=, )(-?\d+)\.(\d+)", r"\1,\2", file.read_text()))
    caught = error(tmp_path)
    assert (caught.code, "decimal comma" in caught.what) == ("TP-214", True)
    assert "line " in str(caught.where) and file.name in str(caught.where)


@pytest.mark.parametrize("name", POSES)
def test_nan_of_one_image(name, tmp_path):
    WRITERS[name](tmp_path)
    file = tmp_path / LISTS[name]
    lines = file.read_text().splitlines()
    at = next(index for index in range(len(lines) - 1, -1, -1) if len(re.findall(r"\d\.\d{4}", lines[index])) >= 2)
    if name == "tum":
        at = next(index for index, line in enumerate(lines) if line.startswith("103.0040"))
    lines[at] = re.sub(r"(?<=[ ,\t])-?\d+\.\d{4,}", "nan", lines[at], count=1)
    file.write_text("\n".join(lines) + "\n")
    caught = error(tmp_path)
    # The first number of an NVM line is the focal length.
    code = "TP-313" if name == "aachen" else "TP-301"
    assert caught.code == code
    assert file.name in str(caught.where)
    scene = open_scene(tmp_path, skip_invalid=True)
    assert len(scene.frames) == COUNT - 1
    assert "Images left out: 1 (" in notes(scene) and code in notes(scene)


@pytest.mark.parametrize(
    ("name", "file", "old"),
    [
        ("tum", "rgb.txt", "rgb/103.000000.png"),
        ("cambridge", "dataset_train.txt", "seq1/frame00003.png"),
        ("aachen", "3D-models/aachen_cvpr2018_db.nvm", "db/3.jpg"),
        ("kapture", "sensors/records_camera.txt", "cam/003.jpg"),
    ],
)
def test_names_with_spaces(name, file, old, tmp_path):
    WRITERS[name](tmp_path)
    new = old.replace("3.", " 3 (1).")
    edit(tmp_path / file, old, new)
    if name == "cambridge":
        edit(tmp_path / "reconstruction.nvm", old.replace(".png", ".jpg"), new.replace(".png", ".jpg"))
    found = next(path for path in tmp_path.rglob("*") if path.as_posix().endswith(old))
    found.rename(found.with_name(Path(new).name))
    assert new in [frame.name for frame in open_scene(tmp_path).frames]


def test_aachen_queries_with_spaces(tmp_path):
    WRITERS["aachen"](tmp_path)
    write_image(tmp_path / "images_upright" / "query" / "day" / "my image.jpg")
    (tmp_path / "queries").mkdir()
    line = f"query/day/my image.jpg SIMPLE_RADIAL {SIZE[0]} {SIZE[1]} {FOCAL} 32 24 0.1"
    (tmp_path / "queries" / "day_time_queries_with_intrinsics.txt").write_text(line)
    frame = next(frame for frame in open_scene(tmp_path).frames if frame.split == "test")
    assert (frame.name, frame.camera.model) == ("query/day/my image.jpg", "SIMPLE_RADIAL")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cambridge", "dataset_train.txt"),
        ("tum", "rgb.txt"),
        ("kapture", "sensors/records_camera.txt"),
        ("aachen", "3D-models/aachen_cvpr2018_db.nvm"),
    ],
)
def test_an_image_that_is_listed_twice(name, file, tmp_path):
    WRITERS[name](tmp_path)
    lines = (tmp_path / file).read_text().splitlines()
    if name == "aachen":
        lines[2], last = str(COUNT + 1), 2 + COUNT
        lines.insert(last, lines[last])
    else:
        lines.append(lines[-1])
    (tmp_path / file).write_text("\n".join(lines))
    caught = error(tmp_path)
    assert (caught.code, "listed twice" in caught.what) == ("TP-205", True)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT


def test_two_poses_at_one_time_in_kapture(tmp_path):
    WRITERS["kapture"](tmp_path)
    file = tmp_path / "sensors" / "trajectories.txt"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1]]))
    assert len(open_scene(tmp_path).frames) == COUNT
    words = lines[-1].split(", ")
    file.write_text("\n".join([*lines, ", ".join([*words[:-1], "7.5"])]))
    caught = error(tmp_path)
    assert (caught.code, "two poses at this time" in caught.what) == ("TP-205", True)
    assert f"{file}, line {len(lines) + 1}" in str(caught.where)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1
