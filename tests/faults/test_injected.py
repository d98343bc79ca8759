"""Reading, writing, renaming, removing, listing or flushing fails at a random call of each verb.

The error is ours, and the same command then leaves what it leaves undisturbed.
"""

from __future__ import annotations

import errno
import os

import pytest
from support.fault_runs import drawn, often_saved
from support.fault_scenarios import NAMES, scenario
from support.faults import Faults, injected

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

# Usual number of cases: those that make maps take seconds each.
CASES = {"map": 3, "everything": 2, "compare": 1, "evaluate": 2, "points": 3, "localize": 5}


@pytest.fixture(scope="module")
def folder(one_thread, tmp_path_factory):
    """Of the scene and the map that all share."""
    return tmp_path_factory.mktemp("faults")


@pytest.mark.parametrize("name", NAMES)
def test_one_call_fails(name, folder, cases, monkeypatch):
    often_saved(monkeypatch)
    command = scenario(name, folder)
    right, calls = command.clean()
    wrong = {}
    for seed in cases(CASES.get(name, 8)):
        faults = drawn(calls, seed, (command.folder, *command.watched))
        found = command.complaints(faults, right)
        if found:
            wrong[seed, faults.hit, faults.number, faults.lasting] = found
    assert wrong == {}


def test_the_harness_fails_every_kind_of_call(tmp_path):
    """Otherwise the other tests would prove nothing."""
    (tmp_path / "old").write_text("old")
    kinds = {
        "open": lambda: (tmp_path / "old").open(),
        "read": lambda: (tmp_path / "old").read_bytes(),
        "open for writing": lambda: (tmp_path / "new").open("w"),
        "write": lambda: (tmp_path / "new").write_text("new"),
        "stat": lambda: (tmp_path / "old").exists(),
        "mkdir": lambda: (tmp_path / "folder").mkdir(),
        "replace": lambda: (tmp_path / "old").replace(tmp_path / "older"),
        "unlink": lambda: (tmp_path / "old").unlink(),
        "listdir": lambda: os.listdir(tmp_path),  # noqa: PTH208
        "scandir": lambda: os.scandir(tmp_path),
    }
    for kind, call in kinds.items():
        with injected(Faults((tmp_path,))) as counted:
            call_kinds = [] if kind in ("replace", "unlink", "mkdir") else _kinds_of(call, counted)
        at = call_kinds.index(kind) if call_kinds else 0
        with injected(Faults((tmp_path,), at, errno.EIO)) as faults, pytest.raises(OSError, match="Input/output error"):
            call()
        assert faults.hit is not None and faults.hit[0] == kind
    assert (tmp_path / "old").read_text() == "old"


def _kinds_of(call, faults):
    result = call()
    if hasattr(result, "close"):
        result.close()
    return [kind for kind, _ in faults.calls]


def test_a_full_disk_leaves_a_part(tmp_path):
    with injected(Faults((tmp_path,), 1, errno.ENOSPC)), pytest.raises(OSError, match="No space left"):
        (tmp_path / "new").write_bytes(b"0123456789")
    assert (tmp_path / "new").read_bytes() == b"01234"
