"""What the answers for images with known poses say about a map, and what is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.tiny_scene import CHEAP, settings, write_part

import trigpoint.build.stages
from trigpoint.cli import run
from trigpoint.core.pose import Pose
from trigpoint.localization.own_images import error_scale, validation_images, wrong_distance
from trigpoint.mapping.acceptance import Acceptance, ValidationImages
from trigpoint.mapping.scene_map import load_map, save_map


def answer(shift, inliers, status="ok", std=0.01, degrees=0.0) -> Any:
    turn = np.deg2rad([degrees / 2])[0]
    pose = None if shift is None else Pose.from_quaternion([np.cos(turn), 0, np.sin(turn), 0], (shift, 0, 0))
    covariance = None if shift is None else np.diag([1e-6] * 3 + [std**2 / 3] * 3)
    return SimpleNamespace(cam_from_world=pose, inlier_ratio=inliers / 1000, status=status, covariance=covariance)


def test_images_held_out_tell_how_accurate_the_map_is():
    still = [Pose.identity()] * 5
    answers = [
        answer(0.01, 500),
        answer(-0.02, 400),
        answer(0.03, 300),
        answer(9.0, 20, "rejected"),
        answer(None, 0, "failed"),
    ]
    validation = validation_images(answers, still)
    # Four in five of the three trusted reach what lies between 0.3 and 0.4.
    assert validation == ValidationImages(5, 3, 0.3, 0.34, 0.03, 0.0)
    nothing = validation_images([answer(None, 0, "failed")] * 2, still[:2])
    assert nothing.error is None and nothing.accepted == 0 and nothing.low_inlier_ratio == 0


def test_trusted_answers_that_are_wrong_are_counted():
    answers = [
        answer(0.4, 500),
        answer(0.6, 400),
        answer(0.0, 400, degrees=11),
        answer(9.0, 20, "rejected"),
        answer(None, 0, "failed"),
    ]
    still = [Pose.identity()] * 5
    assert validation_images(answers, still, 0.5).wrong == 2
    assert validation_images(answers, still, 0.3).wrong == 3
    assert validation_images(answers, still).wrong == 1, "without a tolerance the direction alone"


def test_errors_are_compared_with_what_the_covariance_says():
    still = [Pose.identity()] * 6
    assert error_scale([answer(0.005, 500)] * 6, still) == 1.0
    assert error_scale([answer(0.0267, 500)] * 6, still) == pytest.approx(3.0)
    assert error_scale([answer(8.0, 500)] * 6, still) == 10.0
    few = [answer(0.03, 500)] * 4 + [answer(0.03, 5, "rejected"), answer(None, 0, "failed")]
    assert error_scale(few, still) == 1.0, "four answers are too few"


def test_what_is_wrong_depends_on_the_scene():
    frames: list[Any] = [SimpleNamespace(pose=lambda x=x: Pose(np.eye(3), np.array([x, 0.0, 0.0]))) for x in (0.0, 3.0, 8.0)]
    assert wrong_distance(frames, metric=True) == 0.5
    assert wrong_distance(frames, metric=False) == pytest.approx(0.4)
    assert wrong_distance(frames[:1] * 2, metric=False) is None


MISLED = Acceptance(0.05, 0.6, 24, validation=ValidationImages(8, 5, 0.4, 0.3, 7.9, 2.0, 4))
LOST = Acceptance(0.05, 0.6, 24, mapping=ValidationImages(24, 9, 0.04, 0.3, 7.9, 2.0))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("acceptance", "words"),
    [
        (MISLED, "this map will reject every image: of 5 of its own images that it was sure of, 4 were put where they were"),
        (LOST, "this map will reject most images: of 24 images of its scene it is sure of 9"),
        (Acceptance(0.3, 0.2, 24), "this map will hardly accept any image: its own images have only 20.0% inliers"),
    ],
)
def test_a_map_that_cannot_place_its_own_images_says_so(room, tmp_path, capsys, monkeypatch, acceptance, words):
    monkeypatch.setattr(trigpoint.build.stages, "measure_acceptance", lambda *_: acceptance)
    path, numbers = tmp_path / "room.trig", tmp_path / "numbers.json"
    corner = write_part(room, tmp_path / "corner", 5)
    cheapest = settings((*CHEAP, "optimizer.steps=1"))
    assert (
        run(["map", "--preset", "trig-network", str(corner), "-o", str(path), "--quiet", "--json", str(numbers), *cheapest])
        == 0
    )
    shown = capsys.readouterr()
    assert f"warning {words}" in shown.err and "warning" not in shown.out
    assert words in json.loads(numbers.read_text())["warnings"][0]
    assert run(["info", str(path), "--json", str(numbers)]) == 0
    assert f"warning: {words}" in " ".join(capsys.readouterr().out.split())
    assert words in json.loads(numbers.read_text())["warnings"][0]


@pytest.mark.usefixtures("one_thread")
def test_what_is_known_about_own_images_is_kept_in_the_map(room, tmp_path):
    path = tmp_path / "room.trig"
    corner = write_part(room, tmp_path / "corner", 5)
    assert (
        run(
            [
                "map",
                "--preset",
                "trig-network",
                str(corner),
                "-o",
                str(path),
                "--quiet",
                *settings((*CHEAP, "optimizer.steps=1")),
            ]
        )
        == 0
    )
    scene_map = load_map(path)
    assert scene_map.acceptance.tolerance == 0.5 and scene_map.acceptance.validation is None
    assert scene_map.acceptance.mapping is not None
    assert scene_map.acceptance.mapping.images == scene_map.acceptance.images == 5
    save_map(replace(scene_map, acceptance=replace(scene_map.acceptance, error_scale=3.0)), path)
    assert load_map(path).error_scale == pytest.approx(3 * scene_map.error_scale / scene_map.acceptance.error_scale)
