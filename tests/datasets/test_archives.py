"""Archives of negatives: nothing outside the folder, no links, all or nothing."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
from support.dataset_server import tar_bytes, zip_bytes

from trigpoint.core import download
from trigpoint.core.errors import DownloadError, OutputError, SceneError, TrigpointError
from trigpoint.datasets import archive as archive_module
from trigpoint.datasets.archive import unpack

MAKERS = {"zip": zip_bytes, "tar": tar_bytes}


def tree(folder):
    return sorted(item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file())


def packed(tmp_path, kind, files, links=()):
    archive = tmp_path / f"archive.{kind}"
    archive.write_bytes(MAKERS[kind](files, links))
    return archive


def refused(code, archive, kind, folder, error: type[TrigpointError] = SceneError):
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


LONG = {
    "a name of 5,000 characters": "a" * 5000,
    "a path of 5,000 characters": "/".join(["abcd"] * 1000),
    "a name of 300 bytes": "é" * 150,
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("case", LONG)
def test_names_that_no_file_can_have_are_refused(tmp_path, kind, case):
    archive = packed(tmp_path, kind, {"a/good.txt": b"good", LONG[case]: b"long"})
    assert len(refused("TP-269", archive, kind, tmp_path / "out")) < 400


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_where_a_folder_is_needed_is_refused(tmp_path, kind):
    refused("TP-269", packed(tmp_path, kind, {"a": b"file", "a/b": b"file in it"}), kind, tmp_path / "out")


def tar_of(tmp_path, *members, compress=False):
    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w:gz" if compress else "w", format=tarfile.PAX_FORMAT) as target:
        for member, content in members:
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    return archive


@pytest.mark.parametrize("time", ["1e300", "-1e300", "99999999999999999999", "inf", "nan", "x"])
def test_times_are_not_kept_and_cannot_be_absurd(tmp_path, time):
    member = tarfile.TarInfo("a.txt")
    member.pax_headers = {"mtime": time}
    unpack(tar_of(tmp_path, (member, b"a")), "tar", tmp_path / "out")
    assert tree(tmp_path / "out") == ["a.txt"]


def test_rights_are_not_kept(tmp_path):
    folder = tarfile.TarInfo("deep/in")
    folder.type, folder.mode = tarfile.DIRTYPE, 0
    unpack(tar_of(tmp_path, (folder, b""), (tarfile.TarInfo("deep/in/a.txt"), b"a")), "tar", tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("size", ["9" * 20, "9" * 5000, "-1", "x"])
def test_sizes_are_numbers(tmp_path, size):
    member = tarfile.TarInfo("a.txt")
    member.pax_headers = {"size": size}
    refused("TP-269", tar_of(tmp_path, (member, b"a")), "tar", tmp_path / "out")


def test_a_damaged_header_is_not_the_end(tmp_path):
    archive = tar_of(tmp_path, *((tarfile.TarInfo(f"{index}.txt"), b"content") for index in range(3)))
    data = bytearray(archive.read_bytes())
    data[1024 + 100] ^= 1
    archive.write_bytes(data)
    refused("TP-269", archive, "tar", tmp_path / "out")


def test_headers_of_megabytes_are_refused(tmp_path):
    member = tarfile.TarInfo("a.txt")
    member.pax_headers = {"comment": "x" * (2 << 20)}
    assert "header" in refused("TP-269", tar_of(tmp_path, (member, b"a"), compress=True), "tar", tmp_path / "out")


def test_archives_in_archives_inside_are_refused(tmp_path):
    deep = zip_bytes({"b/deep.zip": zip_bytes({"x.txt": b"x"})})
    archive = packed(tmp_path, "zip", {"a/seq-01.zip": deep, "a/b.txt": b""})
    assert "inside another" in refused("TP-269", archive, "zip", tmp_path / "out")


def test_what_an_archive_inside_holds_may_not_lie_where_files_are(tmp_path):
    archive = packed(tmp_path, "zip", {"a/seq-01.zip": zip_bytes({"b.txt/c.txt": b"c"}), "a/b.txt": b""})
    refused("TP-269", archive, "zip", tmp_path / "out")


def test_a_folder_may_be_called_like_an_archive(tmp_path):
    unpack(packed(tmp_path, "zip", {"a/seq.zip/b.txt": b"b", "a/c.txt": b"c"}), "zip", tmp_path / "out")
    assert tree(tmp_path / "out") == ["c.txt", "seq.zip/b.txt"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_would_fill_the_disk_is_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(archive_module, "_RATIO_FROM_BYTES", 1 << 20)
    content = {"a.bin": bytes(8 << 20), "b.txt": b"b"}
    if kind == "zip":
        archive = packed(tmp_path, "zip", {})
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for name, data in content.items():
                target.writestr(name, data)
    else:
        archive = tar_of(tmp_path, *((tarfile.TarInfo(name), data) for name, data in content.items()), compress=True)
    assert "come out of" in refused("TP-269", archive, kind, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_the_number_of_files_is_bounded(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(archive_module, "MAX_MEMBERS", 10)
    archive = packed(tmp_path, kind, {f"{index}.txt": b"" for index in range(11)})
    assert "files" in refused("TP-269", archive, kind, tmp_path / "out")


def test_a_list_of_files_larger_than_memory_is_refused(tmp_path):
    data = zip_bytes({"a.txt": b"a"})
    at = data.rindex(b"PK\5\6") + 12
    (tmp_path / "archive.zip").write_bytes(data[:at] + (1 << 30).to_bytes(4, "little") + data[at + 4 :])
    assert "list of files" in refused("TP-269", tmp_path / "archive.zip", "zip", tmp_path / "out")
