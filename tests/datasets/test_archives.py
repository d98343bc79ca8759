"""Archives of negatives: nothing outside the folder, no links, all or nothing."""

from __future__ import annotations

import pytest
from support.dataset_server import tar_bytes, zip_bytes

from trigpoint.core import download
from trigpoint.core.errors import DownloadError, OutputError, SceneError
from trigpoint.datasets.archive import unpack

MAKERS = {"zip": zip_bytes, "tar": tar_bytes}


def tree(folder):
    return sorted(item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file())


def packed(tmp_path, kind, files, links=()):
    archive = tmp_path / f"archive.{kind}"
    archive.write_bytes(MAKERS[kind](files, links))
    return archive


def refused(code, archive, kind, folder, error=SceneError):
    with pytest.raises(error) as caught:
        unpack(archive, kind, folder)
    assert caught.value.code == code, str(caught.value)
    assert not [item for item in folder.parent.iterdir() if item.name.startswith(".")], "something is left behind"
    return str(caught.value)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_folder_around_everything_is_dropped(tmp_path, kind):
    files = {"chess/TrainSplit.txt": b"sequence1", "chess/seq-01/a.txt": b"a", "__MACOSX/x": b"", ".DS_Store": b""}
    unpack(packed(tmp_path, kind, files), kind, tmp_path / "out" / "chess")
    assert tree(tmp_path / "out") == ["chess/TrainSplit.txt", "chess/seq-01/a.txt"]


@pytest.mark.parametrize("kind", MAKERS)
def test_folders_of_a_layout_stay(tmp_path, kind):
    files = {"Store/1F/release/mapping/sensors/sensors.txt": b"x"}
    unpack(packed(tmp_path, kind, files), kind, tmp_path / "mapping")
    assert tree(tmp_path / "mapping") == ["sensors/sensors.txt"]


def test_archives_inside_are_unpacked_where_they_are(tmp_path):
    inner = zip_bytes({"seq-01/frame-000000.pose.txt": b"1"})
    unpack(packed(tmp_path, "zip", {"chess/a.txt": b"", "chess/seq-01.zip": inner}), "zip", tmp_path / "chess")
    assert tree(tmp_path / "chess") == ["a.txt", "seq-01/frame-000000.pose.txt"]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/tmp/evil.txt", "..\\evil.txt", "C:/evil.txt"])
def test_paths_out_of_the_folder_are_refused(tmp_path, kind, name):
    archive = packed(tmp_path, kind, {"a/good.txt": b"good", name: b"evil"})
    text = refused("TP-269", archive, kind, tmp_path / "deep" / "out")
    assert "leads out" in text
    assert tree(tmp_path) == [archive.name]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "a/good.txt"])
def test_links_are_refused(tmp_path, kind, target):
    archive = packed(tmp_path, kind, {"a/good.txt": b"good"}, [("a/link", target)])
    assert "link" in refused("TP-269", archive, kind, tmp_path / "deep" / "out")


def test_an_archive_inside_is_judged_alike(tmp_path):
    inner = zip_bytes({"../../../evil.txt": b"evil"})
    archive = packed(tmp_path, "zip", {"a/seq-01.zip": inner, "a/b.txt": b""})
    refused("TP-269", archive, "zip", tmp_path / "deep" / "out")
    assert tree(tmp_path) == [archive.name]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("damage", ["cut", "other", "flipped"])
def test_damaged_archives_leave_nothing(tmp_path, kind, damage):
    content = bytes(range(256)) * 100
    data = MAKERS[kind]({"a/one.bin": content, "a/two.bin": content[::-1]})
    middle = len(data) // 3
    flipped = data[:middle] + bytes(value ^ 255 for value in data[middle : middle + 20]) + data[middle + 20 :]
    (tmp_path / "archive").write_bytes({"cut": data[: len(data) // 2], "other": b"<html>", "flipped": flipped}[damage])
    refused("TP-269", tmp_path / "archive", kind, tmp_path / "deep" / "out")


def test_more_than_the_disk_holds_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SPARE_BYTES", 1 << 60)
    refused("TP-901", packed(tmp_path, "zip", {"a.txt": b"a"}), "zip", tmp_path / "deep" / "out", DownloadError)


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "chess").mkdir()
    (tmp_path / "chess" / "mine.txt").write_text("mine")
    refused("TP-804", packed(tmp_path, "zip", {"a.txt": b"a"}), "zip", tmp_path / "chess", OutputError)
    assert tree(tmp_path / "chess") == ["mine.txt"]
