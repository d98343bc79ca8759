"""What a format lists twice is an error that names both places, never the last or the first without a word."""

from __future__ import annotations

import json
import shutil

import pytest
from support.layout_files import LAYOUTS
from support.scene_files import COUNT, WRITERS, error, write_image

from trigpoint.core.errors import MappingError
from trigpoint.formats.readers import open_scene
from trigpoint.localization.camera_file import read_intrinsics

QUERY = "query/1.jpg SIMPLE_RADIAL 64 48 {} 32 24 -0.05"


def again(file, find, change=("", "")):
    """Repeat the first line that holds ``find`` right behind it, with a change."""
    lines = file.read_text().splitlines()
    index = next(index for index, line in enumerate(lines) if find in line)
    lines.insert(index + 1, lines[index].replace(*change, 1))
    file.write_text("\n".join(lines) + "\n")
    return f"{file}, line {index + 1}", f"{file}, line {index + 2}"


def names_both(root, first, second, code="TP-205"):
    caught = error(root)
    assert (caught.code, caught.where.startswith(second), first in caught.what) == (code, True, True), caught


def test_two_cameras_for_a_query_of_aachen(tmp_path):
    WRITERS["aachen"](tmp_path)
    write_image(tmp_path / "images_upright" / "query" / "1.jpg")
    (tmp_path / "queries").mkdir()
    file = tmp_path / "queries" / "day_time_queries_with_intrinsics.txt"
    file.write_text(f"{QUERY.format(70)}\n{QUERY.format(90)}\n")
    names_both(tmp_path, f"{file}, line 1", f"{file}, line 2")
    queries = [frame for frame in open_scene(tmp_path, skip_invalid=True).frames if frame.split == "test"]
    assert [frame.camera.params[0] for frame in queries] == [70]


def test_two_cameras_for_a_mapping_image_of_aachen(tmp_path):
    WRITERS["aachen"](tmp_path)
    file = tmp_path / "database_intrinsics.txt"
    file.write_text("".join(QUERY.replace("query/1", "db/0").format(focal) + "\n" for focal in (70, 90)))
    names_both(tmp_path, f"{file}, line 1", f"{file}, line 2")


def test_two_cameras_for_an_image_of_cambridge(tmp_path):
    WRITERS["cambridge"](tmp_path)
    file = tmp_path / "reconstruction.nvm"
    lines = file.read_text().splitlines()
    index = next(index for index, line in enumerate(lines) if line.strip().isdigit())
    lines[index] = str(int(lines[index]) + 1)
    lines.insert(index + 2, lines[index + 1])
    file.write_text("\n".join(lines))
    names_both(tmp_path, f"{file}, line {index + 2}", f"{file}, line {index + 3}")
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT


@pytest.mark.parametrize(("file", "find"), [("sensors.txt", "camera"), ("rigs.txt", "cam0")])
def test_two_lines_for_a_sensor_of_kapture(file, find, tmp_path):
    WRITERS["kapture"](tmp_path)
    names_both(tmp_path, *again(tmp_path / "sensors" / file, find, ("1", "2")))


def test_two_cameras_of_kitti(tmp_path):
    LAYOUTS["kitti"](tmp_path)
    key = (tmp_path / "calib.txt").read_text().partition("P2:")[1] or "P0:"
    first, second = again(tmp_path / "calib.txt", key)
    names_both(tmp_path, first.rpartition(", ")[2], second)


def test_a_key_that_is_there_twice(tmp_path):
    WRITERS["nerfstudio"](tmp_path)
    file = tmp_path / "transforms.json"
    document = json.loads(file.read_text())
    assert "fl_x" in document
    file.write_text(json.dumps(document).replace('"fl_x"', '"fl_x": 3, "fl_x"', 1))
    caught = error(tmp_path)
    assert (caught.code, "the key 'fl_x' is there twice" in caught.what, caught.where) == ("TP-213", True, str(file))


def test_a_key_that_is_there_twice_in_a_camera_file(tmp_path):
    file = tmp_path / "camera.json"
    file.write_text('{"fx": 60, "fy": 60, "cx": 32, "cy": 24, "fx": 90}')
    with pytest.raises(MappingError, match="the key 'fx' is there twice") as caught:
        read_intrinsics(file)
    assert caught.value.code == "TP-613"


@pytest.mark.parametrize(
    "name", ["kitti", "mvsnet", "polycam", "record3d", "scannet", "scannerapp", "llff", "ace", "sevenscenes"]
)
def test_two_files_for_one_image(name, tmp_path):
    (WRITERS | LAYOUTS)[name](tmp_path)
    frame = open_scene(tmp_path).frames[0]
    copy = frame.image_path.with_suffix(".png" if frame.image_path.suffix == ".jpg" else ".jpg")
    shutil.copy(frame.image_path, copy)
    caught = error(tmp_path)
    assert (caught.code, "two files belong to the same image" in caught.what) == ("TP-215", True)
    assert copy.name in caught.what and frame.image_path.name in caught.what
