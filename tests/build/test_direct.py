"""A map for direct matching from images to verdicts, on a small synthetic room."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact
from trigpoint.core.camera import Camera
from trigpoint.core.image import read_image
from trigpoint.core.pose import centre_distance
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.scene_map import load_map
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = ("--set", "features.short_side_px=240", "--set", "features.query_keypoints=700", "--quiet")


@pytest.fixture(scope="module")
def direct_map(room, one_thread, tmp_path_factory):
    output = tmp_path_factory.mktemp("map") / "room.trig"
    assert run(["map", str(room), "-o", str(output), "--preset", "direct", *SETTINGS]) == 0
    return output


def test_images_of_the_room_are_found_in_a_map_within_its_budget(room, direct_map, tmp_path):
    output = tmp_path / "numbers.json"
    assert run(["evaluate", str(direct_map), str(room), "--json", str(output), "--quiet"]) == 0
    numbers = json.loads(output.read_text())
    assert numbers["counts"]["ok"] >= 3
    assert numbers["median_translation"] < 0.08 and numbers["median_rotation_deg"] < 1
    assert direct_map.stat().st_size <= 64_000
    validation = load_map(direct_map).acceptance.validation
    assert validation.images > 10 and validation.accepted >= 0.6 * validation.images and validation.wrong == 0


def test_a_smaller_budget_keeps_the_most_useful(room, direct_map, tmp_path):
    output = tmp_path / "small.trig"
    command = ["map", str(room), "-o", str(output), "--preset", "direct", *SETTINGS]
    assert run([*command, "--set", "landmarks.budget_kb=10"]) == 0
    assert 6_000 < output.stat().st_size <= 10_000
    whole, small = (read_artifact(path).tensors["landmarks.bits"] for path in (direct_map, output))
    assert len(small) < len(whole)


def test_images_of_another_scene_are_not_found(direct_map, tmp_path, capsys):
    street = SyntheticConfig(kind="street", seed=5, width=320, height=240, n_train=5, n_test=3)
    write_synthetic_scene(tmp_path / "street", street)
    capsys.readouterr()
    assert run(["localize", str(direct_map), str(tmp_path / "street" / "images"), "--quiet"]) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 8 and all(answer["status"] != "ok" for answer in answers)


def test_info_says_what_it_holds(direct_map, capsys):
    assert run(["info", str(direct_map)]) == 0
    assert "each matched with every query" in capsys.readouterr().out


@pytest.mark.parametrize("preset", ["direct", "hierarchical-compact"])
def test_refinement_makes_poses_exact_and_none_much_worse(preset, room, direct_map, tmp_path, monkeypatch):
    path = direct_map
    if preset != "direct":
        path = tmp_path / "room.trig"
        assert run(["map", str(room), "-o", str(path), "--preset", preset, *SETTINGS]) == 0
    frames = open_scene(room).subset("test").posed()

    def located():
        localizer = Localizer.load(path)
        return [localizer.localize(frame.image_path, camera=frame.camera) for frame in frames]

    refined = located()
    monkeypatch.setattr("trigpoint.localization.pose_search.refine_guided", lambda *arguments: None)
    first = located()
    pairs = [(before, after, frame.pose()) for before, after, frame in zip(first, refined, frames, strict=True)]
    judged = [(before, after, pose) for before, after, pose in pairs if before.status == "ok"]
    assert len(judged) >= 3 and all(after.status == "ok" for _, after, _ in judged)
    errors = [[centre_distance(answer.cam_from_world, pose) for answer in (before, after)] for before, after, pose in judged]
    assert np.median(errors, axis=0)[1] < 0.8 * np.median(errors, axis=0)[0]
    for (before, _, _), (rough, exact) in zip(judged, errors, strict=True):
        assert exact <= rough + 3 * np.sqrt(before.covariance[3:, 3:].trace())


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_landmarks_contradict_a_wrong_focal_length(factor, room, direct_map):
    localizer = Localizer.load(direct_map)
    doubted = trusted = 0
    for frame in open_scene(room).subset("test").posed():
        if localizer.localize(frame.image_path, camera=frame.camera).status != "ok":
            continue
        fx, _, cx, cy = frame.camera.pinhole_params()
        wrong = Camera("PINHOLE", frame.camera.width, frame.camera.height, (factor * fx, factor * fx, cx, cy))
        answer = localizer.localize(frame.image_path, camera=wrong)
        trusted += answer.status == "ok"
        doubted += "contradict the camera that was given" in answer.reason
    # One view of a corner fits a camera of 0.8 of the focal length nearly as well.
    assert doubted >= 3 and trusted <= 1


def test_the_focal_length_is_found_where_none_is_given(room, direct_map):
    localizer = Localizer.load(direct_map)
    ratios = []
    for frame in open_scene(room).subset("test").posed():
        answer = localizer.localize(read_image(frame.image_path))
        if answer.status == "ok":
            assert answer.camera_source == "estimated"
            ratios.append(answer.camera.pinhole_params()[0] / frame.camera.pinhole_params()[0])
    assert len(ratios) >= 2
    assert np.abs(np.log(ratios)).max() < 0.1
