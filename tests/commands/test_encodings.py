"""Names with accents, and terminals that cannot show them: nothing is lost, JSON stays JSON, tables are ASCII."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from support.fake_localizer import CAMERA, FakeLocalizer, make_frames
from support.scene_files import edit, write_nerfstudio

from trigpoint.cli import run
from trigpoint.commands import VERBS
from trigpoint.core.terminal import plain_where_needed
from trigpoint.localization.localizer import Localizer
from trigpoint.report.blocks import Facts, Table, Text
from trigpoint.report.terminal import print_blocks

# All that makes Python take the world for ASCII.
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@contextmanager
def ascii_terminal():
    """Standard output and standard error that know ASCII only; a function gives what was shown."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True) for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        yield lambda: [stream.buffer.getvalue().decode("ascii") for stream in streams]


@pytest.fixture
def scene(tmp_path):
    """Eight images with poses in a folder, and one name, with accents."""
    folder = tmp_path / "Küche"
    write_nerfstudio(folder)
    (folder / "images" / "003.jpg").rename(folder / "images" / "é.jpg")
    edit(folder / "transforms.json", "images/003.jpg", "images/é.jpg")
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_help(verb):
    with ascii_terminal() as shown, pytest.raises(SystemExit) as stop:
        run([verb, "--help"])
    assert stop.value.code == 0 and f"trigpoint {verb}" in shown()[0]


def test_tables_are_ascii():
    table = Table(("image", "error"), [("é.jpg", "5 cm, 5°"), ("b.jpg", "7 cm")])
    with ascii_terminal() as shown, plain_where_needed():
        print_blocks([table, Facts.of({"a": "±1°"}), Text("2 ≤ 3")])
    lines = shown()[0].splitlines()
    assert len({len(line) for line in lines[:6]}) == 1, lines
    assert lines[3] == "| \\xe9.jpg | 5 cm, 5 deg |" and lines[6:] == ["a  +-1 deg", "2 <= 3"]


def test_an_error_about_a_name(tmp_path):
    with ascii_terminal() as shown:
        assert run(["info", str(tmp_path / "é\udcff")]) == 2
    assert "\\xe9\\udcff]" in shown()[1]


class _Batches(FakeLocalizer):
    """Localizes images by their paths."""

    def localize_batch(self, images, cameras=None):
        return (self.localize(path, camera=cameras or CAMERA, name=str(path)) for path in images)


def test_results_are_json_whatever_the_terminal(tmp_path, monkeypatch):
    names = [str(tmp_path / name) for name in ("é.jpg", "\x1b[31m.jpg", "\udcff.jpg")]
    frames = make_frames(3)
    fake = _Batches(frames)
    fake.poses = {name: frame.cam_from_world for name, frame in zip(names, frames, strict=True)}
    monkeypatch.setattr(Localizer, "load", lambda *_, **__: fake)
    monkeypatch.setattr("trigpoint.localization.batch.image_files", lambda words: list(map(Path, words)))
    with ascii_terminal() as shown:
        assert run(["localize", "x.trig", *names]) == 0
    assert [json.loads(line)["name"] for line in shown()[0].splitlines()] == names


@pytest.mark.parametrize("words", [["info"], ["export", "--to", "json", "-o", "Ausgabe é.json"]])
def test_names_of_a_scene_are_found(words, scene, tmp_path):
    verb, *more = words
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "trigpoint", verb, str(scene), "--json", "ü.json", *more],
        env={**os.environ, **ASCII},
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode in (0, 1) and b"Traceback" not in done.stderr and b"TP-" not in done.stderr, done
    assert json.loads((tmp_path / "ü.json").read_text())
    (done.stdout + done.stderr).decode("ascii")
    if verb == "export":
        names = [image["name"] for image in json.loads((tmp_path / "Ausgabe é.json").read_text())["images"]]
        assert "images/é.jpg" in names and len(names) == 8
