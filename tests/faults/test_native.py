"""Files that COLMAP itself reads and writes: its words become an error of ours, and others stay what they are."""

from __future__ import annotations

import pytest
from support.image_files import image_pixels

from trigpoint.core.errors import OutputError
from trigpoint.reconstruction import build


@pytest.mark.parametrize(
    "words", ["[database_sqlite.cc:529] SQLite error: disk I/O error", "No registered database factory succeeded."]
)
def test_a_full_disk_under_the_database_is_said(words, tmp_path, monkeypatch):
    monkeypatch.setattr(build._Run, "run", _fails(words))
    with pytest.raises(OutputError, match=r"TP-806 COLMAP could not read or write its files.*The same command continues"):
        build.reconstruct(_images(tmp_path), tmp_path / "scene")


def test_other_errors_are_not_blamed_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(build._Run, "run", _fails("[pose.cc:12] Check failed"))
    with pytest.raises(RuntimeError, match="Check failed"):
        build.reconstruct(_images(tmp_path), tmp_path / "scene")


def _images(folder):
    from PIL import Image

    (folder / "images").mkdir()
    Image.fromarray(image_pixels(64, 48, seed=0)).save(folder / "images" / "0.png")
    return folder / "images"


def _fails(words):
    def run(self):
        raise RuntimeError(words)

    return run
