"""Arrays that grow on disk: what is complete stays, the rest is cut off."""

from __future__ import annotations

import numpy as np
import pytest

from trigpoint.core.append_only import AppendOnlyArrays
from trigpoint.core.errors import OutputError
from trigpoint.core.interrupt import Interrupted

COLUMNS = {"vectors": np.dtype((np.float32, (2,))), "labels": np.dtype(np.int32)}


def arrays(folder):
    return AppendOnlyArrays(folder, "samples", COLUMNS, "Make fewer.")


def add(store, value, rows=3):
    store.append({"vectors": np.full((rows, 2), value), "labels": np.full(rows, value)})
    store.complete_item()


def test_items_are_appended_and_read_back(tmp_path):
    with arrays(tmp_path) as store:
        add(store, 1)
        add(store, 2, rows=0)
        add(store, 3, rows=1)
    again = arrays(tmp_path)
    assert again.items == 3
    assert again.load("labels").tolist() == [1, 1, 1, 3] and again.load("labels").dtype == np.int32
    assert again.load("vectors").shape == (4, 2) and again.load("vectors").dtype == np.float32


def test_nothing_is_read_back_as_nothing(tmp_path):
    with arrays(tmp_path) as store:
        add(store, 1, rows=0)
    assert arrays(tmp_path).items == 1 and arrays(tmp_path).load("vectors").shape == (0, 2)


def test_half_an_item_is_cut_off_when_a_run_goes_on(tmp_path):
    with pytest.raises(Interrupted), arrays(tmp_path) as store:
        add(store, 1)
        store.append({"vectors": np.zeros((5, 2)), "labels": np.zeros(5)})
        raise Interrupted
    with arrays(tmp_path) as store:
        assert store.items == 1
        add(store, 2)
    assert store.load("labels").tolist() == [1, 1, 1, 2, 2, 2]


def test_an_error_leaves_the_record_before_it(tmp_path):
    with pytest.raises(ValueError, match="broken"), arrays(tmp_path) as store:
        add(store, 1)
        store.record()
        add(store, 2)
        raise ValueError("broken")
    assert arrays(tmp_path).items == 1 and arrays(tmp_path).load("labels").tolist() == [1, 1, 1]


def test_a_file_that_was_cut_begins_anew(tmp_path):
    with arrays(tmp_path) as store:
        add(store, 1)
    with (tmp_path / "vectors.bin").open("r+b") as stream:
        stream.truncate(10)
    with arrays(tmp_path) as again:
        assert again.items == 0
    assert (tmp_path / "labels.bin").stat().st_size == 0


def test_what_is_done_to_a_column_in_memory_does_not_reach_its_file(tmp_path):
    with arrays(tmp_path) as store:
        add(store, 7)
    store.load("labels")[:] = 0
    assert store.load("labels").tolist() == [7, 7, 7]


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"TP-801 the samples.*No space left.*Make fewer"), arrays(tmp_path) as store:
        monkeypatch.setattr("trigpoint.core.append_only.os.fsync", full)
        add(store, 1)


def damage(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("file", "at"), [("vectors.bin", 9), ("labels.bin", 0), ("samples.json", 1), ("samples.json", 15)])
def test_one_damaged_bit_is_noticed_and_the_arrays_begin_anew(file, at, tmp_path, caplog):
    with arrays(tmp_path) as store:
        add(store, 1)
        add(store, 2)
    damage(tmp_path / file, at)
    with arrays(tmp_path) as again:
        assert again.items == 0 and "The samples" in caplog.text and "are made again" in caplog.text
        add(again, 3)
    assert arrays(tmp_path).load("labels").tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"items": 1, "rows": {"vectors": -1, "labels": 0}, "crc32": {}}', '{"items": 1, "rows": 7}']
)
def test_a_damaged_record_is_none(record, tmp_path):
    with arrays(tmp_path) as store:
        add(store, 1)
    (tmp_path / "samples.json").write_text(record)
    assert arrays(tmp_path).items == 0


def test_what_is_appended_after_a_resumption_is_part_of_the_checksum(tmp_path):
    for value in (1, 2, 3):
        with arrays(tmp_path) as store:
            add(store, value)
    assert arrays(tmp_path).items == 3 and arrays(tmp_path).load("labels").tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_what_was_opened_is_closed_when_the_next_file_cannot_be(tmp_path, monkeypatch):
    """An open file is a warning when it is collected, which is an error in tests."""
    (tmp_path / "labels.bin").mkdir()
    with pytest.raises(OutputError, match="TP-801"), arrays(tmp_path):
        pytest.fail("opened")
