"""The process dies at a random call that touches a file, in the middle of what it writes.

The same command then leaves what it leaves undisturbed, and nothing else.
"""

from __future__ import annotations

import os

import pytest
from support.fault_runs import drawn, often_saved
from support.fault_scenarios import scenario

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here"),
]


@pytest.mark.parametrize(("name", "usual"), [("map", 4), ("everything", 3), ("evaluate", 2), ("export", 6), ("info", 6)])
def test_killed_at_any_moment(name, usual, cases, tmp_path, monkeypatch):
    often_saved(monkeypatch)
    command = scenario(name, tmp_path)
    right, calls = command.clean()
    wrong = {}
    for seed in cases(usual):
        faults = drawn(calls, seed, (command.folder,), kill=True)
        found = command.complaints(faults, right)
        if found:
            wrong[seed, calls[faults.at or 0]] = found
    assert wrong == {}
