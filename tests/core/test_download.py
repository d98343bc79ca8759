"""Fetching one file: continued, verified, refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections import namedtuple

import numpy as np
import pytest
from support.dataset_server import FileServer

from trigpoint.core import download
from trigpoint.core.download import fetch, require_room
from trigpoint.core.errors import DownloadError, OutputError

DATA = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server():
    server = FileServer()
    server.files["/a.bin"] = DATA
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(download, "CHUNK_BYTES", 10_000)


def refused(code, url, target, kind=DownloadError, **options):
    with pytest.raises(kind) as caught:
        fetch(url, target, **options)
    assert caught.value.code == code, str(caught.value)
    assert not target.exists()
    return str(caught.value)


def leave_part(folder, count, url, version='"v1"'):
    """What an interrupted fetch leaves."""
    (folder / "a.bin.part").write_bytes(DATA[:count])
    (folder / "a.bin.part.json").write_text(json.dumps({"url": url, "version": version, "total": len(DATA)}))


def names(folder):
    return sorted(item.name for item in folder.iterdir())


def test_a_file_is_fetched_whole_and_leaves_nothing_else(server, tmp_path):
    fetch(server.url("/a.bin"), tmp_path / "new" / "a.bin", sha256=SHA256, size_bytes=len(DATA))
    assert (tmp_path / "new" / "a.bin").read_bytes() == DATA
    assert names(tmp_path / "new") == ["a.bin"]
    assert server.requests == [("/a.bin", None)]


def test_a_connection_that_ends_early_is_continued(server, tmp_path):
    server.cut_after["/a.bin"] = 123_456
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert [wanted for _, wanted in server.requests] == [None, "bytes=123456-"]


def test_an_interrupted_fetch_is_continued_by_the_next(server, tmp_path):
    leave_part(tmp_path, 200_000, server.url("/a.bin"))
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert server.requests == [("/a.bin", "bytes=200000-")]
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert names(tmp_path) == ["a.bin"]


def test_a_fetch_that_had_all_bytes_ends(server, tmp_path):
    leave_part(tmp_path, len(DATA), server.url("/a.bin"))
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert (tmp_path / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize("version", ['"v0"', None])
def test_another_version_on_the_server_is_fetched_from_the_start(server, tmp_path, version):
    """Also where the version of the part is not known: bytes of two files are never mixed."""
    leave_part(tmp_path, 200_000, server.url("/a.bin"), version)
    (tmp_path / "a.bin.part").write_bytes(b"x" * 200_000)
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_longer_than_the_file_is_fetched_again(server, tmp_path):
    leave_part(tmp_path, 200_000, server.url("/a.bin"))
    (tmp_path / "a.bin.part").write_bytes(DATA + b"more")
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.ranges = False
    leave_part(tmp_path, 200_000, server.url("/a.bin"))
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_what_arrived_is_kept_when_the_connection_fails(server, tmp_path):
    """The server closes at the same byte again and again."""
    server.ranges = False

    class Always(dict):
        def pop(self, path, default=None):
            return 50_000

    server.cut_after = Always()
    text = refused("TP-902", server.url("/a.bin"), tmp_path / "a.bin")
    assert "what has arrived is kept" in text
    assert (tmp_path / "a.bin.part").read_bytes() == DATA[:50_000]


@pytest.mark.parametrize(
    "options", [{"sha256": "0" * 64}, {"size_bytes": len(DATA) - 1}, {"size_bytes": 10, "sha256": SHA256}]
)
def test_another_file_than_the_published_is_deleted(server, tmp_path, options):
    text = refused("TP-903", server.url("/a.bin"), tmp_path / "a.bin", **options)
    assert "SHA-256" in text or "bytes" in text
    assert names(tmp_path) == []


def test_a_page_that_is_gone(server, tmp_path):
    assert "HTTP 404" in refused("TP-902", server.url("/b.bin"), tmp_path / "b.bin")
    assert len(server.requests) == 1


def test_no_connection(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused("TP-902", f"http://127.0.0.1:{port}/a.bin", tmp_path / "a.bin")
    assert names(tmp_path) == []


def disk_with(monkeypatch, free_bytes):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 50, 0, free_bytes))


@pytest.mark.parametrize(("factor", "code"), [(0.0, None), (1.3, "TP-901")])
def test_room_on_the_disk_is_checked_before_the_first_byte(server, tmp_path, monkeypatch, factor, code):
    disk_with(monkeypatch, download.SPARE_BYTES + len(DATA))
    if code is None:
        fetch(server.url("/a.bin"), tmp_path / "a.bin", unpacked_factor=factor)
        return
    refused(code, server.url("/a.bin"), tmp_path / "a.bin", unpacked_factor=factor)
    assert not (tmp_path / "a.bin.part").exists()


def test_room_counts_only_what_is_missing(server, tmp_path, monkeypatch):
    disk_with(monkeypatch, download.SPARE_BYTES + 100_001)
    leave_part(tmp_path, 200_000, server.url("/a.bin"))
    fetch(server.url("/a.bin"), tmp_path / "a.bin", sha256=SHA256)


def test_room_is_that_of_the_nearest_folder_that_exists(tmp_path):
    require_room(tmp_path / "not" / "yet", 1)
    with pytest.raises(DownloadError, match="TP-901"):
        require_room(tmp_path / "not" / "yet", 1 << 60)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    refused("TP-801", server.url("/a.bin"), tmp_path / "file" / "x" / "a.bin", OutputError)
