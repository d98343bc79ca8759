"""A map for direct matching from images to verdicts, on a small synthetic room."""

from __future__ import annotations

import json

import pytest

from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact
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
