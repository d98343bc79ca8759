"""Protocols of the papers, and our numbers beside theirs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_localizer import Answer, FakeLocalizer, make_frames
from support.fake_results import sample
from support.scene_files import write_aachen, write_image, write_nerfstudio

from trigpoint.cli import run
from trigpoint.core.errors import ImageError, OutputError, SceneError
from trigpoint.core.localization import REJECTED
from trigpoint.datasets.entries import catalogue
from trigpoint.evaluation.evaluate import evaluate_frames
from trigpoint.evaluation.metrics import Threshold
from trigpoint.evaluation.protocols import MEAN, comparison_json, find_protocol, our_row, protocols, require_metres
from trigpoint.evaluation.submission import submit
from trigpoint.formats.joint import JointPart, write_joint
from trigpoint.formats.readers import open_scene
from trigpoint.formats.splits import apply_holdout, parse_holdout
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.results import check_output, write_results
from trigpoint.report.published import protocol_blocks
from trigpoint.report.terminal import print_blocks

FRAMES = make_frames(4)


def evaluation(answers, thresholds=((0.05, 5), (0.02, 2), (0.01, 1)), frames=FRAMES):
    localizer = FakeLocalizer(frames, dict(zip([frame.name for frame in frames], answers, strict=True)))
    limits = [Threshold(*limit) for limit in thresholds]
    return evaluate_frames(localizer, frames, thresholds=limits, scene_name="chess")


def test_the_table_of_protocols_is_sound():
    known = protocols()
    assert {"7scenes", "12scenes", "cambridge", "aachen", "hyundai", "wayspots", "i7", "i12", "i19"} <= set(known)
    for name, protocol in known.items():
        assert protocol.name == name and protocol.title and protocol.task.split and protocol.task.truth
        assert protocol.task.data_set in catalogue()
        assert protocol.metric in ("recall", "median") and protocol.median in ("upper", "mean")
        assert protocol.thresholds and len(set(protocol.thresholds)) == len(protocol.thresholds)
        for row in protocol.published:
            assert row.scene in (*protocol.task.scenes, MEAN), (name, row)
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
    result = evaluation(answers)
    row = our_row(find_protocol("7scenes"), result, "chess")
    assert row.median_m == pytest.approx(0.04)
    assert our_row(replace(find_protocol("7scenes"), median="mean"), result, "chess").median_m == pytest.approx(0.03)
    # An error of just 5 cm does not count, as little as one above.
    limits = tuple(Threshold(value, 5) for value in (0.06, 0.05, 0.04))
    sharp = replace(find_protocol("7scenes"), thresholds=limits)
    exact = evaluation([Answer(0.0), Answer(0.04), Answer(0.05), Answer(0.07)], [(0.06, 5), (0.05, 5), (0.04, 5)])
    errors = [result.error.translation for result in exact.results if result.error is not None]
    expected = tuple(sum(error < limit.translation for error in errors) / 4 for limit in limits)
    assert our_row(sharp, exact, "").recall == expected


def test_an_image_without_a_pose_counts_as_infinitely_wrong_and_a_rejected_one_as_it_is():
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
    print_blocks(protocol_blocks(protocol, "chess", row))
    printed = capsys.readouterr().out
    assert "trigpoint" in printed and "HLoc" in printed and "0.4 cm" in printed and "100.0 %" in printed
    assert "[1] this evaluation" in printed and "ICCV 2021" in printed and "SfM (COLMAP)" in printed
    assert "fire" not in printed
    print_blocks(protocol_blocks(find_protocol("aachen"), "", None))
    assert "night" in capsys.readouterr().out


def test_unknown_protocols_and_unknown_scales(tmp_path):
    with pytest.raises(SceneError, match=r"TP-263 .*Did you mean '7scenes'"):
        find_protocol("7scene")
    with pytest.raises(SceneError, match="TP-262"):
        require_metres(find_protocol("7scenes"), False, tmp_path)


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


def test_queries_without_public_poses_are_localized_and_handed_in(tmp_path):
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

    results = submit(fake, scene, tmp_path / "night.txt")
    assert [result.status for result in results] == ["ok", "rejected", "failed"]
    assert {camera.params for camera in fake.cameras} == {(70, 32, 24, -0.05)}
    assert [line.split()[0] for line in (tmp_path / "night.txt").read_text().splitlines()] == ["0.jpg", "1.jpg"]


def test_images_that_the_map_held_out_are_handed_in_beside_the_queries(tmp_path):
    write_nerfstudio(tmp_path / "scene")
    scene = open_scene(tmp_path / "scene", metric=True)
    query = replace(scene.frames[0], name="query.png", cam_from_world=None, split="test")
    scene = scene.with_frames([*scene.frames, query])
    names = [frame.name for frame in scene.posed()]
    fake = FakeLocalizer([*scene.posed(), replace(query, cam_from_world=scene.frames[0].pose())], holdout="every:4:1")
    for opened, held_out in ((scene, names[1::4]), (apply_holdout(scene, parse_holdout("every:4:2")), names[2::4])):
        results = submit(fake, opened, tmp_path / "out.txt")
        assert [result.name for result in results] == sorted([*held_out, "query.png"])


@pytest.fixture
def chess(tmp_path, monkeypatch):
    """Folder of a metric scene called chess, and a localizer of it that is always right instead of any map."""
    write_nerfstudio(tmp_path / "chess")
    scene = open_scene(tmp_path / "chess", metric=True)
    monkeypatch.setattr(Localizer, "load", lambda *_, **__: FakeLocalizer(scene.frames, holdout="every:2:0"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "chess"


def test_the_verb_compares_and_writes(chess, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert run(["evaluate", "x.trig", "chess", "--protocol", "7scenes", "--threshold", "0.3,9", "--json", str(out)]) == 0
    assert "DSAC* RGB" in capsys.readouterr().out
    document = json.loads(out.read_text())
    assert document["images"] == 4
    assert [entry["translation"] for entry in document["recall"]] == [0.05, 0.02, 0.01, 0.3]
    assert document["comparison"]["ours"]["recall"] == [1, 1, 1]
    assert document["comparison"]["scene"] == "chess"


def test_the_verb_tells_the_scenes_of_a_joint_scene_apart(chess, tmp_path, monkeypatch, capsys):
    write_nerfstudio(tmp_path / "fire")
    parts = [JointPart(Path(name), name, scale=1.0) for name in ("chess", "fire")]
    write_joint(tmp_path / "both.joint.json", parts)
    frames = open_scene(tmp_path / "both.joint.json").frames
    monkeypatch.setattr(Localizer, "load", lambda *_, **__: FakeLocalizer(frames))
    assert run(["evaluate", "x.trig", "both.joint.json", "--split", "all", "--json", "out.json"]) == 0
    assert "Scene by scene" in capsys.readouterr().out
    scenes = json.loads((tmp_path / "out.json").read_text())["scenes"]
    assert set(scenes) == {"chess", "fire"} and "frames" not in scenes["chess"]


def test_the_verb_hands_in(chess, tmp_path, capsys):
    arguments = ["evaluate", "x.trig", "chess", "--protocol", "aachen"]
    assert run(arguments) == 2
    assert "TP-264" in capsys.readouterr().err
    assert run([*arguments, "--submission", "night.txt", "--json", str(tmp_path / "out.json")]) == 0
    assert "night.txt: 4 poses of 4 images" in capsys.readouterr().out
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["poses"] == 4 and document["comparison"]["ours"] is None


def test_metres_of_a_protocol_need_a_map_in_metres(chess, monkeypatch, capsys):
    monkeypatch.setattr(Localizer, "load", lambda *_, **__: FakeLocalizer([], units="units"))
    assert run(["evaluate", "x.trig", "chess", "--protocol", "7scenes"]) == 2
    assert "TP-262" in capsys.readouterr().err
