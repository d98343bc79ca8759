"""How wrong a pose is, and how many are right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.stats import binomtest

from trigpoint.core.errors import ConfigError
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import (
    METRIC_THRESHOLDS,
    PoseError,
    Threshold,
    default_thresholds,
    gross_error_threshold,
    median,
    parse_threshold,
    pose_errors,
    recall,
    recall_interval,
    scene_extent,
)
from trigpoint.report.formatting import angle, duration, length, percent, threshold


def random_pose(seed, scale=10.0):
    random = np.random.default_rng(seed)
    return Pose(Rotation.random(rng=random).as_matrix(), random.normal(size=3) * scale)


@pytest.mark.parametrize("degrees", [0.0, 1e-9, 1e-6, 1e-3, 0.5, 5.0, 90.0, 179.999, 180.0])
def test_rotation_error_is_the_angle(degrees):
    true = random_pose(3)
    for axis in ((1, 0, 0), (0, -1, 0), (0.6, 0.0, 0.8), (1, 1, 1)):
        turn = Rotation.from_rotvec(np.array(axis) / np.linalg.norm(axis) * np.deg2rad(degrees)).as_matrix()
        rotation = turn @ true.rotation
        error = pose_errors(Pose(rotation, -rotation @ true.centre()), true)
        assert error.rotation_deg == pytest.approx(degrees, abs=1e-12 if degrees < 1 else 1e-6), axis
        assert error.translation < 1e-13, axis


@pytest.mark.parametrize("offset", [(0, 0, 0), (1e-9, 0, 0), (0.03, 0.04, 0), (3, 4, 12)])
def test_translation_error_is_between_camera_centres(offset):
    true = random_pose(4)
    # Of another orientation, so that the difference of the translation vectors would be something else.
    rotation = random_pose(5).rotation
    estimated = Pose(rotation, -rotation @ (true.centre() + offset))
    assert pose_errors(estimated, true).translation == pytest.approx(np.linalg.norm(offset), abs=1e-13)


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 1.0, 1000.0]))
def test_error_against_itself_is_nothing(seed, scale):
    pose = random_pose(seed, scale)
    error = pose_errors(pose, pose)
    assert error.translation == 0
    assert error.rotation_deg < 1e-12


@given(a=st.integers(0, 10**6), b=st.integers(0, 10**6), moving=st.integers(0, 10**6))
def test_error_is_symmetric_and_the_same_in_every_world_frame(a, b, moving):
    first, second, world = random_pose(a), random_pose(b), random_pose(moving)
    error = pose_errors(first, second)
    for other in (pose_errors(second, first), pose_errors(first @ world, second @ world)):
        assert other.translation == pytest.approx(error.translation, abs=1e-11)
        assert other.rotation_deg == pytest.approx(error.rotation_deg, abs=1e-5)


ERRORS = [PoseError(0.04, 1.0), PoseError(0.05, 1.0), PoseError(0.01, 5.0), PoseError(0.0, 0.0), None]


@pytest.mark.parametrize(
    ("limit", "fraction"),
    [
        (Threshold(0.05, 5), 2 / 5),
        (Threshold(0.0500001, 5), 3 / 5),
        (Threshold(0.05, 5.0001), 3 / 5),
        (Threshold(1, 90), 4 / 5),
        (Threshold(1e-9, 1e-9), 1 / 5),
        (Threshold(math.inf, math.inf), 4 / 5),
    ],
)
def test_recall_is_strict_and_counts_missing_poses(limit, fraction):
    assert recall(ERRORS, [limit]) == [pytest.approx(fraction)]


def test_recall_of_nothing():
    assert np.isnan(recall([], [Threshold(1, 1)])).all()
    assert recall([None], [Threshold(1, 1)]) == [0]
    assert recall(ERRORS, []) == []
    assert recall([PoseError(math.nan, 0)], [Threshold(1, 1)]) == [0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], 3),
        ([3.0, 1.0], 2),
        ([3.0, 1.0, 2.0], 2),
        ([4.0, 3.0, 1.0, 2.0], 2.5),
        ([1.0, None, 2.0], 2),
        ([1.0, None], math.inf),
        ([1.0, None, None], math.inf),
        ([None], math.inf),
        ([None, None], math.inf),
    ],
)
def test_median_takes_missing_as_infinite(values, expected):
    assert median(values) == expected


def test_median_of_nothing():
    assert math.isnan(median([]))


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_median_is_the_standard_one(values):
    assert median(values) == pytest.approx(float(np.median(values)))


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (5, 10), (0, 10), (10, 10), (900, 1000), (1, 5000)])
def test_recall_interval(right, count):
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert recall_interval(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(count=st.integers(1, 10_000), data=st.data())
def test_recall_interval_holds_the_fraction(count, data):
    fraction = data.draw(st.integers(0, count)) / count
    low, high = recall_interval(fraction, count)
    assert 0 <= low <= fraction <= high <= 1
    assert low < high


def test_recall_interval_of_nothing_is_everything():
    assert recall_interval(math.nan, 0) == (0, 1)


SQUARE = np.array([[0.0, 0, 0], [40, 0, 0], [0, 30, 0], [40, 30, 0]])


def test_default_thresholds():
    assert default_thresholds(True, SQUARE) == METRIC_THRESHOLDS == default_thresholds(True, np.zeros((0, 3)))
    assert METRIC_THRESHOLDS[0] == Threshold(0.05, 5)
    assert scene_extent(SQUARE + 1000) == 25
    assert default_thresholds(False, SQUARE) == (
        Threshold(0.25, 2),
        Threshold(0.12, 1),
        Threshold(0.5, 5),
        Threshold(1.2, 10),
    )
    assert gross_error_threshold(True, SQUARE) == Threshold(0.5, 10)
    assert gross_error_threshold(False, SQUARE) == Threshold(6.25, 10)


@given(st.floats(1e-3, 1e3))
def test_relative_thresholds_grow_with_the_scene(scale):
    for small, large in zip(default_thresholds(False, SQUARE), default_thresholds(False, SQUARE * scale), strict=True):
        assert large.translation == pytest.approx(small.translation * scale, rel=0.1)
        assert large.rotation_deg == small.rotation_deg


@pytest.mark.parametrize("centres", [np.zeros((0, 3)), np.ones((1, 3)), np.ones((5, 3))])
def test_no_thresholds_without_extent(centres):
    with pytest.raises(ConfigError, match=r"TP-722 .*--threshold"):
        default_thresholds(False, centres)
    assert gross_error_threshold(False, centres) == Threshold(math.inf, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.05,5", (0.05, 5)), (" 1 , 2.5 ", (1, 2.5)), ("1e-3 0.1", (0.001, 0.1)), ("5,200", (5, 200))],
)
def test_parse_threshold(text, expected):
    assert parse_threshold(text) == Threshold(*expected)


@pytest.mark.parametrize("text", ["", "5", "5,", ",5", "5cm,5", "0,5", "5,0", "-1,5", "nan,5", "5,inf", "1,2,3"])
def test_parse_threshold_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_threshold(text)
    assert caught.value.code == "TP-721"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (length(0.0321, "m"), "3.21 cm"),
        (length(0.9, "m"), "90 cm"),
        (length(0.99, "m"), "99 cm"),
        (length(0.9999, "m"), "1 m"),
        (length(123.456, "m"), "123 m"),
        (length(1234.5, "m"), "1234 m"),
        (length(2e-9, "m"), "2e-07 cm"),
        (length(0.0, "m"), "0 cm"),
        (length(0.0321, "units"), "0.0321 units"),
        (length(math.inf, "m"), "-"),
        (length(None, "units"), "-"),
        (angle(0.4236), "0.424°"),
        (angle(math.nan), "-"),
        (percent(0.875), "87.5 %"),
        (percent(math.nan), "-"),
        (duration(143.21), "143 ms"),
        (duration(2110), "2.11 s"),
        (threshold(Threshold(0.05, 5), "m"), "5 cm, 5°"),
        (threshold(Threshold(0.05, 5), "units"), "0.05 units, 5°"),
    ],
)
def test_numbers_as_text(text, expected):
    assert text == expected
