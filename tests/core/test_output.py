"""Outputs that cannot be written are refused without a trace, and devices and pipes are never replaced."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trigpoint.core.artifact import encode_artifact, write_bytes, write_text
from trigpoint.core.errors import OutputError
from trigpoint.core.job import JobControl, open_job
from trigpoint.core.output import Planned, check_outputs, is_stream

FILES = ["text", "json", "lines", "tensors"]
FOLDERS = ["folder", "new folder"]
KINDS = [*FILES, *FOLDERS]


def names(folder):
    """What is in a folder."""
    return sorted(item.name for item in folder.iterdir())


def refusal(path, kind, inputs=()):
    """The code with which an output is refused; None if it is not."""
    try:
        check_outputs([Planned(path, kind)], inputs)
    except OutputError as error:
        return error.code
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_can_be_written_is_left_as_it_is(kind, tmp_path):
    assert refusal(tmp_path / "new" / "folder" / "out", kind) is None
    assert refusal(tmp_path / "out", kind) is None
    assert refusal(None, kind) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_below_a_file(kind, tmp_path):
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "out", kind) == "TP-801"
    assert refusal(tmp_path / ("n" * 300), kind) == "TP-801"


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(kind, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert refusal(tmp_path / "new" / "out", kind) == "TP-801"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_file_and_the_reverse(tmp_path):
    (tmp_path / "file").write_text("{}")
    (tmp_path / "folder").mkdir()
    assert {refusal(tmp_path / "folder", kind) for kind in FILES} == {"TP-804"}
    assert {refusal(tmp_path / "file", kind) for kind in FOLDERS} == {"TP-824"}
    assert {refusal(tmp_path / "folder", kind) for kind in FOLDERS} == {None}
    (tmp_path / "folder" / "mine").touch()
    assert (refusal(tmp_path / "folder", "folder"), refusal(tmp_path / "folder", "new folder")) == (None, "TP-824")
    assert names(tmp_path / "folder") == ["mine"]


def test_files_of_something_else_are_not_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xff\xd8 a photo")
    assert [refusal(path, kind) for kind in FILES] == [None, "TP-804", None, "TP-804"]
    path.write_text('{"old": 1}')
    assert [refusal(path, kind) for kind in ("json", "tensors")] == [None, "TP-804"]
    path.write_bytes(encode_artifact({}, {}))
    assert [refusal(path, kind) for kind in ("json", "tensors")] == ["TP-804", None]
    path.write_bytes(b"")
    assert {refusal(path, kind) for kind in FILES} == {None}


def test_inputs_and_one_path_twice(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("{}")
    link.symlink_to(path)
    assert refusal(link, "json", inputs=[path]) == "TP-804"
    with pytest.raises(OutputError, match="TP-804 two outputs"):
        check_outputs([Planned(path, "text"), Planned(link, "json")])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero"])
def test_devices_are_refused(device, kind):
    before = Path(device).stat().st_rdev
    assert refusal(Path(device), kind) == "TP-804"
    assert Path(device).stat().st_rdev == before and Path(device).is_char_device()


def test_sockets_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert {refusal(tmp_path / "s", kind) for kind in KINDS} == {"TP-804"}


def test_a_job_never_replaces_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(OutputError, match="TP-804"),
        open_job(tmp_path / "pipe", JobControl(), OutputError("TP-801", "busy")),
    ):
        pytest.fail("the job began")
    assert names(tmp_path) == ["pipe"]


def test_pipes_are_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert [refusal(pipe, kind) for kind in KINDS] == [None, None, None, "TP-804", "TP-804", "TP-804"]
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"results")
    reader.join(60)
    assert found == [b"results"] and is_stream(pipe) and names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("target", ["pipe", "file"])
def test_standard_output_is_written_to(place, target, tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    script = (
        "import sys; from pathlib import Path; from trigpoint.core.artifact import write_text\n"
        "print('before'); write_text(Path(sys.argv[1]), 'between\\n'); print('after')"
    )
    with (tmp_path / "printed").open("w+b") as printed:
        done = subprocess.run(
            [sys.executable, "-c", script, place],
            stdout=printed if target == "file" else subprocess.PIPE,
            cwd=tmp_path,
            timeout=300,
        )
        printed.seek(0)
        text = printed.read() if target == "file" else done.stdout
    assert (done.returncode, text) == (0, b"before\nbetween\nafter\n")
    assert (tmp_path / "link").is_symlink()


def test_links_to_files_stay_links(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "file").read_text() == "text"
