"""Writers and readers of results."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from support.fake_results import make_result, sample
from support.tum_files import read_tum

from trigpoint.core.camera import Camera
from trigpoint.core.errors import OutputError
from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.terminal import printable
from trigpoint.localization.read_results import read_jsonl
from trigpoint.localization.results import check_output, format_of, tum_text, write_results


def assert_same_pose(a, b):
    assert centre_distance(a, b) < 1e-12
    assert rotation_angle_deg(a, b) < 1e-12


def test_jsonl_round_trip(tmp_path):
    results = [
        *sample(),
        make_result("küche 1.jpg", 5),
        make_result("line\nbreak\u2028.jpg", 6),
        make_result("\udcff.jpg", 7),
        make_result("\x9b31m\x7f.jpg", 8),
    ]
    path = tmp_path / "new" / "results.jsonl"
    write_results(path, results, "jsonl")
    assert len(path.read_bytes().splitlines()) == len(results)
    assert "küche 1" in path.read_text()
    lines = path.read_text().split("\n")
    assert list(map(printable, lines)) == lines
    for a, b in zip(results, read_jsonl(path), strict=True):
        assert a.to_json().keys() == b.to_json().keys()
        plain = {"cam_from_world", "covariance"}
        for field in dataclasses.fields(a):
            if field.name not in plain:
                assert getattr(a, field.name) == getattr(b, field.name), field.name
        assert (a.covariance is None) == (b.covariance is None)
        if a.covariance is not None and b.covariance is not None:
            assert np.array_equal(a.covariance, b.covariance)
        assert (a.cam_from_world is None) == (b.cam_from_world is None)
        if a.cam_from_world is not None:
            assert_same_pose(a.cam_from_world, b.cam_from_world)


def test_jsonl_has_no_nan(tmp_path):
    covariance = np.full((6, 6), np.inf)
    path = tmp_path / "r.jsonl"
    write_results(path, [make_result("a.jpg", 1, covariance=covariance, confidence=float("nan"))], "jsonl")
    document = json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(text))
    assert document["covariance"] == [[None] * 6] * 6
    (result,) = read_jsonl(path)
    assert np.isnan(result.confidence)
    assert result.covariance is not None and np.isnan(result.covariance).all()


def test_tum_by_position(tmp_path):
    results = sample()
    path = tmp_path / "poses.txt"
    write_results(path, results, "tum")
    rows = np.loadtxt(path)
    assert rows[:, 0].tolist() == [0, 3]
    poses = read_tum(path)
    assert list(poses) == ["b/x.jpg", "d.jpg"]
    for result in (results[0], results[3]):
        assert_same_pose(poses[result.name], result.cam_from_world)
    # The file itself holds world_from_cam: its position is the camera centre.
    assert results[0].cam_from_world is not None
    assert rows[0, 1:4] == pytest.approx(results[0].cam_from_world.centre(), rel=1e-14)
    text = path.read_text()
    assert '# 1 "a.jpg" failed, no pose written: "no texture\\nat all"' in text
    assert '# 2 "c.jpg" rejected, no pose written: "the inliers' in text
    assert "abc123 (unit: m)" in text


def test_tum_by_name_is_sorted_and_keeps_every_digit():
    text = tum_text(sample(["rgb/1305031102.275326.png", "1305031102.175304.png", "9.png", "10.png"]))
    assert [line.split()[0] for line in text.splitlines() if line[0] != "#"] == ["10", "1305031102.275326"]
    assert '# 1305031102.175304 "1305031102.175304.png" failed' in text


@pytest.mark.parametrize(
    "names",
    [("1.png", "2.png", "x.png", "3.png"), ("a/1.png", "b/1.png", "2.png", "3.png"), ("1.png", "1.0.png", "2.png", "3.png")],
)
def test_tum_falls_back_to_position(names):
    lines = [line for line in tum_text(sample(names)).splitlines() if line[0] != "#"]
    assert [line.split()[0] for line in lines] == ["0", "3"]


@pytest.mark.parametrize(
    "name", ["1305031102.175304", "seq-01/1305031102.175304.color.png", "12", "0012.jpg", "frame12.png"]
)
def test_tum_stamp_of_one_name(name):
    (line,) = [line for line in tum_text([make_result(name, 1)]).splitlines() if line[0] != "#"]
    expected = {"12": "12", "0012.jpg": "0012", "1305031102.175304": "1305031102.175304"}.get(name, "0")
    assert line.split()[0] == expected


def test_rejected_poses_only_when_asked(tmp_path):
    write_results(tmp_path / "r.tum", sample(), "tum", include_rejected=True)
    assert list(read_tum(tmp_path / "r.tum")) == ["b/x.jpg", "c.jpg", "d.jpg"]
    assert '"c.jpg" rejected, pose written' in (tmp_path / "r.tum").read_text()


@pytest.mark.parametrize("include_rejected", [False, True])
def test_colmap_round_trip(tmp_path, include_rejected):
    import pycolmap

    results = [*sample(), make_result("e.jpg", 6), make_result("f.jpg", 8, FAILED, "dark")]
    write_results(tmp_path / "model", results, "colmap", include_rejected=include_rejected)
    model = pycolmap.Reconstruction(tmp_path / "model")
    images = {image.name: image for image in model.images.values()}
    expected = [r for r in results if r.status == OK or (include_rejected and r.status == REJECTED)]
    assert sorted(images) == sorted(r.name for r in expected)
    assert model.num_points3D() == 0
    assert len(model.cameras) == 2
    for result in expected:
        image = images[result.name]
        assert_same_pose(Pose.from_matrix(image.cam_from_world().matrix()), result.cam_from_world)
        camera = model.cameras[image.camera_id]
        assert Camera(camera.model.name, camera.width, camera.height, tuple(camera.params)) == result.camera
    text = (tmp_path / "model" / "images.txt").read_text()
    assert '"a.jpg" failed, no pose written: "no texture\\nat all"' in text
    assert '"f.jpg" failed' in text
    write_results(tmp_path / "model", results, "colmap")


@pytest.mark.parametrize("format", ["jsonl", "tum", "colmap"])
def test_nothing_to_write_is_a_whole_file(tmp_path, format):
    import pycolmap

    write_results(tmp_path / "out", [], format)
    if format == "jsonl":
        assert read_jsonl(tmp_path / "out") == []
    elif format == "tum":
        assert read_tum(tmp_path / "out") == {}
    else:
        assert pycolmap.Reconstruction(tmp_path / "out").num_images() == 0


@pytest.mark.parametrize(
    ("path", "format"),
    [("a.jsonl", "jsonl"), ("a.JSONL", "jsonl"), ("a.txt", "tum"), ("a.tum", "tum"), ("model", "colmap"), (".", "colmap")],
)
def test_format_of(path, format):
    assert format_of(Path(path)) == format


def test_format_of_unknown_suffix():
    with pytest.raises(OutputError, match=r"TP-802 .*'\.json'"):
        format_of(Path("a.json"))


@pytest.mark.parametrize(
    ("names", "format", "code"),
    [
        (["a.jpg"], "csv", "TP-802"),
        (["a b.jpg"], "colmap", "TP-803"),
        (["a\nb.jpg"], "colmap", "TP-803"),
        (["\udcff.jpg"], "colmap", "TP-803"),
        ([""], "colmap", "TP-803"),
        (["a.jpg", "a.jpg"], "colmap", "TP-803"),
    ],
)
def test_check_output(tmp_path, names, format, code):
    for attempt in (check_output, lambda path, names, kind: write_results(path, [make_result(n, 1) for n in names], kind)):
        with pytest.raises(OutputError) as caught:
            attempt(tmp_path / "out", names, format)
        assert caught.value.code == code
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", ["images.bin", "frames.txt"])
def test_other_models_are_not_mixed_in(tmp_path, other):
    (tmp_path / other).touch()
    with pytest.raises(OutputError, match="TP-804"):
        write_results(tmp_path, sample(), "colmap")


def test_folder_and_file_are_not_confused(tmp_path):
    (tmp_path / "file").touch()
    for path, format in ((tmp_path / "file", "colmap"), (tmp_path, "jsonl"), (tmp_path, "tum")):
        with pytest.raises(OutputError, match="TP-804"):
            write_results(path, sample(), format)
    with pytest.raises(OutputError, match="TP-801"):
        write_results(tmp_path / "file" / "r.jsonl", sample(), "jsonl")


def test_pose_without_camera_is_not_lost_silently(tmp_path):
    with pytest.raises(OutputError, match="TP-803"):
        write_results(tmp_path / "m", [make_result("a.jpg", 1, camera=None)], "colmap")
