"""kapture: rigs, parts, queries without poses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from support.scene_files import data_folder, edit, error, notes, poses, write_kapture

from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.diagnosis.inspect import describe_scene
from trigpoint.formats.readers import READERS, open_scene


def parts(root, *names):
    for name in names:
        write_kapture(root / name)
    return root


def test_poses_without_a_rig(tmp_path):
    write_kapture(tmp_path)
    (tmp_path / "sensors" / "rigs.txt").unlink()
    text = (tmp_path / "sensors" / "trajectories.txt").read_text().replace(" rig,", " cam0,")
    (tmp_path / "sensors" / "trajectories.txt").write_text(text)
    scene = open_scene(tmp_path)
    assert len(scene.posed()) == 8
    # These are now poses of the camera, and no longer those of the writer.
    assert centre_distance(scene.frames[0].pose(), poses()[0]) > 0.1


def test_metric_only_if_something_measures_metres(tmp_path):
    write_kapture(tmp_path)
    assert open_scene(tmp_path).metric
    edit(tmp_path / "sensors" / "sensors.txt", "scanner, , lidar", "wifi0, , wifi")
    assert not open_scene(tmp_path).metric
    assert open_scene(tmp_path, metric=True).metric


@pytest.mark.parametrize("prefix", ["", "release/"])
def test_parts_are_the_split(tmp_path, prefix):
    parts(tmp_path, f"{prefix}mapping", f"{prefix}query_day", f"{prefix}validation")
    (tmp_path / prefix / "query_day" / "sensors" / "trajectories.txt").unlink()
    scene = open_scene(tmp_path)
    assert scene.format == "kapture"
    assert {frame.name.removeprefix(prefix).split("/")[0]: frame.split for frame in scene.frames} == {
        "mapping": "train",
        "query_day": "test",
        "validation": "test",
    }
    assert len(scene.frames) == 24
    assert len(scene.posed()) == 16
    assert len(scene.for_mapping()) == 8


def test_scenes_with_images_without_poses_can_be_inspected(tmp_path):
    parts(tmp_path, "mapping", "query")
    (tmp_path / "query" / "sensors" / "trajectories.txt").unlink()
    inspection = describe_scene(open_scene(tmp_path))
    assert any("8 with a pose" in value or "16" in value for _, value in inspection.facts())


def test_floors_of_a_building_are_not_one_scene(tmp_path):
    parts(tmp_path, "1F/mapping", "1F/test", "4F/mapping")
    assert not READERS["kapture"].sniff(tmp_path)
    assert "1F" in error(tmp_path).fix
    assert len(open_scene(tmp_path / "1F").frames) == 16


def test_a_mapping_image_without_a_pose_is_an_error(tmp_path):
    write_kapture(tmp_path)
    edit(tmp_path / "sensors" / "trajectories.txt", "\n3, rig", "\n30, rig")
    assert error(tmp_path).code == "TP-204"
    scene = open_scene(tmp_path, skip_invalid=True)
    assert len(scene.frames) == 7 and "TP-204" in notes(scene)


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("sensors.txt", "cam0, Hero7, camera", "cam1, Hero7, camera", "TP-214"),
        ("sensors.txt", "Hero7, camera", "Hero7, wifi", "TP-214"),
        ("sensors.txt", "PINHOLE", "UNKNOWN_CAMERA", "TP-311"),
        ("sensors.txt", ", 32, 24", ", 32", "TP-312"),
        ("sensors.txt", "cam0, Hero7, camera", "cam0 Hero7 camera PINHOLE\nx, y, camera", "TP-214"),
        ("records_camera.txt", "0003, cam0, cam/003.jpg", "0003, cam0", "TP-214"),
        ("trajectories.txt", "2, rig, ", "2, rig, x", "TP-214"),
        ("trajectories.txt", "2, rig, ", "2, rig, nan, 0, 0, 0, 0, 0, 0, ", "TP-301"),
        ("trajectories.txt", "2, rig, ", "2, rig, 5, 0, 0, 0, 0, 0, 0, ", "TP-302"),
    ],
)
def test_damage_is_named(tmp_path, file, old, new, code):
    write_kapture(tmp_path)
    edit(tmp_path / "sensors" / file, old, new)
    assert error(tmp_path).code == code


def test_a_missing_list_is_named(tmp_path):
    write_kapture(tmp_path)
    (tmp_path / "sensors" / "records_camera.txt").unlink()
    assert error(tmp_path).code == "TP-210"


def test_a_rig_that_carries_itself_ends(tmp_path):
    write_kapture(tmp_path)
    (tmp_path / "sensors" / "rigs.txt").write_text("a, cam0, 1, 0, 0, 0, 0, 0, 0\ncam0, a, 1, 0, 0, 0, 0, 0, 0")
    assert error(tmp_path).code == "TP-204"


def test_real_sample_agrees_with_the_raw_data(tmp_path):
    """The poses are those of the depth sensor, as published, and 26 mm and 0.67 degrees from it to the colour camera."""
    scene = open_scene(data_folder("formats/kapture_sevenscenes/both"))
    raw = open_scene(data_folder("formats/sevenscenes_raw/stairs"))
    assert scene.metric and len(scene.frames) == len(raw.frames) == 12
    for frame, other in zip(scene.frames, raw.frames, strict=True):
        assert frame.name == other.name
        relative = frame.pose() @ other.pose().inverse()
        assert np.allclose(relative.translation, (-0.025559, 0.000101, 0.002032), atol=1e-4)
        assert rotation_angle_deg(frame.pose(), other.pose()) == pytest.approx(0.669, abs=0.01)


def test_real_sample_as_parts(tmp_path):
    source = data_folder("formats/kapture_sevenscenes/both")
    for part in ("mapping", "query"):
        shutil.copytree(source, tmp_path / part)
    (tmp_path / "query" / "sensors" / "trajectories.txt").chmod(0o644)
    (tmp_path / "query" / "sensors").chmod(0o755)
    (tmp_path / "query" / "sensors" / "trajectories.txt").unlink()
    assert len(open_scene(tmp_path).posed()) == 12
