"""Results while they are found: each line at once, whole files at the end, and errors that say where."""

from __future__ import annotations

import io
import json
import resource
import signal

import pytest
from support.fake_results import make_result

from trigpoint.core.errors import OutputError
from trigpoint.localization.answering import answers

NAMES = ["a.jpg", "b.jpg", "c.jpg"]


def test_a_line_is_there_as_soon_as_its_image_is_done(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    with answers(NAMES, path, "jsonl") as found:
        for number, name in enumerate(NAMES, 1):
            found.add(make_result(name, number))
            assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == NAMES[:number]


@pytest.mark.parametrize(("format", "name"), [("jsonl", "r.jsonl"), ("tum", "r.tum"), ("ltvl", "r.txt")])
def test_an_error_costs_no_result(format, name, tmp_path):
    with pytest.raises(ZeroDivisionError), answers(NAMES, tmp_path / name, format) as found:
        found.add(make_result("a.jpg", 1))
        raise ZeroDivisionError
    assert "a.jpg" in (tmp_path / name).read_text()


def test_an_older_file_stays_until_there_is_something_to_write(tmp_path):
    path = tmp_path / "r.tum"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), answers(NAMES, path, "tum"):
        raise ZeroDivisionError
    assert path.read_text() == "old"


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of file sizes")
def test_a_full_disk_is_an_error_with_the_lines_before_kept(tmp_path):
    path = tmp_path / "r.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(OutputError, match=r"TP-801.*r\.jsonl.*lines before"), answers(NAMES, path, "jsonl") as found:
        found.add(make_result("a.jpg", 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
        try:
            found.add(make_result("b.jpg", 2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert json.loads(path.read_text().splitlines()[0])["name"] == "a.jpg"


def test_results_on_a_standard_output_that_is_full(monkeypatch):
    full = io.TextIOWrapper(io.FileIO("/dev/full", "w"), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", full)
    with pytest.raises(OutputError, match=r"TP-801.*\[standard output\]"), answers(NAMES, None, "jsonl") as found:
        found.add(make_result("a.jpg", 1))
    full.detach().close()
