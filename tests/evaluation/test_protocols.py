"""Protocols of the papers, and our numbers beside theirs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from support.fake_localizer import Answer, FakeLocalizer, make_frames
from support.fake_results import sample
from support.scene_files import write_aachen, write_image

from trigpoint.cli import run
from trigpoint.core.errors import ImageError, OutputError, SceneError
from trigpoint.core.localization import REJECTED
from trigpoint.core.scene import Scene
from trigpoint.datasets.entries import catalogue
from trigpoint.evaluation import map_evaluation, submission
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.evaluation.metrics import Threshold, parse_threshold
from trigpoint.evaluation.protocols import MEAN, comparison_json, find_protocol, our_row, protocols, require_metres
from trigpoint.formats.joint import joint_scene
from trigpoint.formats.readers import open_scene
from trigpoint.localization.results import check_output, write_results
from trigpoint.report import published as comparison
from trigpoint.report.published import Comparison
from trigpoint.report.tables import print_protocol

FRAMES = make_frames(4)


def evaluation(answers, thresholds=((0.05, 5), (0.02, 2), (0.01, 1)), frames=FRAMES):
    localizer = FakeLocalizer(frames, dict(zip([frame.name for frame in frames], answers, strict=True)))
    limits = [Threshold(*limit) for limit in thresholds]
    return evaluate(localizer, frames, thresholds=limits, units="m", scene_name="chess")


def test_the_table_of_protocols_is_sound():
    found = protocols()
    assert {"7scenes", "12scenes", "cambridge", "aachen", "hyundai", "wayspots", "i7", "i12", "i19"} <= set(found)
    for name, protocol in found.items():
        assert protocol.name == name and protocol.title and protocol.split and protocol.truth
        assert protocol.data_set in catalogue()
        assert protocol.metric in ("recall", "median") and protocol.median in ("upper", "mean")
        assert protocol.thresholds and len(set(protocol.thresholds)) == len(protocol.thresholds)
        assert [parse_threshold(text) for text in protocol.threshold_texts()] == list(protocol.thresholds)
        for row in protocol.published:
            assert row.scene in (*protocol.scenes, MEAN), (name, row)
            assert len(row.recall) <= len(protocol.thresholds) and all(0 <= fraction <= 1 for fraction in row.recall)
            # A pose within a small error is within a larger one.
            tightness = [limit.translation for limit in protocol.thresholds[: len(row.recall)]]
            ordered = [fraction for _, fraction in sorted(zip(tightness, row.recall, strict=True))]
            assert ordered == sorted(ordered), (name, row)
            assert row.median_m is None or 0 < row.median_m < 1
            assert row.recall or row.median_m is not None
            assert row.source and row.method


def test_published_numbers_are_those_of_the_papers():
    rows = {(row.method, row.scene): row for row in find_protocol("7scenes").published}
    assert rows["DSAC* RGB", MEAN].recall == pytest.approx((0.978, 0.807, 0.558))
    assert rows["HLoc", "stairs"].median_m == pytest.approx(0.029)
    aachen = find_protocol("aachen").published_for("night")
    assert any(row.method == "GLACE" and row.recall == pytest.approx((0.01, 0.01, 0.173)) for row in aachen)
    assert [(limit.translation, limit.rotation_deg) for limit in find_protocol("hyundai").thresholds] == [
        (0.1, 1),
        (0.25, 2),
        (1, 5),
    ]


@pytest.mark.parametrize(
    ("protocol", "folder", "scene"),
    [
        ("7scenes", "data/chess", "chess"),
        ("7scenes", "data/pgt_7scenes_chess", "chess"),
        ("7scenes", "data/bonsai", ""),
        ("12scenes", "data/apt1/kitchen", "apt1/kitchen"),
        ("12scenes", "12scenes_apt2_kitchen", "apt2/kitchen"),
        ("12scenes", "data/kitchen", ""),
        ("cambridge", "Cambridge_ShopFacade", "ShopFacade"),
        ("hyundai", "hyundai/4F", "4F"),
    ],
)
def test_the_scene_is_that_of_the_folder(protocol, folder, scene, tmp_path):
    assert find_protocol(protocol).scene_of(tmp_path / folder) == scene


def test_thresholds_are_strict_and_the_median_is_that_of_the_protocol():
    answers = [Answer(0.01), Answer(0.02), Answer(0.04), Answer(0.06)]
    found = evaluation(answers)
    row = our_row(find_protocol("7scenes"), found, "chess")
    assert row.median_m == pytest.approx(0.04)
    assert our_row(replace(find_protocol("7scenes"), median="mean"), found, "chess").median_m == pytest.approx(0.03)
    # An error of just 5 cm does not count, as little as one above.
    limits = tuple(Threshold(value, 5) for value in (0.06, 0.05, 0.04))
    sharp = replace(find_protocol("7scenes"), thresholds=limits)
    exact = evaluation([Answer(0.0), Answer(0.04), Answer(0.05), Answer(0.07)], [(0.06, 5), (0.05, 5), (0.04, 5)])
    errors = [result.error.translation for result in exact.results if result.error is not None]
    expected = tuple(sum(error < limit.translation for error in errors) / 4 for limit in limits)
    assert our_row(sharp, exact, "").recall == expected


def test_a_image_without_a_pose_counts_as_infinitely_wrong_and_a_rejected_one_as_it_is():
    answers = [Answer(0.0), Answer(0.001, status=REJECTED), Answer(None), Answer(None)]
    row = our_row(find_protocol("7scenes"), evaluation(answers), "chess")
    assert row.recall == (0.5, 0.5, 0.5)
    assert row.median_m == math.inf
    document = comparison_json(find_protocol("7scenes"), "chess", row)
    assert document["ours"]["median_m"] is None
    assert {entry["scene"] for entry in document["published"]} == {"chess", MEAN}


def test_the_table_shows_ours_beside_theirs_with_sources(capsys):
    protocol = find_protocol("7scenes")
    row = our_row(protocol, evaluation([Answer(0.004)] * 4), "chess")
    print_protocol(protocol, "chess", row, Console(width=160))
    said = capsys.readouterr().out
    assert "trigpoint" in said and "HLoc" in said and "0.4 cm" in said and "100.0 %" in said
    assert "[1] this evaluation" in said and "ICCV 2021" in said and "SfM (COLMAP)" in said
    assert "fire" not in said
    print_protocol(find_protocol("aachen"), "", None, Console(width=160))
    assert "night" in capsys.readouterr().out


def test_unknown_protocols_and_unknown_scales(tmp_path):
    with pytest.raises(SceneError, match=r"TP-263 .*Did you mean '7scenes'"):
        find_protocol("7scene")
    with pytest.raises(SceneError, match="TP-262"):
        require_metres(find_protocol("7scenes"), False, tmp_path)


def test_what_is_asked_for_is_checked_first(tmp_path, monkeypatch):
    class Map:
        metric = True

    monkeypatch.setattr(comparison, "load_map", lambda path: Map)
    assert Comparison.prepare(None, tmp_path, tmp_path, None) is None
    with pytest.raises(SceneError, match="TP-264"):
        Comparison.prepare("aachen", tmp_path, tmp_path, None)
    assert Comparison.prepare("aachen", tmp_path, tmp_path, tmp_path / "out.txt") is not None
    found = Comparison.prepare("7scenes", tmp_path, tmp_path / "fire", None)
    assert found is not None and found.scene == "fire"
    assert found.thresholds(["0.1,5", "0.05,5"]) == ("0.05,5", "0.02,2", "0.01,1", "0.1,5")


def test_the_file_for_the_benchmark(tmp_path):
    results = sample(["query/day/a/x.jpg", "query/day/y.jpg", "query/night/z.jpg", "w.jpg"])
    write_results(tmp_path / "out.txt", results, "ltvl", include_rejected=True)
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["x.jpg", "z.jpg", "w.jpg"]
    pose = results[0].cam_from_world
    values = [float(word) for word in lines[0].split()[1:]]
    assert values == pytest.approx([*pose.quaternion_wxyz(), *pose.translation], rel=1e-15)
    write_results(tmp_path / "out.txt", results, "ltvl")
    assert [line.split()[0] for line in (tmp_path / "out.txt").read_text().splitlines()] == ["x.jpg", "w.jpg"]


@pytest.mark.parametrize("names", [["a/x.jpg", "b/x.jpg"], ["a/my x.jpg"], ["a/\udcff.jpg"]])
def test_names_that_the_benchmark_could_not_tell_apart_are_refused(tmp_path, names):
    with pytest.raises(OutputError, match=r"TP-803 .*benchmarks"):
        check_output(tmp_path / "out.txt", names, "ltvl")
    with pytest.raises(OutputError, match="TP-804"):
        check_output(tmp_path, [], "ltvl")


def test_queries_without_public_poses_are_localized_and_handed_in(tmp_path, monkeypatch):
    write_aachen(tmp_path / "aachen")
    queries = tmp_path / "aachen" / "queries"
    queries.mkdir()
    names = [f"query/night/nexus5x/{index}.jpg" for index in range(3)]
    rows = [f"{name} SIMPLE_RADIAL 64 48 70 32 24 -0.05" for name in names]
    (queries / "night_time_queries_with_intrinsics.txt").write_text("\n".join(rows))
    for name in names:
        write_image(tmp_path / "aachen" / "images_upright" / name)
    scene = open_scene(tmp_path / "aachen")
    truth = [replace(frame, name=name) for frame, name in zip(scene.for_mapping()[:3], names, strict=True)]
    broken = ImageError("TP-103", "cut short", where="2.jpg", fix="Copy it again.")
    answers = {names[1]: Answer(0.1, status=REJECTED), names[2]: Answer(error=broken)}
    fake = FakeLocalizer(truth, answers)

    class Loader:
        class map:
            metric = True

        localize = fake.localize

        @staticmethod
        def load(path, device):
            return Loader

    monkeypatch.setattr(submission, "Localizer", Loader)
    results = submission.submit(Path("x.trig"), tmp_path / "aachen", tmp_path / "night.txt")
    assert [result.status for result in results] == ["ok", "rejected", "failed"]
    assert {camera.params for camera in fake.cameras} == {(70, 32, 24, -0.05)}
    assert [line.split()[0] for line in (tmp_path / "night.txt").read_text().splitlines()] == ["0.jpg", "1.jpg"]


@pytest.fixture
def fake_evaluation(monkeypatch):
    """The verb without a map: whatever thresholds it asks for are used on four images of a joint scene."""
    scene = joint_scene([Scene(Path(name), "fake", tuple(make_frames(2)), True) for name in ("a", "b")])

    def fake(map_path, folder, *, thresholds=(), **options):
        limits = [parse_threshold(text) for text in thresholds]
        found = evaluate(FakeLocalizer(scene.frames), scene.frames, thresholds=limits, units="m", scene_name="chess")
        return map_evaluation.MapEvaluation(found, None, scene, map_path)  # type: ignore[arg-type]

    monkeypatch.setattr(map_evaluation, "evaluate_map", fake)
    monkeypatch.setattr(comparison, "load_map", lambda path: Scene(path, "", (), True))


def test_the_verb_compares_and_writes(fake_evaluation, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert run(["evaluate", "x.trig", "chess", "--protocol", "7scenes", "--threshold", "0.3,9", "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert "DSAC* RGB" in said and "Scene by scene" in said
    document = json.loads(out.read_text())
    assert [entry["translation"] for entry in document["recall"]] == [0.05, 0.02, 0.01, 0.3]
    assert document["comparison"]["ours"]["recall"] == [1, 1, 1]
    assert document["comparison"]["scene"] == "chess"
    assert set(document["scenes"]) == {"a", "b"} and "frames" not in document["scenes"]["a"]


def test_the_verb_hands_in(fake_evaluation, tmp_path, monkeypatch, capsys):
    results = sample()
    monkeypatch.setattr(comparison, "submit", lambda map_path, folder, output, **options: results)
    arguments = ["evaluate", "x.trig", "aachen", "--protocol", "aachen"]
    assert run(arguments) == 2
    assert "TP-264" in capsys.readouterr().err
    assert run([*arguments, "--submission", "night.txt", "--json", str(tmp_path / "out.json")]) == 0
    assert "night.txt: 3 poses of 4 images" in capsys.readouterr().out
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["poses"] == 3 and document["comparison"]["ours"] is None
