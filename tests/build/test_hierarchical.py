"""A map of landmarks from images to verdicts, on a small synthetic room."""

from __future__ import annotations

import json

import pytest

from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.mapping.scene_map import load_map
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = ("--set", "features.short_side_px=240", "--set", "features.query_keypoints=700", "--quiet")


@pytest.fixture(scope="module")
def landmark_map(room, one_thread, tmp_path_factory):
    output = tmp_path_factory.mktemp("map") / "room.trig"
    assert run(["map", str(room), "-o", str(output), "--preset", "hierarchical", *SETTINGS]) == 0
    return output


def numbers_of(room, map_path, folder, *more):
    output = folder / "numbers.json"
    assert run(["evaluate", str(map_path), str(room), "--json", str(output), "--quiet", *more]) == 0
    return json.loads(output.read_text())


@pytest.mark.parametrize(("split", "least"), [("test", 3), ("train", 16)])
def test_images_of_the_room_are_found(split, least, room, landmark_map, tmp_path):
    numbers = numbers_of(room, landmark_map, tmp_path, "--split", split)
    assert numbers["counts"]["ok"] >= least
    assert numbers["median_translation"] < 0.05
    assert numbers["median_rotation_deg"] < 1


def test_images_of_another_scene_are_not(landmark_map, tmp_path, capsys):
    write_synthetic_scene(
        tmp_path / "street", SyntheticConfig(kind="street", seed=5, width=320, height=240, n_train=5, n_test=3)
    )
    capsys.readouterr()
    assert run(["localize", str(landmark_map), str(tmp_path / "street" / "images"), "--quiet"]) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 8
    assert all(answer["status"] != "ok" for answer in answers)


def test_the_same_bytes_twice_even_after_a_stop(room, landmark_map, tmp_path, monkeypatch):
    output = tmp_path / "again.trig"
    command = ["map", str(room), "-o", str(output), "--preset", "hierarchical", *SETTINGS]
    with monkeypatch.context() as patch:
        patch.setattr("trigpoint.mapping.landmark_build.triangulate", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(command)
    assert (tmp_path / "again.trig.work" / "matches.safetensors").exists()
    with monkeypatch.context() as patch:
        patch.setattr("trigpoint.mapping.landmark_build.match_images", lambda *args: 1 / 0)
        assert run(command) == 0
    assert output.read_bytes() == landmark_map.read_bytes()
    assert not (tmp_path / "again.trig.work").exists()


def test_info_counts_every_byte(landmark_map, tmp_path, capsys):
    assert run(["info", str(landmark_map), "--json", str(tmp_path / "info.json")]) == 0
    assert "landmarks with" in capsys.readouterr().out
    document = json.loads((tmp_path / "info.json").read_text())
    assert sum(document["bytes"].values()) == document["total_bytes"] == landmark_map.stat().st_size
    assert not any(name.startswith("network") for name in document["bytes"])


def test_a_map_of_landmarks_is_checked_by_forgetting_images(landmark_map):
    found = load_map(landmark_map).acceptance.validation
    assert found.images == 24 and found.accepted >= 12 and found.error < 0.1


def test_the_point_cloud_is_landmarks(room, landmark_map):
    from trigpoint.formats.readers import open_scene
    from trigpoint.localization.localizer import Localizer
    from trigpoint.localization.pointcloud import implicit_points

    localizer = Localizer.load(landmark_map)
    cloud = implicit_points(localizer, open_scene(room).for_mapping(), max_images=3)
    assert len(cloud.xyz) > 100
    known = {
        tuple(point) for point in localizer.map.normalization.to_world(localizer.map.sources["landmarks"].positions.numpy())
    }
    assert {tuple(point) for point in cloud.xyz} <= known


def test_without_a_camera_the_focal_length_comes_from_the_matches(room, landmark_map, capsys):
    capsys.readouterr()
    run(["localize", str(landmark_map), str(room / "images" / "walk" / "0007.jpg"), "--quiet"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["camera_source"] == "estimated"
    assert answer["camera"]["params"][0] == pytest.approx(262.5, rel=0.2)
    # So few keypoints agree in a map that small that what they say of the camera may be too little to trust the pose.
    assert answer["status"] == "ok" or "only known to" in answer["reason"]


@pytest.mark.parametrize("part", ["landmarks.positions", "landmarks.landmark", "landmarks.first", "landmarks.descriptors"])
def test_a_map_without_a_part_is_refused(part, landmark_map, tmp_path, capsys):
    artifact = read_artifact(landmark_map)
    del artifact.tensors[part]
    write_artifact(tmp_path / "part.trig", artifact.tensors, artifact.metadata)
    assert run(["info", str(tmp_path / "part.trig")]) == 2
    assert "TP-405" in capsys.readouterr().err


def test_images_that_share_nothing_make_no_map(room, tmp_path, capsys):
    arguments = ["map", str(room), "-o", str(tmp_path / "no.trig"), "--preset", "hierarchical", *SETTINGS]
    assert run([*arguments, "--set", "triangulation.min_images=1000"]) == 2
    assert "TP-651" in capsys.readouterr().err
    assert not (tmp_path / "no.trig").exists()
