"""From images to verdicts through the command line, on a small synthetic room."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.tiny_scene import WORKING, settings

import trigpoint as tp
from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.pose import Pose, centre_distance
from trigpoint.formats.readers import open_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def room_map(room, one_thread, tmp_path_factory):
    output = tmp_path_factory.mktemp("map") / "room.trig"
    assert run(["map", "--preset", "trig-network", str(room), "-o", str(output), "--quiet", *settings(WORKING)]) == 0
    return output


def evaluated(room, room_map, folder, *more):
    output = folder / "numbers.json"
    assert run(["evaluate", str(room_map), str(room), "--json", str(output), "--quiet", *more]) == 0
    return json.loads(output.read_text())


def test_poses_of_images_that_were_not_mapped(room, room_map, tmp_path):
    numbers = evaluated(room, room_map, tmp_path)
    assert numbers["images"] == 6
    assert numbers["units"] == "m"
    # The room is 3.4 x 2.8 m between the cameras: wrong poses are 2 m and 90 degrees off.
    assert numbers["median_rotation_deg"] < 25
    assert numbers["median_translation"] < 1.2


def test_evaluation_from_python_takes_paths_and_values(room, room_map, tmp_path):
    """The same answers as the verb's from strings, paths, and values."""
    numbers = evaluated(room, room_map, tmp_path)
    limits = [tp.Threshold(0.1, 5.0)]
    localizer, scene = tp.Localizer.load(room_map), tp.open_scene(room)
    for pair in ((str(room_map), str(room)), (room_map, room), (localizer, scene)):
        evaluation = tp.evaluate(*pair, thresholds=limits)
        assert [result.status for result in evaluation.results] == [frame["status"] for frame in numbers["frames"]]
        assert evaluation.medians().translation == pytest.approx(numbers["median_translation"])
        assert evaluation.thresholds == tuple(limits)
    with pytest.raises(tp.TrigpointError, match="TP-401"):
        tp.evaluate("nothing.trig", str(room))
    with pytest.raises(tp.TrigpointError, match="TP-201"):
        tp.evaluate(localizer, "nothing")


def test_poses_of_mapped_images(room, room_map, tmp_path):
    numbers = evaluated(room, room_map, tmp_path, "--split", "train")
    assert numbers["images"] == 24
    assert numbers["median_rotation_deg"] < 20
    assert numbers["median_translation"] < 0.8
    assert numbers["counts"]["ok"] >= 4


def test_evaluation_and_localization_agree(room, room_map, tmp_path, capsys):
    """Two ways to the same answer: the numbers of evaluate, and the lines of localize compared with the poses here."""
    true = {frame.name: frame for frame in open_scene(room).frames}
    camera = next(iter(true.values())).camera
    capsys.readouterr()
    words = ",".join(str(value) for value in camera.pinhole_params())
    code = run(["localize", str(room_map), str(room / "images" / "test-day"), "--camera", words, "--quiet"])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 6
    assert code == int(any(answer["status"] != "ok" for answer in answers))
    errors = []
    for answer in answers:
        pose = answer["cam_from_world"]
        estimated = Pose.from_quaternion(pose["quaternion_wxyz"], pose["translation"])
        errors.append(centre_distance(estimated, true[f"images/test-day/{Path(answer['name']).name}"].pose()))
    numbers = evaluated(room, room_map, tmp_path)
    assert np.median(errors) == pytest.approx(numbers["median_translation"], rel=1e-6)


@pytest.mark.parametrize("kind", ["tum", "colmap"])
def test_poses_in_other_formats(kind, room, room_map, tmp_path, capsys):
    output = tmp_path / ("poses.txt" if kind == "tum" else "model")
    images = str(room / "images" / "test-day")
    assert run(["localize", str(room_map), images, "-o", str(output), "--include-rejected", "--quiet"]) in (0, 1)
    assert capsys.readouterr().out == ""
    text = (output / "images.txt" if kind == "colmap" else output).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 6
    assert all(len(line.split()) == (10 if kind == "colmap" else 8) for line in lines)


def test_report_of_an_evaluation(room, room_map, tmp_path, capsys):
    assert run(["evaluate", str(room_map), str(room), "--report", str(tmp_path / "report"), "--quiet"]) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1].removeprefix("report: "))
    assert "test-day/0000" in page.read_text()


def test_info_about_a_map_counts_every_byte(room_map, tmp_path):
    output = tmp_path / "info.json"
    assert run(["info", str(room_map), "--json", str(output)]) == 0
    document = json.loads(output.read_text())
    assert sum(document["bytes"].values()) == document["total_bytes"] == room_map.stat().st_size
    assert document["built_from"]["images"] == 24
    assert document["config"]["network"]["head"]["width"] == 128
    assert document["map_id"] == hashlib.sha256(room_map.read_bytes()).hexdigest()[:12]


def test_a_broken_image_to_localize_does_not_stop_the_others(room, room_map, tmp_path, capsys):
    good = (room / "images" / "walk" / "0000.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(good[:3000])
    (tmp_path / "b.jpg").write_bytes(good)
    capsys.readouterr()
    assert run(["localize", str(room_map), str(tmp_path), str(tmp_path / "none.jpg"), "--quiet"]) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(answer["name"]).name for answer in answers] == ["a.jpg", "b.jpg", "none.jpg"]
    assert [answer["status"] == "failed" for answer in answers] == [True, False, True]
    assert "TP-103" in answers[0]["reason"]
    assert "TP-101" in answers[2]["reason"]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:-1000], "TP-402"),
        (lambda data: data[:6], "TP-402"),
        (lambda data: b"", "TP-402"),
        (lambda data: b"PK" + data[2:], "TP-402"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "TP-403"),
        (lambda data: data.replace(b"width", b"wodth", 1), "TP-40[235]"),
    ],
)
def test_damaged_map_files(damage, code, room_map, tmp_path, capsys):
    data = room_map.read_bytes()
    damaged = tmp_path / "damaged.trig"
    damaged.write_bytes(damage(data))
    assert damaged.read_bytes() != data
    image = tmp_path / "image.jpg"
    for command in (["info", str(damaged)], ["localize", str(damaged), str(image)], ["evaluate", str(damaged), "."]):
        assert run(command) == 2
        said = capsys.readouterr()
        assert re.search(code, said.err), said.err
        assert str(damaged) in said.err
        assert said.out == ""


def test_a_map_whose_parts_do_not_belong_together_is_refused(room_map, tmp_path, capsys):
    """In a file with a correct checksum."""
    artifact = read_artifact(room_map)
    artifact.metadata["config"]["network"]["head"]["width"] = 32
    output = tmp_path / "other.trig"
    write_artifact(output, artifact.tensors, artifact.metadata)
    assert run(["info", str(output)]) == 2
    assert "TP-405" in capsys.readouterr().err


def test_the_points_of_a_map_and_their_picture(room, room_map, tmp_path, capsys):
    counts = {}
    for images in (0, 3):
        ply, picture = tmp_path / f"{images}.ply", tmp_path / f"{images}.png"
        words = ["export", str(room_map), "--scene", str(room), "--to", "ply", "-o", str(ply), "--picture", str(picture)]
        assert run([*words, "--max-images", str(images), "--json", str(tmp_path / "said.json"), "--quiet"]) == 0
        counts[images] = json.loads((tmp_path / "said.json").read_text())["points"]
        header = ply.read_bytes()[:400].decode(errors="replace")
        assert f"element vertex {counts[images]}\n" in header
        assert picture.read_bytes()[1:4] == b"PNG"
    # Those of three images of 24.
    assert 3 * 20 < counts[3] < counts[0] / 4
