"""The demo, small: from nothing to a report."""

import contextlib
import io
import json
from pathlib import Path

import pytest
from support.tiny_scene import settings

from trigpoint.cli import run


@pytest.fixture(scope="module")
def demo(tmp_path_factory, one_thread):
    """Output folder of the demo, in place of an earlier one that was stopped; and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    json_file = folder.parent / "copy.json"
    size = ["--images", "6", "--queries", "3", "--width", "240"]
    cheap = settings(("features.short_side_px=180", "triangulation.min_images=2"))
    (folder / "left over").mkdir(parents=True)
    (folder / "trigpoint-demo.json").write_text("{}")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = run(["demo", "-o", str(folder), *size, *cheap, "--quiet", "--json", str(json_file)])
    assert code == 0
    return folder, printed.getvalue()


def test_files(demo):
    folder, _ = demo
    assert sorted(path.name for path in folder.iterdir()) == ["report", "room", "room.trig", "street", "trigpoint-demo.json"]
    assert "A synthetic room" in (folder / "report" / "report.html").read_text()


def test_numbers(demo):
    folder, printed = demo
    document = json.loads((folder / "trigpoint-demo.json").read_text())
    assert json.loads((folder.parent / "copy.json").read_text()) == document
    assert [document[part]["images"] for part in ("evaluation", "day", "night", "negatives")] == [5, 3, 2, 3]
    assert 0 <= document["negatives"]["false_accepts"] <= 3
    assert document["map_bytes"] == (folder / "room.trig").stat().st_size
    assert Path(document["report"]) == folder / "report" / "report.html"
    assert printed.splitlines()[-1] == document["report"]
    assert "not in the map" in printed
