"""The report page, its pictures and the files beside it."""

import base64
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.correspondences import correspondences_at
from support.fake_localizer import Answer, FakeLocalizer, make_frames, room

from trigpoint.core.errors import OutputError
from trigpoint.core.localization import REJECTED
from trigpoint.core.scene import Scene
from trigpoint.evaluation.circumstances import changed_settings, machine_facts
from trigpoint.evaluation.evaluate import evaluate_frames
from trigpoint.evaluation.metrics import METRIC_GROSS_ERROR, METRIC_THRESHOLDS, Threshold
from trigpoint.evaluation.reliability import correct_within
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.training_config import HeadConfig
from trigpoint.report.evaluation_report import Pictured, write_report

ANSWERS = {
    "test/001.jpg": Answer(0.04, 1.0),
    "test/002.jpg": Answer(0.3, 3.0, REJECTED, 0.1),
    "test/003.jpg": Answer(None),
    "test/004.jpg": Answer(1.0, 20.0),
    "test/005.jpg": Answer(500.0, 20.0, REJECTED, 0.0),
}


def make_evaluation(count=12, answers=ANSWERS, units="m", folder=Path("missing"), thresholds=METRIC_THRESHOLDS):
    frames = make_frames(count, folder)
    localizer = FakeLocalizer(frames, answers, units)
    return frames, evaluate_frames(localizer, frames, thresholds=thresholds, scene_name="office & <attic>")


class Page(HTMLParser):
    """Checks that tags are balanced and collects what a page refers to."""

    VOID = frozenset({"meta", "img", "br", "path", "image", "link"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    frames, evaluation = make_evaluation(folder=folder)
    for frame in frames[:-1]:
        Image.new("RGB", (64, 48), "orange").save(frame.image_path)
    (folder / "004.jpg").write_bytes(b"not an image")
    scene = Scene(folder, "ace", tuple(make_frames(20, folder, "train") + frames), True)
    page = write_report(
        folder / "out",
        evaluation,
        title="Office <script>alert(1)</script>",
        facts={
            "map": {"size": "4 MB", "<preset>": "a|b"},
            "settings": {"head.width": "256"},
            "machine": {"CPU count": "2"},
        },
        pictured=Pictured(
            scene,
            PointCloud(*room()),
            {"test/002.jpg": correspondences_at([[16.5, 24.5], [48.5, 24.5]], [True, False], (64, 48))},
        ),
    )
    return page, evaluation


def test_images_that_are_not_mapped_are_not_drawn_as_if_they_were(tmp_path):
    frames, evaluation = make_evaluation(folder=tmp_path)
    unused = [replace(frame, name=f"unused/{frame.name}", split=None) for frame in frames]
    scene = Scene(tmp_path, "nerfstudio", (*make_frames(20, tmp_path, "train"), *unused, *frames), True)
    assert len(Pictured(scene).mapping_poses(evaluation)) == 20


def test_page_is_whole_and_needs_nothing_else(report):
    page, _ = report
    text = page.read_text()
    parsed = Page(text)
    tags = [tag for tag, _ in parsed.tags]
    assert "script" not in tags
    assert "link" not in tags
    assert parsed.links
    assert all(link.startswith("data:image/") for link in parsed.links)
    assert not re.search(r"https?://|url\(|@import", text)
    assert "nan" not in re.findall(r"[a-z]+", re.sub(r"base64,[^\"]*", "", text).lower())
    shown = " ".join(parsed.text)
    for expected in ("Office <script>", "office & <attic>", "failed <because>", "a|b"):
        assert expected in shown, expected
    assert tags.count("svg") == 6


def test_page_tells_the_numbers(report):
    page, evaluation = report
    shown = " ".join(Page(page.read_text()).text)
    for expected in (
        "66.7 %",
        "9 of 12 ok",
        "1 of 9",
        "12 images",
        "feed5eed",
        "5 cm, 5°",
        "Estimated positions outside of the picture: ",
    ):
        assert expected in shown, expected
    assert shown.count("test/003.jpg") >= 2
    assert evaluation.wrong_ok() == 1


def test_page_shows_images_or_why_not(report):
    page, _ = report
    parsed = Page(page.read_text())
    images = [attrs for tag, attrs in parsed.tags if tag == "img" and attrs["src"].startswith("data:image/jpeg")]
    picture = Image.open(BytesIO(base64.b64decode(images[0]["src"].split(",")[1])))
    assert picture.size == (64, 48)
    assert picture.getpixel((5, 5)) == pytest.approx((255, 165, 0), abs=8)
    assert "this is not an image file" in parsed.text
    assert "no pose" in parsed.text


def test_files_beside_the_page(report):
    page, evaluation = report
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json", "report.md"]
    document = json.loads((page.parent / "report.json").read_text())
    assert document["evaluation"] == evaluation.to_json()
    assert document["settings"] == {"head.width": "256"} and document["machine"] == {"CPU count": "2"}
    assert document["map"]["<preset>"] == "a|b"
    text = (page.parent / "report.md").read_text()
    for expected in (
        "## Settings",
        "| head.width | 256 |",
        "| CPU count | 2 |",
        "## Reliability",
        "calibration error 0.091",
    ):
        assert expected in text, expected
    for expected in ("| 5 cm, 5° | 66.7 % | 39.1 to 86.2 % | 66.7 % |", "test/003.jpg", "| \\<preset\\> | a\\|b |"):
        assert expected in text, expected
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def write(folder, evaluation, points=None):
    points = None if points is None else PointCloud(*points)
    return write_report(folder, evaluation, title="t", facts={}, pictured=Pictured(points=points))


def test_equal_inputs_give_equal_pages(tmp_path):
    _, evaluation = make_evaluation()
    pages = [write(tmp_path / name, evaluation, points=room()).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("answers", [{}, {f"test/{index:03}.jpg": Answer(None) for index in range(12)}], ids=["all", "none"])
@pytest.mark.parametrize("count", [1, 2, 12])
@pytest.mark.parametrize("points", [None, (np.zeros((0, 3)), np.zeros((0, 3), np.uint8)), room(50)], ids=["no", "0", "50"])
def test_little_to_show(tmp_path, answers, count, points):
    _, evaluation = make_evaluation(count, answers)
    text = write(tmp_path, evaluation, points=points).read_text()
    Page(text)
    assert "nan" not in re.findall(r"[a-z]+", re.sub(r"base64,[^\"]*", "", text).lower())
    assert text.count('class="scene"') == (2 if points is not None and len(points[0]) else 1)


def test_points_may_be_wild(tmp_path):
    _, evaluation = make_evaluation()
    xyz, rgb = room()
    xyz[:3] = np.nan, np.inf, 1e30
    Page(write(tmp_path, evaluation, points=(xyz, rgb)).read_text())


def test_many_images(tmp_path):
    _, evaluation = make_evaluation(3100)
    page = write(tmp_path, evaluation)
    assert "100 more images are in report.json" in page.read_text()
    assert page.stat().st_size < 5e6


def test_unknown_scale_is_never_in_metres(tmp_path):
    _, evaluation = make_evaluation(units="units", thresholds=(Threshold(0.05, 5),))
    write(tmp_path, evaluation, points=room())
    for name in ("report.html", "report.md"):
        text = re.sub(r"<style>.*</style>|base64,[^\"]*", "", (tmp_path / name).read_text(), flags=re.DOTALL)
        assert "0.05 units" in text
        assert not re.search(r"\d c?m\b", text)


def test_no_thresholds(tmp_path):
    _, evaluation = make_evaluation(thresholds=())
    Page(write(tmp_path, evaluation, points=room()).read_text())


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="TP-801"):
        write(tmp_path / "file", make_evaluation()[1])


def images_of(page):
    """JPEG pictures of the gallery by image name."""
    pictures = [attrs for tag, attrs in Page(page.read_text()).tags if tag == "img"]
    jpegs = [attrs for attrs in pictures if attrs["src"].startswith("data:image/jpeg")]
    return {attrs["alt"]: Image.open(BytesIO(base64.b64decode(attrs["src"].split(",")[1]))) for attrs in jpegs}


def test_inliers_are_drawn_where_they_are(report):
    page, _ = report
    with_keypoints, without = (images_of(page)[name] for name in ("test/002.jpg", "test/001.jpg"))
    differing = np.abs(np.array(with_keypoints, int) - np.array(without, int)).max(axis=2) > 25
    rows, columns = np.nonzero(differing)
    assert {16, 48} <= set(columns.tolist()) and 24 in rows
    assert set(columns.tolist()) <= {*range(12, 21), *range(45, 53)}
    red, green, _ = (int(channel) for channel in with_keypoints.getpixel((16, 24)))
    assert green > red
    assert "keypoints that agree" in page.read_text()


def test_reliability_is_told(report):
    page, evaluation = report
    # 11 poses: 7 exact and 1 off by 4 cm at confidence 0.9 are correct (8), one at 0.9 is not; 0.1 is correct, 0.0 is not.
    limits = [answer.localization.confidence for answer in evaluation.results if answer.error is not None]
    assert sorted(limits) == [0.0, 0.1] + [0.9] * 9
    wanted = (9 * abs(8 / 9 - 0.9) + abs(1 - 0.1) + 0) / 11
    document = json.loads((page.parent / "report.json").read_text())["reliability"]
    assert document["expected_calibration_error"] == pytest.approx(wanted)
    assert document["correct_within"] == {"translation": 0.5, "rotation_deg": 10.0}
    assert [each["answers"] for each in document["bins"]] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 9]
    assert f"{wanted:.3f}" in " ".join(Page(page.read_text()).text)


def test_correct_is_what_the_largest_threshold_says():
    _, evaluation = make_evaluation(thresholds=(Threshold(0.02, 2), Threshold(0.2, 5), Threshold(0.1, 20)))
    assert correct_within(evaluation) == Threshold(0.2, 5)
    assert correct_within(make_evaluation()[1]) == METRIC_GROSS_ERROR
    assert correct_within(make_evaluation(thresholds=())[1]) == METRIC_GROSS_ERROR


def test_settings_that_differ():
    plain = changed_settings(resolve_config("ace-compact"))
    assert plain["preset"] == "ace-compact" and plain["network.head.width"] == "256" and "network.head.blocks" not in plain
    changed = changed_settings(resolve_config("ace-compact", ["head.width=64", "head.blocks=3"]))
    assert changed["network.head.width"] == "64 (preset: 256)" and changed["network.head.blocks"] == "3 (preset: 1)"
    # A setting that was put back to the default of all presets is a change of this preset.
    restored = changed_settings(resolve_config("ace-compact", [f"head.width={HeadConfig().width}"]))
    assert restored["network.head.width"].endswith("(preset: 256)")


def test_machine():
    facts = machine_facts()
    assert facts["CPU count"] == str(os.cpu_count())
    assert facts["torch"] == torch.__version__ and facts["platform"]
