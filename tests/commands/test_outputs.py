"""Every output of every verb is checked before the work: options are found by looking, so that none can be forgotten."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest
from support.privileges import permissions_count
from support.verb_options import VERB_ARGUMENTS, path_options

from trigpoint.cli import run
from trigpoint.commands import VERBS, load_verb
from trigpoint.commands.options import OutputOptions

# Options with paths that are read.
INPUTS = {("export", "--scene"), ("view", "--scene"), ("view", "--queries"), *((verb, "--images") for verb in VERBS)}
# What the others write: the least to call the verb with, the option, a name for the output, and what it is.
OUTPUTS = [
    *((verb, words, "--json", "document.json", "file") for verb, words in VERB_ARGUMENTS.items() if verb != "view"),
    ("demo", [], "--output", "out", "folder"),
    ("reconstruct", ["images"], "--output", "out", "folder"),
    ("map", ["scene"], "--output", "out.trig", "file"),
    ("localize", ["map.trig", "image.jpg"], "--output", "out.jsonl", "file"),
    ("localize", ["map.trig", "image.jpg"], "--output", "out.tum", "file"),
    ("localize", ["map.trig", "image.jpg", "--to", "ltvl"], "--output", "out.txt", "file"),
    ("localize", ["map.trig", "image.jpg", "--to", "colmap"], "--output", "out", "folder"),
    ("evaluate", ["map.trig", "scene"], "--report", "out", "folder"),
    ("evaluate", ["map.trig", "scene"], "--submission", "out.txt", "file"),
    ("compare", ["scene"], "--output", "out", "folder"),
    *(("export", ["scene", "--to", to], "--output", "out", "folder") for to in ("colmap", "nerfstudio", "tum")),
    *(("export", ["scene", "--to", to], "--output", "out.txt", "file") for to in ("ltvl", "json")),
    *(("export", ["r.jsonl", "--to", to], "--output", "out", "folder") for to in ("colmap", "nerfstudio")),
    *(("export", ["r.jsonl", "--to", to], "--output", "out.json", "file") for to in ("nerfstudio", "tum", "ltvl", "json")),
    ("export", ["m.trig", "--scene", "scene", "--to", "ply"], "--output", "out.ply", "file"),
    ("export", ["m.trig", "--scene", "scene", "--to", "ply", "-o", "x"], "--picture", "out.png", "file"),
    ("retrieval", ["train", "scene"], "--output", "out.aggregator", "file"),
    ("retrieval", ["evaluate", "scene"], "--cache", "out", "folder"),
    ("datasets", ["get", "liberty48"], "--output", "out", "folder"),
]
IDS = [" ".join([verb, *words, option]) for verb, words, option, _, _ in OUTPUTS]


def test_no_output_is_forgotten():
    found = {(verb, option) for verb in VERBS for option in path_options(load_verb(verb))}
    assert {(verb, option) for verb, _, option, _, _ in OUTPUTS} | (INPUTS & found) == found


def names(folder):
    """What is in a folder."""
    return sorted(item.name for item in folder.iterdir())


class _WorkBegan(Exception):
    """The outputs were found to be sound."""


@pytest.fixture(autouse=True)
def no_work(monkeypatch, tmp_path):
    """Stop where the outputs are checked, and let nothing be read before."""
    check = OutputOptions.begin

    def begin(self, *outputs, inputs=()):
        check(self, *outputs, inputs=inputs)
        raise _WorkBegan

    def fail(*_, **__):
        pytest.fail("the work began before the outputs were checked")

    monkeypatch.setattr(OutputOptions, "begin", begin)
    for worker in ("formats.readers.open_scene", "localization.localizer.Localizer.load", "mapping.scene_map.load_map"):
        monkeypatch.setattr(f"trigpoint.{worker}", fail)
    monkeypatch.chdir(tmp_path)


def refused(case, output, capsys, shown=None):
    """The code with which an output is refused; the message names it, or what is ``shown``."""
    verb, words, option, _, _ = case
    assert run([verb, *words, option, str(output), *_others(verb, words, option)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = (line for line in printed.err.splitlines() if line.startswith("error "))
    assert (shown or str(output)) in line
    return line.split()[1]


def _others(verb, words, option):
    """What the verb demands beside the option."""
    needed = VERB_ARGUMENTS[verb]
    wants_output = "-o" in needed and "-o" not in words and option != "--output"
    return ["-o", needed[needed.index("-o") + 1]] if wants_output else []


@pytest.mark.parametrize("case", OUTPUTS, ids=IDS)
def test_outputs_that_can_be_written(case, tmp_path):
    verb, words, option, name, _ = case
    for output in (tmp_path / name, tmp_path / "new" / "folder" / name):
        with pytest.raises(_WorkBegan):
            run([verb, *words, option, str(output), *_others(verb, words, option)])
    assert names(tmp_path) == []


@pytest.mark.parametrize("case", OUTPUTS, ids=IDS)
def test_outputs_that_cannot_be_written(case, tmp_path, capsys):
    *_, name, kind = case
    (tmp_path / "file").write_text("{}")
    assert refused(case, tmp_path / "file" / name, capsys) == "TP-801"
    output = tmp_path / name
    output.mkdir() if kind == "file" else output.touch()
    assert refused(case, output, capsys) == ("TP-804" if kind == "file" else "TP-824")
    output.rmdir() if kind == "file" else output.unlink()
    output.symlink_to("/dev/full")
    assert refused(case, output, capsys) == "TP-804"
    output.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        assert refused(case, output, capsys) == "TP-804"
    output.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        # Where there are several outputs, the first is named.
        assert refused(case, output, capsys, shown="File too large") == "TP-801"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("case", OUTPUTS, ids=IDS)
def test_folders_that_may_not_be_written(case, tmp_path, capsys):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with permissions_count():
        assert refused(case, closed / case[3], capsys) == "TP-801"
        closed.chmod(0)
        assert refused(case, closed / case[3], capsys) == "TP-801"


def test_inputs_are_not_overwritten(tmp_path, capsys):
    for name in ("map.trig", "image.jpg"):
        Path(name).write_text("{}")
        assert run(["localize", "map.trig", "image.jpg", "--json", name]) == 2
        assert "TP-804 this is an input" in capsys.readouterr().err
    assert run(["localize", "map.trig", "image.jpg", "-o", "a.jsonl", "--json", "a.jsonl"]) == 2
    assert "TP-804 two outputs" in capsys.readouterr().err
