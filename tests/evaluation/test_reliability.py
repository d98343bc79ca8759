"""Reliability diagrams and the expected calibration error, against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigpoint.evaluation.reliability import expected_calibration_error, reliability_bins


@pytest.mark.parametrize(
    ("confidences", "correct", "bins", "wanted"),
    [
        ([0.95, 0.95], [True, True], 10, 0.05),
        ([1.0, 1.0, 0.0], [True, True, False], 10, 0.0),
        ([1.0, 0.0], [False, True], 10, 1.0),
        # Two bins: (0.2, 0.4) with one of two correct, (0.6, 0.8, 0.8, 0.9) with three of four.
        ([0.2, 0.4, 0.6, 0.8, 0.8, 0.9], [True, False, True, True, True, False], 2, (2 * 0.2 + 4 * 0.025) / 6),
        # The same answers in one bin: their mean confidence is 3.7 / 6, their fraction 4 / 6.
        ([0.2, 0.4, 0.6, 0.8, 0.8, 0.9], [True, False, True, True, True, False], 1, 4 / 6 - 3.7 / 6),
        # A bound belongs to the bin above it, 1 to the last.
        ([0.5, 0.49, 1.0], [True, False, True], 2, (2 * 0.25 + 0.49) / 3),
    ],
)
def test_golden_values(confidences, correct, bins, wanted):
    assert expected_calibration_error(confidences, correct, bins=bins) == pytest.approx(wanted, abs=1e-12)


def test_bins():
    bins = reliability_bins([0.05, 0.55, 0.58, 1.0], [False, True, False, True], bins=10)
    assert [each.count for each in bins] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert (bins[5].low, bins[5].high, bins[5].correct) == (0.5, 0.6, 0.5)
    assert bins[5].confidence == pytest.approx(0.565)
    assert math.isnan(bins[1].confidence) and math.isnan(bins[1].correct)


def test_no_answers():
    assert math.isnan(expected_calibration_error([], []))
    assert all(each.count == 0 for each in reliability_bins([], []))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 15))
def test_bounds(answers, bins):
    confidences, correct = [each[0] for each in answers], [each[1] for each in answers]
    ece = expected_calibration_error(confidences, correct, bins=bins)
    # Fewer bins can only hide errors.
    overall = abs(float(np.mean(correct)) - float(np.mean(confidences)))
    assert overall - 1e-9 <= ece <= 1
    assert sum(each.count for each in reliability_bins(confidences, correct, bins=bins)) == len(answers)
