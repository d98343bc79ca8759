"""The worker of the damaged files notices what it is there for."""

from __future__ import annotations

from support.fault_worker import failures, run_cases


def test_hangs_memory_aborts_and_raw_errors_are_noticed():
    outcomes = run_cases("faulty", range(7), seconds=0.3)
    assert [outcome.case for outcome in outcomes] == list(range(7))
    assert [outcome.failed for outcome in outcomes] == [False, True, True, True, True, False, False]
    text = failures(outcomes)
    for case, how in ((1, "more than 0.3 s"), (2, "MemoryError"), (3, "ended with -6"), (4, "KeyError")):
        assert f"case {case}: " in text and how in text
    assert outcomes[5].how == "TP-214"
