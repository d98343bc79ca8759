"""Localizing images whose poses are known."""

import dataclasses
import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console
from support.fake_localizer import CAMERA, Answer, FakeLocalizer, make_frames

from trigpoint.core.errors import ConfigError, ImageError, SceneError
from trigpoint.core.localization import REJECTED
from trigpoint.evaluation.evaluate import evaluate_frames
from trigpoint.evaluation.metrics import METRIC_THRESHOLDS, Threshold
from trigpoint.report.evaluation_blocks import ranked, recall_table, summary, worst_table
from trigpoint.report.terminal import print_blocks

FRAMES = make_frames(8)
ANSWERS = {
    "test/000.jpg": Answer(0.01, 0.5),
    "test/001.jpg": Answer(0.03, 1.0),
    "test/002.jpg": Answer(0.06, 1.0),
    "test/003.jpg": Answer(0.04, 2.0, REJECTED, 0.2),
    "test/004.jpg": Answer(2.0, 30.0, REJECTED, 0.1),
    "test/005.jpg": Answer(None),
    "test/006.jpg": Answer(error=ImageError("TP-102", "this is not an image file", where="6")),
    "test/007.jpg": Answer(0.6, 1.0),
}


def run(frames=FRAMES, answers=ANSWERS, units="m", thresholds=METRIC_THRESHOLDS, **options):
    localizer = FakeLocalizer(frames, answers, units)
    return evaluate_frames(localizer, frames, thresholds=thresholds, scene_name="office", **options)


def test_every_image_has_its_error_whatever_the_verdict():
    frames = {frame["name"]: frame for frame in run().to_json()["frames"]}
    assert list(frames) == [frame.name for frame in FRAMES]
    for name, answer in ANSWERS.items():
        frame = frames[name]
        if answer.translation is None or answer.error:
            assert (frame["translation_error"], frame["rotation_error_deg"], frame["status"]) == (None, None, "failed")
        else:
            assert frame["translation_error"] == pytest.approx(answer.translation, abs=1e-12)
            assert frame["rotation_error_deg"] == pytest.approx(answer.rotation_deg, abs=1e-9)
            assert (frame["status"], frame["confidence"]) == (answer.status, answer.confidence)
            assert (frame["inliers"], frame["points"]) == (123, 456)
        assert frame["total_ms"] >= 0


def test_unreadable_image_is_a_failure_with_a_reason():
    frame = run().to_json()["frames"][6]
    assert frame["status"] == "failed"
    assert "TP-102" in frame["reason"]


def test_numbers():
    document = run().to_json()
    assert document["counts"] == {"ok": 4, "rejected": 2, "failed": 2}
    assert document["images"] == 8
    assert (document["units"], document["scene"], document["map_id"]) == ("m", "office", "feed5eed")
    # Sorted: 0.01 0.03 0.04 0.06 0.6 2 inf inf, and 0.5 1 1 1 2 30 inf inf degrees.
    assert document["median_translation"] == pytest.approx(0.33)
    assert document["median_rotation_deg"] == pytest.approx(1.5)
    assert document["median_translation_ok"] == pytest.approx(0.045)
    assert document["median_rotation_deg_ok"] == pytest.approx(1.0)
    assert document["wrong_ok"] == 1
    assert document["wrong_ok_beyond"] == {"translation": 0.5, "rotation_deg": 10.0}
    fractions = {(row["translation"], row["rotation_deg"]): row["fraction"] for row in document["recall"]}
    assert fractions[(0.05, 5)] == 3 / 8
    assert fractions[(0.02, 2)] == 1 / 8
    trusted = {(row["translation"], row["rotation_deg"]): row["fraction"] for row in document["recall_ok"]}
    assert trusted[(0.05, 5)] == 2 / 8
    assert list(fractions) == list(trusted) == [(each.translation, each.rotation_deg) for each in METRIC_THRESHOLDS]
    for row in [*document["recall"], *document["recall_ok"]]:
        low, high = row["interval95"]
        assert low <= row["fraction"] <= high
    json.dumps(document, allow_nan=False)


def test_mostly_failed_has_no_median():
    document = run(answers={frame.name: Answer(None) for frame in FRAMES[:5]}).to_json()
    assert document["median_translation"] is None
    assert document["median_rotation_deg"] is None
    assert document["median_translation_ok"] == pytest.approx(0, abs=1e-12)
    nothing = run(answers={frame.name: Answer(None) for frame in FRAMES}).to_json()
    assert nothing["median_translation_ok"] is None
    assert nothing["recall"][0]["fraction"] == 0
    json.dumps(nothing, allow_nan=False)


def test_perfect():
    document = run(answers={}).to_json()
    assert [row["fraction"] for row in document["recall"]] == [1.0] * len(METRIC_THRESHOLDS)
    assert document["wrong_ok"] == 0


@pytest.mark.parametrize("known", [True, False])
def test_cameras_are_told_or_not(known):
    localizer = FakeLocalizer(FRAMES)
    evaluate_frames(localizer, FRAMES, thresholds=(), scene_name="x", known_cameras=known)
    assert localizer.cameras == [CAMERA if known else None] * len(FRAMES)


def test_scene_of_unknown_scale():
    evaluation = run(units="units", thresholds=(Threshold(0.05, 5),))
    # The cameras stand on a circle of radius 3.
    assert evaluation.gross_error.translation == pytest.approx(0.75)
    assert evaluation.wrong_ok() == 0
    assert evaluation.to_json()["units"] == "units"
    one = run(FRAMES[:1], units="units", thresholds=(Threshold(0.05, 5),))
    assert math.isinf(one.gross_error.translation)
    assert one.to_json()["wrong_ok_beyond"]["translation"] is None


def test_no_images():
    with pytest.raises(ConfigError) as caught:
        run(frames=[])
    assert caught.value.code == "TP-723"


def test_image_without_pose_is_refused_before_any_work():
    frames = [*FRAMES, dataclasses.replace(FRAMES[0], name="new.jpg", cam_from_world=None)]
    localizer = FakeLocalizer(frames)
    with pytest.raises(SceneError, match="TP-204"):
        evaluate_frames(localizer, frames, thresholds=(), scene_name="x")
    assert localizer.cameras == []


def test_ranked_from_best_to_worst():
    names = [result.name for result in ranked(run())]
    assert names[:2] == ["test/000.jpg", "test/001.jpg"]
    assert names[5] == "test/004.jpg"
    assert set(names[6:]) == {"test/005.jpg", "test/006.jpg"}


def printed(evaluation):
    stream = io.StringIO()
    blocks = [summary(evaluation), recall_table(evaluation), worst_table(evaluation, 8)]
    print_blocks(blocks, Console(file=stream, width=120))
    return stream.getvalue()


def test_tables():
    text = printed(run())
    for expected in ("4 of 8 ok (4 ok, 2 rejected, 2 failed)", "37.5 %", "25.0 %", "33 cm, 1.5°", "1 of 4", "test/005.jpg"):
        assert expected in text, expected


def test_tables_of_unknown_scale_name_no_metres():
    text = printed(run(units="units", thresholds=(Threshold(0.05, 5),)))
    assert "0.05 units" in text
    assert " cm" not in text
    assert " m," not in text


def test_names_are_not_markup():
    frame = dataclasses.replace(FRAMES[0], name="[red]a[/nothing].jpg", image_path=Path("a.jpg"))
    assert "[red]a[/nothing].jpg" in printed(run(frames=[frame], answers={}))
