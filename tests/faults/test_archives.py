"""Damaged archives: each is unpacked or gives a named error and leaves nothing, within seconds and a gigabyte."""

from __future__ import annotations

from support.fault_worker import failures, run_cases


def test_damaged_archives_give_what_is_left_or_a_named_error(cases):
    outcomes = run_cases("archives", cases(300))
    assert not failures(outcomes), failures(outcomes)
    assert any(outcome.how == "ok" for outcome in outcomes) and any(outcome.how != "ok" for outcome in outcomes)
