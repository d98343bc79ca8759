"""Scenes whose files ask for much more time or memory than scenes do, or are no files at all."""

from __future__ import annotations

import json
import os

import pytest
from support.layout_files import write_euroc, write_llff
from support.scene_files import (
    edit,
    error,
    write_colmap,
    write_colmap_38,
    write_joint_scene,
    write_kapture,
    write_nerfstudio,
    write_twelvescenes,
)

from trigpoint.core.errors import SceneError
from trigpoint.formats import textfiles
from trigpoint.formats.readers import open_scene


def joint_file(root, change):
    write_joint_scene(root)
    file = root / "house.joint.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    return root


def repeated(document):
    document["scenes"] *= 2000


CHANGES = {
    "a scale of four hundred digits": (lambda d: d["scenes"][0].update(scale=10**400), "TP-261"),
    "a scale far too large": (lambda d: d["scenes"][0].update(scale=1e300), "TP-261"),
    "a scale far too small": (lambda d: d["scenes"][0].update(scale=1e-300), "TP-261"),
    "an offset of four hundred digits": (lambda d: d["scenes"][0].update(offset=[10**400, 0, 0]), "TP-261"),
    "an offset of NaN": (lambda d: d["scenes"][0].update(offset=[float("nan"), 0, 0]), "TP-261"),
    "a spacing of four hundred digits": (lambda d: d.update(spacing=10**400), "TP-261"),
    "positions far away by both": (lambda d: d["scenes"][0].update(scale=9e8, offset=[0, 0, 9e8]), "TP-261"),
    "a path of ten thousand characters": (lambda d: d["scenes"][0].update(path="a" * 10_000), "TP-261"),
    "a path with NUL": (lambda d: d["scenes"][0].update(path="a\0b"), "TP-261"),
    "a path that is no Unicode": (lambda d: d["scenes"][0].update(path="\ud800"), "TP-261"),
    "a path that leads nowhere": (lambda d: d["scenes"][0].update(path="nowhere"), "TP-201"),
    "itself": (lambda d: d["scenes"][0].update(path="house.joint.json"), "TP-261"),
    "its own folder": (lambda d: d["scenes"][0].update(path="."), "TP-261"),
    "thousands of scenes": (repeated, "TP-261"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_joint_files(case, tmp_path):
    change, code = CHANGES[case]
    assert error(joint_file(tmp_path, change)).code == code


def test_a_circle_of_links_is_no_scene_of_a_joint_file(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert error(joint_file(tmp_path, lambda d: d["scenes"][0].update(path="loop"))).code in ("TP-201", "TP-261")


@pytest.mark.parametrize("size", ["nan, 48", "1e400, 48", "64, inf", "-1, 48", "64.5, 48"])
def test_the_size_of_a_camera_is_two_whole_numbers(tmp_path, size):
    write_kapture(tmp_path)
    edit(tmp_path / "sensors" / "sensors.txt", "64, 48", size)
    assert error(tmp_path).code == "TP-313"


def test_the_size_of_twelvescenes(tmp_path):
    write_twelvescenes(tmp_path)
    edit(tmp_path / "info.txt", "m_colorWidth = 64", "m_colorWidth = inf")
    assert error(tmp_path).code == "TP-313"


def test_rigs_that_carry_each_other_in_many_lines(tmp_path):
    write_kapture(tmp_path)
    rows = [f"rig{a}, {b}, 1, 0, 0, 0, 0, 0, 0" for a in range(60) for b in ["cam0", *(f"rig{b}" for b in range(60))]]
    (tmp_path / "sensors" / "rigs.txt").write_text("\n".join(rows))
    assert error(tmp_path).code == "TP-204"


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def endless(path):
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("replace", [pipe, endless])
@pytest.mark.parametrize(
    ("write", "file"),
    [
        (write_colmap, "sparse/0/points3D.bin"),
        (lambda root: write_colmap(root, text=True), "sparse/0/points3D.txt"),
        (write_kapture, "sensors/records_camera.txt"),
        (write_twelvescenes, "data/frame-000002.pose.txt"),
    ],
    ids=["binary", "text", "list", "matrix"],
)
def test_only_regular_files_are_read(tmp_path, replace, write, file):
    write(tmp_path)
    replace(tmp_path / file)
    caught = error(tmp_path)
    assert caught.code == "TP-210" and "not a regular file" in caught.what


@pytest.mark.parametrize("replace", [pipe, endless])
def test_an_image_that_is_a_device_or_a_pipe_is_missing(tmp_path, replace):
    write_nerfstudio(tmp_path)
    replace(tmp_path / "images" / "003.jpg")
    scene = open_scene(tmp_path)
    assert "images/003.jpg" in "".join(problem.message for problem in scene.problems)


def test_files_are_read_up_to_a_bound(tmp_path, monkeypatch):
    file = tmp_path / "list.txt"
    with file.open("wb") as stream:
        stream.truncate(textfiles.MAX_TEXT_BYTES + 1)
    with pytest.raises(SceneError, match=r"TP-210 .*32 MiB"):
        textfiles.read_rows(file)
    monkeypatch.setattr(textfiles, "MAX_LINE", 1000)
    file.write_text("a\n" + "b" * 2000)
    with pytest.raises(SceneError, match=r"TP-212 .*line 2 is longer"):
        list(textfiles.numbered_lines(file))


def test_the_values_of_a_json_file_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles, "MAX_JSON_VALUES", 1000)
    file = tmp_path / "transforms.json"
    file.write_text('{"frames": [' + "[]," * 1000 + "[]]}")
    with pytest.raises(SceneError, match=r"TP-213 .*1,000 values"):
        textfiles.read_json(file)


def test_the_id_of_a_point_beyond_all_numbers(tmp_path):
    write_colmap_38(tmp_path)
    file = tmp_path / "sparse" / "0" / "points3D.bin"
    file.write_bytes(file.read_bytes()[:8] + b"\xff" * 8 + file.read_bytes()[16:])
    assert error(tmp_path).code == "TP-232"
    assert open_scene(tmp_path, skip_invalid=True).frames


def test_a_header_of_numpy_that_is_no_expression(tmp_path):
    write_llff(tmp_path)
    file = tmp_path / "poses_bounds.npy"
    data = file.read_bytes()
    for damaged in (
        data.replace(b"}", b"("),
        data.replace(b"{", b"["),
        data[:40],
        b"PK" + data,
        data.replace(b"<f8", b"|O8"),
    ):
        file.write_bytes(damaged)
        assert error(tmp_path).code == "TP-214"


def test_the_size_of_euroc(tmp_path):
    write_euroc(tmp_path)
    edit(next(tmp_path.rglob("sensor.yaml")), "64", ".nan")
    assert error(tmp_path).code in ("TP-214", "TP-313")


def test_deep_nesting_is_no_json(tmp_path):
    (tmp_path / "transforms.json").write_text('{"frames": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert error(tmp_path).code == "TP-213"
