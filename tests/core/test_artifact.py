"""The artifact writer: whole files or none, equal bytes for equal content, and no damaged file is read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save

from trigpoint.core.artifact import (
    encode_artifact,
    read_artifact,
    sha256_of,
    typed,
    write_artifact,
    write_bytes,
    write_json,
    write_text,
)
from trigpoint.core.errors import MapFileError, OutputError

TENSORS = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.array([1, -2], dtype=np.int32)}
METADATA = {"format": "test", "scale": 1.25, "list": [1, None, True, "ä"], "nested": {"x": -0.5}}


def names(folder):
    return sorted(item.name for item in folder.iterdir())


def test_an_artifact_comes_back(tmp_path):
    path = tmp_path / "new" / "folder" / "file.trig"
    write_artifact(path, TENSORS, METADATA)
    found = read_artifact(path)
    assert found.metadata == METADATA
    assert found.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(found.tensors[name], array)
    assert found.sha256 == sha256_of(path)
    assert found.header_bytes + sum(array.nbytes for array in TENSORS.values()) == path.stat().st_size
    assert names(path.parent) == ["file.trig"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(min_size=1).filter(lambda key: key != "sha256"), json_values, max_size=4),
    arrays(np.float16, array_shapes(max_dims=3, max_side=4), elements=st.floats(-10, 10, width=16)),
)
def test_any_json_metadata_comes_back(tmp_path_factory, metadata, array):
    path = tmp_path_factory.mktemp("artifact") / "file"
    write_artifact(path, {"x": array}, metadata)
    found = read_artifact(path)
    assert found.metadata == metadata
    np.testing.assert_array_equal(found.tensors["x"], array)


def test_equal_content_has_equal_bytes():
    other_order = {key: TENSORS[key] for key in reversed(TENSORS)}
    other_keys = {key: METADATA[key] for key in reversed(METADATA)}
    strided = {**TENSORS, "a": np.asfortranarray(TENSORS["a"])}
    assert (
        encode_artifact(TENSORS, METADATA) == encode_artifact(other_order, other_keys) == encode_artifact(strided, METADATA)
    )
    assert encode_artifact(TENSORS, METADATA) != encode_artifact(TENSORS, {**METADATA, "scale": 1.26})


def test_not_a_number_is_refused_in_metadata():
    with pytest.raises(ValueError):
        encode_artifact(TENSORS, {"x": float("nan")})


ENCODED = encode_artifact(TENSORS, METADATA)


def test_files_cut_short_are_refused(tmp_path):
    path = tmp_path / "cut"
    for length in range(0, len(ENCODED), len(ENCODED) // 40):
        path.write_bytes(ENCODED[:length])
        with pytest.raises(MapFileError, match=r"TP-40[23]") as caught:
            read_artifact(path)
        assert caught.value.fix and caught.value.where == str(path)


def test_every_flipped_bit_is_noticed(tmp_path):
    """Header and metadata included: a changed scale is as wrong as a changed weight."""
    path = tmp_path / "flipped"
    for position in range(len(ENCODED)):
        damaged = bytearray(ENCODED)
        damaged[position] ^= 1 << (position * 5 % 8)
        path.write_bytes(damaged)
        with pytest.raises(MapFileError, match=r"TP-40[23]"):
            read_artifact(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff" * 100,
        b"<html></html>" * 10,
        b"\x02" + bytes(7) + b"{}",
        json.dumps(METADATA).encode(),
        ENCODED * 2,
    ],
    ids=["empty", "one byte", "huge header", "web page", "no metadata", "JSON", "twice"],
)
def test_other_files_are_refused(data, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(MapFileError, match=r"TP-40[23]"):
        read_artifact(path)


def test_safetensors_of_other_programs_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"trigpoint": "[]"}, {"trigpoint": "1"}, {"trigpoint": "{"}, {"trigpoint": '{"sha256": 3}'}):
        path.write_bytes(save(TENSORS, metadata=metadata))
        with pytest.raises(MapFileError, match=r"TP-40[23]"):
            read_artifact(path)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MapFileError, match="TP-401"):
            read_artifact(path)


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(stage, tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if stage == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OutputError, match=r"TP-801.*No space left"):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def interrupt(number):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["file"]


def test_impossible_scenes(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("n" * 300)):
        with pytest.raises(OutputError, match="TP-801") as caught:
            write_bytes(path, b"y")
        assert caught.value.where == str(path)
    assert names(tmp_path) == ["file", "folder"]


def test_text_and_json(tmp_path):
    write_text(tmp_path / "text", "Grüße\n")
    assert (tmp_path / "text").read_bytes() == "Grüße\n".encode()
    write_json(tmp_path / "json", METADATA)
    assert json.loads((tmp_path / "json").read_text()) == METADATA
    with pytest.raises(ValueError):
        write_json(tmp_path / "json", float("inf"))
    assert json.loads((tmp_path / "json").read_text()) == METADATA
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_killed_writer_left_is_removed(tmp_path, monkeypatch):
    """Only of processes that have ended, and of this machine."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr("trigpoint.core.artifact.platform.node", lambda: "here[1]")
    names_left = [
        f".map.trig.here[1]-{ended.pid}.tmp",
        f".other.here[1]-{os.getppid()}.tmp",
        f".map.trig.there-{ended.pid}.tmp",
    ]
    for name in [*names_left, "notes.tmp"]:
        (tmp_path / name).write_bytes(b"half")
    write_text(tmp_path / "map.trig", "whole")
    assert names(tmp_path) == sorted([*names_left[1:], "map.trig", "notes.tmp"])


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_devices_are_no_files(path):
    with pytest.raises(MapFileError, match=r"TP-401.*not a regular file"):
        read_artifact(Path(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MapFileError, match=r"TP-401.*not a regular file"):
        read_artifact(tmp_path / "pipe")


def test_a_header_that_would_take_gigabytes_is_not_read(tmp_path):
    (tmp_path / "file").write_bytes(encode_artifact({}, {"lists": "[]" * (5 << 20)}))
    with pytest.raises(MapFileError, match="TP-402"):
        read_artifact(tmp_path / "file")


def test_a_checksum_of_no_digits_is_no_checksum(tmp_path):
    """Put in its place everywhere, it would make the header 65 times as long."""
    document = json.dumps({**METADATA, "sha256": ""})
    (tmp_path / "file").write_bytes(save(TENSORS, metadata={"trigpoint": document}))
    with pytest.raises(MapFileError, match="TP-403"):
        read_artifact(tmp_path / "file")


def test_tensors_are_of_the_type_that_is_asked_for():
    assert typed(TENSORS, "a", np.float32) is TENSORS["a"]
    with pytest.raises(ValueError, match="a has the type float32, not float16"):
        typed(TENSORS, "a", np.float16)
    with pytest.raises(KeyError):
        typed(TENSORS, "c", np.float32)
