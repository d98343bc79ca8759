"""Many maps as a job array: examples/map_task.sh, begun by xargs as docs/architecture.md shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import ROOT, blocks
from support.tiny_scene import write_part

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not shutil.which("xargs") or not shutil.which("sh"), reason="there is no shell with xargs here"),
]

SCRIPT = ROOT / "examples" / "map_task.sh"
CHEAP = ["--preset", "hierarchical-compact", "--set", "features.short_side_px=160", "--quiet"]


@pytest.fixture(scope="module")
def corner(room, tmp_path_factory):
    """Eight images of the room."""
    return write_part(room, tmp_path_factory.mktemp("scene") / "corner", 8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the script where the document has it, and ``trigpoint`` as a command."""
    (tmp_path / "examples").mkdir()
    shutil.copy(SCRIPT, tmp_path / "examples")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "trigpoint"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m trigpoint "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent) + os.pathsep + os.environ["PATH"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def documented():
    """The line of the document that begins the array with xargs, with its own options replaced by cheap ones."""
    lines = [line for block in blocks(ROOT / "docs" / "architecture.md") for line in block.code.splitlines()]
    found = [line for line in lines if "xargs" in line]
    assert len(found) == 1 and found[0].endswith("--preset direct")
    return found[0].replace("--preset direct", " ".join(CHEAP))


def run_array():
    return subprocess.run(documented(), shell=True, capture_output=True, text=True, timeout=300)


def run_task(*words):
    return subprocess.run(["sh", str(SCRIPT), *words], capture_output=True, text=True, timeout=60)


def test_an_array_makes_all_maps_it_can_and_then_those_that_were_missing(corner, folder):
    """A scene that is missing stops no other; the array begun again makes its map alone."""
    shutil.copytree(corner, folder / "a room")
    Path("maps.tsv").write_text("a room\ta room.trig\ngone\tgone.trig\n")
    first = run_array()
    assert first.returncode == 123 and "gone" in first.stderr
    assert not Path("gone.trig").exists()
    made = Path("a room.trig").stat()
    shutil.copytree(corner, folder / "gone")
    second = run_array()
    assert second.returncode == 0, second.stderr
    assert Path("a room.trig").stat().st_mtime_ns == made.st_mtime_ns
    assert Path("gone.trig").stat().st_size > 1000
    assert not list(folder.glob("*.work"))


@pytest.mark.parametrize("text", ["kitchen\n", "kitchen\t\n", "\tkitchen.trig\n", ""])
def test_a_line_that_is_no_task_is_named(tmp_path, text):
    maps = tmp_path / "maps.tsv"
    maps.write_text(text)
    answer = run_task(str(maps), "1")
    assert answer.returncode == 2 and f"{maps}, line 1: not a scene, a tab and a map file" in answer.stderr


def test_a_task_without_a_number_is_refused(tmp_path):
    assert run_task(str(tmp_path / "maps.tsv")).returncode == 2
