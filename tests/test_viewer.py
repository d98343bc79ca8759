"""The viewer: what it shows, its server, its panel, and the page in a browser."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_localizer import CAMERA, Answer, FakeLocalizer, level_pose, make_frames
from fake_localizer import room as room_points
from PIL import Image
from tiny_place import CHEAP, settings, write_part

from trigpoint.cli import run
from trigpoint.core.errors import ConfigError, ImageError, OutputError, TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import PoseError, pose_errors
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.viewer.address import address_lines, free_port
from trigpoint.viewer.content import ContentOptions, load_content, make_content
from trigpoint.viewer.finder import MAX_UPLOAD_BYTES, Agreement, Finder
from trigpoint.viewer.panel import facts_html, legend_html, query_html
from trigpoint.viewer.query import UNKNOWN_COLOUR, VERDICT_COLOURS, ErrorScale, Query, colour_of, summary
from trigpoint.viewer.stage import RADIUS, Stage, camera_lines

ANSWERS = {
    "test/001.jpg": Answer(0.2, 2.0),
    "test/002.jpg": Answer(None),
    "test/003.jpg": Answer(0.9, 20.0, "rejected", 0.1),
    "test/004.jpg": Answer(1e9, 170.0, "rejected", 0.0),
}
SMALL_PHOTO = np.full((24, 32, 3), 90, np.uint8)


def make_queries(units="m", known=True):
    frames = make_frames(6)
    localizer = FakeLocalizer(frames, ANSWERS, units)
    for frame in frames:
        answer = localizer.localize(frame.image_path, camera=frame.camera, name=frame.name)
        pose = answer.cam_from_world
        error = None if pose is None or not known else pose_errors(pose, frame.pose())
        yield Query(frame.name, frame.image_path, answer, frame.pose() if known else None, error, 12.5)


def scene_content(units="m", known=True, scale=1.0, offset=(0.0, 0.0, 0.0), missing=()):
    """A room of 8 x 8 with 12 mapping cameras and 6 queries; places of other sizes for the mapping side alone."""
    xyz, rgb = room_points()
    frames = [moved_frame(frame, scale, offset) for frame in make_frames(12, split="train")]
    queries = list(make_queries(units, known)) if scale == 1 and not np.any(offset) else []
    points = PointCloud(xyz * scale + offset, rgb)
    return make_content("room.trig", units, {"map": "<id>"}, points, frames, queries, missing, Stage.around(np.zeros(3), 1))


def moved_frame(frame, scale, offset):
    centre = frame.pose().centre() * scale + offset
    rotation = frame.pose().rotation
    return replace(frame, cam_from_world=Pose(rotation, -rotation @ centre))


class FakeFinder:
    """Answers without a map."""

    def __init__(self):
        self.uploads = []

    def upload(self, content, name):
        self.uploads.append((name, content))
        frame = make_frames(6)[1]
        answer = FakeLocalizer([frame], {frame.name: Answer(0.1)}).localize(frame.image_path, camera=CAMERA, name=frame.name)
        return Query(f"{name} (dropped in)", Path(name), answer, None, None, 9.0)

    def agreement(self, query):
        if query.name == "test/005.jpg":
            raise ImageError("TP-101", "there is no such image file", where=query.image_path, fix="Check the path.")
        points = room_points(200)[0]
        return Agreement(SMALL_PHOTO, np.linspace(0, 24, 400).reshape(200, 2), np.arange(200) % 2 == 0, points)


@pytest.fixture
def viewer():
    """A running viewer of the fake content."""
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    running = Viewer(scene_content(), FakeFinder(), port=0)
    yield running
    running.close()


@pytest.fixture(scope="module")
def cheap_map(room, one_thread, tmp_path_factory):
    """A place of 8 photos and a map of it that localizes nothing well."""
    folder = tmp_path_factory.mktemp("viewed")
    write_part(room, folder / "part", 8)
    more = ("features.query_keypoints=300", "optimizer.steps=20")
    words = [*settings((*CHEAP, *more)), "--holdout", "every:4:1", "--quiet"]
    assert run(["map", str(folder / "part"), "-o", str(folder / "part.trig"), *words]) == 0
    return folder / "part.trig", folder / "part"


@pytest.fixture
def finder(cheap_map):
    opened = Finder(Localizer.load(cheap_map[0]))
    yield opened
    opened.close()


# What is shown.


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("offset", [(0, 0, 0), (5e5, -6e6, 300)])
def test_places_of_any_size_fill_the_same_stage(scale, offset):
    content = scene_content("units", scale=scale, offset=np.array(offset) * scale)
    shown = content.stage.points(content.points.xyz)
    assert np.linalg.norm(shown, axis=1).max() == pytest.approx(RADIUS, rel=0.05)
    position, look_at, angle = content.stage.first_view()
    assert position[2] > look_at[2]
    assert RADIUS < np.linalg.norm(position) < 40
    assert 0.2 < angle < 1.5
    cell = content.stage.grid_cell()
    assert 0.3 * scale < cell < 2 * scale
    assert float(f"{cell / 10 ** math.floor(math.log10(cell) + 1e-9):.6g}") in (1, 2, 5)


def test_up_is_up_whatever_the_axes_of_the_world():
    turned = Pose.from_matrix([[0, 0, 1, 2.0], [1, 0, 0, 3.0], [0, 1, 0, 4.0]])
    poses = [frame.pose() @ turned for frame in make_frames(8)]
    stage = Stage.of(poses, np.zeros((0, 3)))
    for pose in poses:
        above = pose.inverse().apply(np.array([[0.0, -1.0, 0.0]]))
        step = stage.points(above)[0] - stage.points(pose.centre())[0]
        assert step == pytest.approx([0, 0, stage.scale], abs=1e-9)


def test_cameras_on_the_stage_look_the_way_they_look_in_the_world():
    from scipy.spatial.transform import Rotation

    stage = scene_content().stage
    pose = level_pose((1, 2, 1.5), 30)
    wxyz, position = stage.camera(pose)
    in_world = pose.inverse().apply(np.array([[0.3, -0.2, 2.0]]))
    by_quaternion = position + stage.scale * Rotation.from_quat(wxyz, scalar_first=True).apply([0.3, -0.2, 2.0])
    assert stage.points(in_world)[0] == pytest.approx(by_quaternion)
    lines = camera_lines(stage, [(pose, CAMERA)], 0.5)
    assert lines.shape == (8, 2, 3)
    assert lines[0, 0] == pytest.approx(position)


def test_wild_poses_do_not_shrink_the_place():
    known, unknown = scene_content(), scene_content(known=False)
    assert known.stage.scale == pytest.approx(unknown.stage.scale)
    assert known.queries[4].error.translation > 1e8


def test_colours_by_error_and_by_verdict():
    content = scene_content()
    queries, scale = content.queries, content.error_scale
    assert [colour_of(query, None) for query in queries[1:4]] == [
        VERDICT_COLOURS["ok"],
        VERDICT_COLOURS["failed"],
        VERDICT_COLOURS["rejected"],
    ]
    exact, good, none, wrong = (colour_of(query, scale) for query in queries[:4])
    assert exact == scale.colour(0)
    assert none == wrong == scale.colour(1)
    assert good not in (exact, wrong)
    assert all(colour_of(query, scale) == UNKNOWN_COLOUR for query in make_queries(known=False))
    assert summary(queries) == "6 photos: 3 ok, 2 rejected, 1 failed"


@pytest.mark.parametrize(("metric", "word"), [(True, "50 cm, 10°"), (False, "0.75 units, 10°")])
def test_the_scale_of_errors_follows_the_unit(metric, word):
    scale = ErrorScale.of(metric, np.array([frame.pose().centre() for frame in make_frames(12)]))
    assert scale.ends()[1] == word
    levels = [scale.level(PoseError(error, 0.0)) for error in (0, 0.02, 0.1, 0.4, 0.8, math.inf)]
    assert levels[0] == 0 and levels[-1] == levels[-2] == 1
    assert levels == sorted(levels)
    assert scale.level(PoseError(0.0, 11.0)) == 1
    assert ErrorScale.of(False, np.zeros((5, 3))) is None


def test_texts_name_units_and_escape_names():
    query = next(make_queries("units"))
    text = query_html(Query("<b>&", query.image_path, query.answer, query.true_pose, PoseError(0.25, 1.0), 12.5), "units")
    assert "0.25 units, 1°" in text and "12.5 ms" in text and "123 of 456 keypoints" in text
    assert "<b>&<" not in text and "&lt;b&gt;&amp;" in text
    assert " cm" not in text
    assert "&lt;id&gt;" in facts_html({"map": "<id>"}, ["missing & gone"])
    assert "missing &amp; gone" in facts_html({}, ["missing & gone"])
    assert "failed" in legend_html(None) and "gradient" in legend_html(scene_content().error_scale)
    unknown = next(make_queries(known=False))
    assert "not known" in query_html(unknown, "m")


def test_the_picture_marks_keypoints_that_agree():
    agreement = Agreement(SMALL_PHOTO, np.array([[8.0, 8.0], [24.0, 16.0]]), np.array([True, False]), np.zeros((2, 3)))
    picture = agreement.picture()
    assert picture.shape == SMALL_PHOTO.shape
    (red, green, _), (other_red, other_green, _) = picture[8, 8].astype(int), picture[16, 24].astype(int)
    assert green > red + 50 and other_red > other_green + 50
    assert (SMALL_PHOTO == 90).all()


# From a map.


def test_a_place_gives_points_mapping_cameras_and_errors(cheap_map, finder):
    path, place = cheap_map
    content = load_content(finder, path, ContentOptions(place=place, queries=place))
    assert len(content.mapping) == 6 and len(content.queries) == 2
    assert {frame.name for frame in content.mapping}.isdisjoint(query.name for query in content.queries)
    assert all(query.true_pose is not None for query in content.queries)
    assert content.error_scale is not None
    assert content.missing == ()
    assert len(content.points.xyz) == len(content.points.rgb) == len(content.drawn) > 0
    assert all(query.answer.camera_source == "given" for query in content.queries)


def test_the_number_of_points_is_limited(cheap_map, finder):
    path, place = cheap_map
    every = load_content(finder, path, ContentOptions(place=place))
    few = load_content(finder, path, ContentOptions(place=place, points=5))
    assert len(few.points.xyz) == 5 < len(every.points.xyz)


def test_a_folder_of_photos_without_poses(cheap_map, finder):
    path, place = cheap_map
    content = load_content(finder, path, ContentOptions(queries=place / "images"))
    assert len(content.queries) == 8
    assert content.error_scale is None
    assert all(query.true_pose is None and query.error is None for query in content.queries)
    said = " ".join(content.missing)
    assert "--place" in said and "true poses" in said


def test_a_map_alone_says_what_is_missing(cheap_map, finder):
    content = load_content(finder, cheap_map[0], ContentOptions())
    assert len(content.points.xyz) == 0 and content.mapping == () and content.queries == ()
    assert "'part'" in content.missing[0] and "no points yet" in content.missing[1]
    assert np.isfinite(content.stage.first_view()[0]).all()
    assert content.facts["made from"] == "6 photos of 'part'"


def test_another_place_is_noticed(cheap_map, finder, room):
    content = load_content(finder, cheap_map[0], ContentOptions(place=room, holdout="every:2:0", points=50))
    assert "another place" in content.missing[0]


@pytest.mark.parametrize(("folder", "code"), [("nowhere", "TP-201"), ("empty", "TP-742")])
def test_folders_without_photos(folder, code, cheap_map, finder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrigpointError, match=code):
        load_content(finder, cheap_map[0], ContentOptions(queries=tmp_path / folder))


def test_keypoints_that_agree_are_those_that_were_counted(cheap_map, finder):
    path, place = cheap_map
    content = load_content(finder, path, ContentOptions(queries=place, split="all"))
    posed = [query for query in content.queries if query.answer.cam_from_world is not None]
    assert posed
    for query in posed:
        found = finder.agreement(query)
        assert found.agrees.sum() == query.answer.inliers
        assert len(found.agrees) == len(found.xyz) == len(found.keypoints_px) >= query.answer.points


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.jpg", b"", "TP-101"),
        ("photo.jpg", b"\xff\xd8\xff\xe0 no photo", "TP-10[23]"),
        ("notes.txt", b"hello", "TP-102"),
        ("../../../etc/photo.png", b"\x89PNG\r\n\x1a\n", "TP-10[23]"),
        ("large.jpg", bytes(MAX_UPLOAD_BYTES + 1), "at most 100 MB"),
    ],
    ids=["empty", "cut", "text", "path", "large"],
)
def test_broken_files_that_are_dropped_in_are_answers(name, content, reason, finder):
    query = finder.upload(content, name)
    assert query.answer.status == "failed"
    assert re.search(reason, query.answer.reason)
    assert query.name.startswith(Path(name).name)
    assert query.image_path.parent.name.startswith("trigpoint-view-")


def test_a_photo_that_is_dropped_in_is_localized(cheap_map, finder):
    photo = sorted((cheap_map[1] / "images").rglob("*.jpg"))[0]
    first, second = (finder.upload(photo.read_bytes(), "photo.jpg") for _ in range(2))
    direct = finder.locate(photo, "direct")
    assert first.name != second.name
    assert (first.answer.status, first.answer.inliers) == (direct.answer.status, direct.answer.inliers)
    folder = first.image_path.parent
    finder.close()
    assert not folder.exists()


# The server and its panel.


def test_the_page_is_served_and_the_port_is_freed():
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    running = Viewer(scene_content(), FakeFinder(), port=0)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{running.port}/", timeout=10) as answer:
        assert answer.status == 200
        assert b"<html" in answer.read(2000).lower()
    running.close()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", running.port))


def test_choosing_a_photo(viewer):
    assert viewer.selected == 0
    viewer.select(3)
    assert viewer._chooser.value == "test/003.jpg"
    assert "rejected" in viewer._numbers.content and "90 cm" in viewer._numbers.content
    assert viewer._picture.visible and viewer._picture.image.shape == SMALL_PHOTO.shape
    assert [node.variant for _, node in viewer.drawing._estimates].count("filled") == 1
    viewer.select(2)
    assert viewer._goto.disabled
    viewer.select(5)
    assert not viewer._picture.visible and not viewer._goto.disabled
    viewer.select(None)
    assert viewer._chooser.value == "(none)"


def test_a_click_on_a_camera_chooses_its_photo(viewer):
    node = viewer.server.scene.get_handle_by_name("/true/2")
    assert node is not None
    node._impl.click_cb[0].callback(None)
    assert viewer.selected == 2


def test_colours_can_be_switched(viewer):
    queries = [query for query, _ in viewer.drawing._estimates]
    for mode, scale in (("verdict", None), ("error", viewer.content.error_scale)):
        viewer.colour_by(mode)
        shown = [tuple(node.color) for _, node in viewer.drawing._estimates]
        assert shown == [colour_of(query, scale) for query in queries]
        assert viewer._legend.content == legend_html(scale)


def test_sizes_can_be_changed_and_parts_hidden(viewer):
    frustum, cloud = viewer.drawing._frusta[0], viewer.drawing._clouds[0]
    before = frustum.scale, cloud.point_size
    viewer.drawing.scale_cameras(2.0)
    viewer.drawing.scale_points(3.0)
    assert (frustum.scale, cloud.point_size) == pytest.approx((2 * before[0], 3 * before[1]))
    parts = dict(viewer.drawing.parts("grid"))
    assert {"points", "mapping cameras", "localized cameras", "their true poses", "grid"} <= set(parts)
    parts["points"].show(False)
    assert not cloud.visible


def test_a_photo_that_is_dropped_in_is_shown(viewer):
    viewer.locate("mine.jpg", b"bytes")
    assert viewer.finder.uploads == [("mine.jpg", b"bytes")]
    assert viewer.selected == 6
    assert viewer._chooser.options[-1] == viewer._chooser.value == "mine.jpg (dropped in)"
    assert viewer.server.scene.get_handle_by_name("/estimated/6") is not None
    assert "Found" in viewer._state.content


def test_a_broken_file_that_is_dropped_in_shows_its_error(cheap_map, finder):
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    running = Viewer(load_content(finder, cheap_map[0], ContentOptions()), finder, port=0)
    try:
        running.locate("broken.jpg", b"\xff\xd8\xff no photo")
        assert "TP-10" in running._state.content and "TP-10" in running._numbers.content
        assert not running._picture.visible
        running.locate("photo.jpg", sorted(cheap_map[1].rglob("*.jpg"))[0].read_bytes())
        assert "TP-10" not in running._state.content
        assert running._picture.visible
    finally:
        running.close()


# Where it listens.


def test_a_port_that_is_taken_is_skipped():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) != port
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host.invalid"])
def test_hosts_that_are_not_of_this_machine(host):
    with pytest.raises(OutputError, match="TP-812"):
        free_port(host, 8080)


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_ports(port):
    with pytest.raises(ConfigError, match="TP-702"):
        free_port("127.0.0.1", port)


def test_the_address_to_open():
    assert address_lines("127.0.0.1", 8081, {}) == ["viewer: http://localhost:8081"]
    assert address_lines("::1", 80, {})[0] == "viewer: http://localhost:80"
    remote = address_lines("127.0.0.1", 8081, {"SSH_CONNECTION": "10.0.0.2 51234 10.0.0.9 2222"})
    assert "ssh -L 8081:localhost:8081 -p 2222 " in remote[1] and "@10.0.0.9'" in remote[1]
    open_to_all = address_lines("0.0.0.0", 8081, {"SSH_CONNECTION": "10.0.0.2 51234 10.0.0.9 22"})
    assert open_to_all[0] == "viewer: http://localhost:8081"
    assert socket.gethostname() in open_to_all[1]


def test_without_viser_the_error_names_the_extra(monkeypatch, cheap_map, capsys):
    monkeypatch.setitem(sys.modules, "viser", None)
    assert run(["view", str(cheap_map[0]), "--port", "0"]) == 2
    said = capsys.readouterr()
    assert "TP-811" in said.err and "viewer" in said.err and said.out == ""


@pytest.mark.parametrize("words", [["--points", "0"], ["--points", "400000"], ["--port", "70000"]])
def test_impossible_numbers(words, cheap_map, capsys):
    pytest.importorskip("viser")
    assert run(["view", str(cheap_map[0]), *words]) == 2
    assert "TP-702" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_ends_the_verb_cleanly(cheap_map):
    pytest.importorskip("viser")
    path, _ = cheap_map
    command = [sys.executable, "-m", "trigpoint", "view", str(path), "--port", "0", "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SSH_CONNECTION": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("viewer: http://localhost:"), line
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err and out == ""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(line.rsplit(":", 1)[1])))


# The page in a browser.


def colours_of_the_scene(png):
    """Number of distinct strong colours left of the panel."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[150:700, 50:850].reshape(-1, 3).astype(int)
    strong = image[np.ptp(image, axis=1) > 80]
    return len(np.unique(strong // 8, axis=0))


@pytest.mark.slow
def test_the_page_in_a_browser(viewer, tmp_path):
    chromium = pytest.importorskip("chromium")
    if chromium.BINARY is None:
        pytest.skip("there is no Chromium here")
    with chromium.browser_page(f"http://localhost:{viewer.port}/") as page:
        page.wait_for(lambda: "Locate a photo" in page.text())
        assert "trigpoint: room.trig" in page.text()
        # The scene fades in.
        page.wait_for(lambda: colours_of_the_scene(page.screenshot()) > 30)
        viewer.select(3)
        page.wait_for(lambda: "90 cm" in page.text())
        (tmp_path / "dropped.jpg").write_bytes(b"bytes")
        page.choose_file(tmp_path / "dropped.jpg")
        page.wait_for(lambda: "Found." in page.text())
        assert viewer.finder.uploads == [("dropped.jpg", b"bytes")]
        assert page.errors == []
        outside = [url for url in page.requested if not url.startswith(("data:", "blob:"))]
        assert outside and all(f"//localhost:{viewer.port}" in url for url in outside)
