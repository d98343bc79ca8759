"""Damaged images: each decodes or gives a named error, within seconds and a gigabyte."""

from __future__ import annotations

from support.fault_worker import failures, run_cases


def test_damaged_images_give_what_is_left_or_a_named_error(cases):
    outcomes = run_cases("images", cases(1000))
    assert not failures(outcomes), failures(outcomes)
    assert any(outcome.how == "ok" for outcome in outcomes) and any(outcome.how != "ok" for outcome in outcomes)
