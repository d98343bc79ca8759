"""The viewer with a map file: what it shows of it, images that are dropped in, and the verb."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.tiny_scene import CHEAP, settings, write_part

from trigpoint.cli import run
from trigpoint.core.errors import TrigpointError
from trigpoint.localization.localizer import Localizer
from trigpoint.viewer.content import ContentOptions, load_content
from trigpoint.viewer.finder import MAX_UPLOAD_BYTES, Finder


@pytest.fixture(scope="module")
def cheap_map(room, one_thread, tmp_path_factory):
    """A scene of 8 images and a map of it that localizes nothing well."""
    folder = tmp_path_factory.mktemp("viewed")
    write_part(room, folder / "part", 8)
    more = ("features.query_keypoints=300", "optimizer.steps=20")
    words = ["--preset", "ace-compact", *settings((*CHEAP, *more)), "--holdout", "every:4:1", "--quiet"]
    assert run(["map", str(folder / "part"), "-o", str(folder / "part.trig"), *words]) == 0
    return folder / "part.trig", folder / "part"


@pytest.fixture
def finder(cheap_map):
    opened = Finder(Localizer.load(cheap_map[0]))
    yield opened
    opened.close()


def test_a_scene_gives_points_mapping_cameras_and_errors(cheap_map, finder):
    path, scene = cheap_map
    content = load_content(finder, path, ContentOptions(scene=scene, queries=scene))
    assert len(content.mapping) == 6 and len(content.queries) == 2
    assert {frame.name for frame in content.mapping}.isdisjoint(query.name for query in content.queries)
    assert all(query.true_pose is not None for query in content.queries)
    assert content.error_scale is not None
    assert content.missing == ()
    assert len(content.points.xyz) == len(content.points.rgb) == len(content.drawn) > 0
    assert all(query.answer.camera_source == "given" for query in content.queries)


def test_the_number_of_points_is_limited(cheap_map, finder):
    path, scene = cheap_map
    every = load_content(finder, path, ContentOptions(scene=scene))
    few = load_content(finder, path, ContentOptions(scene=scene, points=5))
    assert len(few.points.xyz) == 5 < len(every.points.xyz)


def test_a_folder_of_images_without_poses(cheap_map, finder):
    path, scene = cheap_map
    content = load_content(finder, path, ContentOptions(queries=scene / "images"))
    assert len(content.queries) == 8
    assert content.error_scale is None
    assert all(query.true_pose is None and query.error is None for query in content.queries)
    missing = " ".join(content.missing)
    assert "--scene" in missing and "true poses" in missing


def test_a_map_alone_says_what_is_missing(cheap_map, finder):
    content = load_content(finder, cheap_map[0], ContentOptions())
    assert len(content.points.xyz) == 0 and content.mapping == () and content.queries == ()
    assert "'part'" in content.missing[0] and "no points yet" in content.missing[1]
    assert np.isfinite(content.stage.first_view()[0]).all()
    assert content.facts["made from"] == "6 images of 'part'"


def test_another_scene_is_noticed(cheap_map, finder, room):
    content = load_content(finder, cheap_map[0], ContentOptions(scene=room, holdout="every:2:0", points=50))
    assert "another scene" in content.missing[0]


@pytest.mark.parametrize(("folder", "code"), [("nowhere", "TP-201"), ("empty", "TP-742")])
def test_folders_without_images(folder, code, cheap_map, finder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrigpointError, match=code):
        load_content(finder, cheap_map[0], ContentOptions(queries=tmp_path / folder))


def test_keypoints_that_agree_are_those_that_were_counted(cheap_map, finder):
    path, scene = cheap_map
    content = load_content(finder, path, ContentOptions(queries=scene, split="all"))
    posed = [query for query in content.queries if query.answer.cam_from_world is not None]
    assert posed
    for query in posed:
        keypoints = finder.keypoints(query)
        assert keypoints.inlier_points.shape == (query.answer.inliers, 3)
        assert min(keypoints.picture.shape[:2]) <= 360 and keypoints.picture.shape[2] == 3


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("image.jpg", b"", "TP-101"),
        ("image.jpg", b"\xff\xd8\xff\xe0 no image", "TP-10[23]"),
        ("notes.txt", b"hello", "TP-102"),
        ("../../../etc/image.png", b"\x89PNG\r\n\x1a\n", "TP-10[23]"),
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


def test_an_image_that_is_dropped_in_is_localized(cheap_map, finder):
    image = sorted((cheap_map[1] / "images").rglob("*.jpg"))[0]
    first, second = (finder.upload(image.read_bytes(), "image.jpg") for _ in range(2))
    direct = finder.locate(image, "direct")
    assert first.name != second.name
    assert (first.answer.status, first.answer.inliers) == (direct.answer.status, direct.answer.inliers)
    folder = first.image_path.parent
    finder.close()
    assert not folder.exists()


def test_a_broken_file_that_is_dropped_in_shows_its_error(cheap_map, finder):
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    running = Viewer(load_content(finder, cheap_map[0], ContentOptions()), finder, port=0)
    try:
        running.locate("broken.jpg", b"\xff\xd8\xff no image")
        assert "TP-10" in running.state.content and "TP-10" in running.numbers.content
        assert not running.picture.visible
        running.locate("image.jpg", sorted(cheap_map[1].rglob("*.jpg"))[0].read_bytes())
        assert "TP-10" not in running.state.content
        assert running.picture.visible
    finally:
        running.close()


def test_without_viser_the_error_names_the_extra(monkeypatch, cheap_map, capsys):
    monkeypatch.setitem(sys.modules, "viser", None)
    assert run(["view", str(cheap_map[0]), "--port", "0"]) == 2
    printed = capsys.readouterr()
    assert "TP-811" in printed.err and "viewer" in printed.err and printed.out == ""


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
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert "Traceback" not in err and out == ""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(line.rsplit(":", 1)[1])))
