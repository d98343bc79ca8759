"""Data sets from a server on loopback into a layout that is read, and the verb."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from support.dataset_server import FileServer, zip_bytes
from support.scene_files import poses, write_sevenscenes

from trigpoint.cli import run
from trigpoint.core.errors import DownloadError, SceneError
from trigpoint.datasets import entries
from trigpoint.datasets.entries import DataSet, Licence, RemoteFile, catalogue, find_data_set
from trigpoint.datasets.install import RECORD, install, present_scenes
from trigpoint.formats.joint import read_joint
from trigpoint.formats.readers import READERS, open_scene


def sevenscenes_zip(folder):
    """As published: the sequences are zip files inside the zip file."""
    write_sevenscenes(folder)
    files = {}
    for sequence in sorted(folder.glob("seq-*")):
        inner = {f"{sequence.name}/{file.name}": file.read_bytes() for file in sorted(sequence.iterdir())}
        files[f"{folder.name}/{sequence.name}.zip"] = zip_bytes(inner)
    for name in ("TrainSplit.txt", "TestSplit.txt"):
        files[f"{folder.name}/{name}"] = (folder / name).read_bytes()
    return zip_bytes(files)


def pgt_text(sequence):
    lines = []
    for index, pose in enumerate(poses()):
        if 1 + index // 4 == sequence:
            numbers = (*pose.quaternion_wxyz(), *(pose.translation + 0.25), 525.5)
            lines.append(f"seq-{sequence:02d}/frame-{index % 4:06d}.color.png " + " ".join(map(repr, map(float, numbers))))
    return "\n".join(lines).encode()


@pytest.fixture
def server(tmp_path):
    server = FileServer()
    server.files["/chess.zip"] = sevenscenes_zip(tmp_path / "made" / "chess")
    server.files["/train.txt"], server.files["/test.txt"] = pgt_text(1), pgt_text(2)
    yield server
    server.stop()


@pytest.fixture
def tiny(server, monkeypatch):
    """A data set of one scene, served on loopback, as the whole catalogue."""
    digest = hashlib.sha256(server.files["/chess.zip"]).hexdigest()
    files = (
        RemoteFile("chess", server.url("/train.txt"), PurePosixPath("chess/pgt/chess_train.txt")),
        RemoteFile("chess", server.url("/test.txt"), PurePosixPath("chess/pgt/chess_test.txt")),
        RemoteFile("chess", server.url("/chess.zip"), PurePosixPath("chess"), "zip", digest),
    )
    licence = Licence("for tests only", True)
    tiny = DataSet("tiny", "Tiny", "one room", "http://page", licence, "sevenscenes", "", files, "map DIR")
    monkeypatch.setattr(entries, "catalogue", lambda: {"tiny": tiny})
    return tiny


def test_a_data_set_is_fetched_unpacked_and_read(server, tiny, tmp_path):
    out = tmp_path / "out"
    assert len(install(tiny, out, licence_accepted=True)) == 3
    scene = open_scene(out / "chess")
    assert scene.format == "sevenscenes"
    assert [frame.split for frame in scene.frames] == ["train"] * 4 + ["test"] * 4
    # The pseudo ground truth, which was fetched with it, is used.
    assert scene.frames[0].camera.params[0] == 525.5
    for frame, pose in zip(scene.frames, poses(), strict=True):
        assert frame.pose().translation == pytest.approx(pose.translation + 0.25)
    assert sorted(item.name for item in out.iterdir()) == [RECORD, "chess"]
    record = json.loads((out / RECORD).read_text())
    assert record["files"]["chess"]["sha256"] == tiny.files[2].sha256
    # Nothing is fetched twice.
    count = len(server.requests)
    assert install(tiny, out, licence_accepted=True) == []
    assert len(server.requests) == count
    assert present_scenes(tiny, out) == ["chess"]


def test_an_installation_that_stopped_is_continued(server, tiny, tmp_path):
    text = server.files.pop("/test.txt")
    with pytest.raises(DownloadError, match="TP-902"):
        install(tiny, tmp_path / "out", licence_accepted=True)
    assert present_scenes(tiny, tmp_path / "out") == []
    server.files["/test.txt"] = text
    assert [file.url.rpartition("/")[2] for file in install(tiny, tmp_path / "out", licence_accepted=True)] == ["test.txt"]
    assert present_scenes(tiny, tmp_path / "out") == ["chess"]


def test_a_wrong_archive_is_not_unpacked(server, tiny, tmp_path):
    server.files["/chess.zip"] += b"\0"
    with pytest.raises(DownloadError, match="TP-903"):
        install(tiny, tmp_path / "out", licence_accepted=True)
    assert not (tmp_path / "out" / "chess").exists()


def test_an_unsafe_archive_leaves_nothing_outside(server, tiny, tmp_path):
    server.files["/chess.zip"] = zip_bytes({"../../evil.txt": b"evil"})
    files = tuple(replace(file, sha256="") for file in tiny.files)
    with pytest.raises(SceneError, match="TP-269"):
        install(replace(tiny, files=files), tmp_path / "out", licence_accepted=True)
    assert not list(tmp_path.rglob("evil.txt"))


def test_nothing_is_fetched_before_the_licence_is_accepted(server, tiny, tmp_path, capsys):
    assert run(["datasets", "get", "tiny", "-o", str(tmp_path / "out")]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "TP-265" in text and "for tests only" in text and "http://page" in text and "--accept-licence" in text
    assert server.requests == []
    assert not (tmp_path / "out").exists()


def test_the_verb_fetches_and_lists(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [
        "datasets",
        "get",
        "tiny",
        "-o",
        str(out),
        "--accept-licence",
        "--quiet",
        "--json",
        str(tmp_path / "j.json"),
    ]
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    assert "3 files fetched" in printed and f"map {out / 'tiny'}" in printed
    assert json.loads((tmp_path / "j.json").read_text())["present"] == ["chess"]
    assert run(["datasets", "list", "-o", str(out)]) == 0
    assert "1 of 1 scenes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["get", "7scnes"], ["list", "nothing"], ["get"], ["get", "7scenes", "--scenes", "chss", "--accept-licence"]],
)
def test_unknown_names(arguments, capsys):
    assert run(["datasets", *arguments]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "TP-263" in text and "Known:" in text
    assert "7scnes" not in text or "Did you mean '7scenes'?" in text


def test_rooms_that_are_missing_are_named(capsys, tmp_path):
    (tmp_path / "7scenes" / "chess").mkdir(parents=True)
    assert run(["datasets", "get", "i7", "-o", str(tmp_path)]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert "TP-830" in printed and "6 of its 7 rooms" in printed and "datasets get 7scenes" in printed
    assert [item.name for item in tmp_path.iterdir()] == ["7scenes"]


@pytest.mark.parametrize(("name", "count"), [("i7", 7), ("i12", 12), ("i19", 19)])
def test_rooms_are_put_together(name, count, capsys, tmp_path):
    rooms = catalogue()[name].rooms
    for room in rooms:
        (tmp_path / room).mkdir(parents=True)
    assert run(["datasets", "get", name, "-o", str(tmp_path)]) == 0
    assert f"trigpoint map {tmp_path / name}.joint.json" in capsys.readouterr().out
    scenes, spacing = read_joint(tmp_path / f"{name}.joint.json")
    assert spacing == 5 and len(scenes) == len({scene.name for scene in scenes}) == count
    assert [scene.path for scene in scenes] == [tmp_path / room for room in rooms]
    assert rooms == tuple(sorted(rooms, key=lambda room: (not room.startswith("12scenes"), room)))


def test_the_catalogue_is_complete_and_safe(tmp_path, capsys):
    sets = catalogue()
    assert {"7scenes", "12scenes", "cambridge", "wayspots", "aachen", "hyundai", "i7", "i12", "i19"} <= set(sets)
    targets = set()
    for name, entry in sets.items():
        assert entry.format in READERS and entry.licence and entry.page.startswith("http") and name == entry.name
        for file in entry.files:
            assert file.url.startswith("http") and file.unpack in ("", "zip", "tar")
            assert file.sha256 == "" or len(bytes.fromhex(file.sha256)) == 32
            assert not file.to.is_absolute() and ".." not in file.to.parts
            targets.add((name, file.to))
    assert len(targets) == sum(len(entry.files) for entry in sets.values())
    assert len(find_data_set("12scenes").files_of(["apt1"])) == 5
    assert run(["datasets"]) == 0
    printed = capsys.readouterr().out
    assert all(entry.title in printed for entry in sets.values())


def test_single_files_come_after_archives_and_survive_a_new_one(server, tiny, tmp_path):
    """The folder of a scene that was deleted but for its pose files takes a new archive."""
    out = tmp_path / "out"
    install(replace(tiny, files=tiny.files[:2]), out, licence_accepted=True)
    install(tiny, out, licence_accepted=True)
    assert sorted(item.name for item in Path(out / "chess" / "pgt").iterdir()) == ["chess_test.txt", "chess_train.txt"]
    assert len(open_scene(out / "chess").frames) == 8
