"""The part of YAML that calibrations are written in."""

from __future__ import annotations

import pytest

from trigpoint.core.plain_yaml import parse_yaml

TEXT = """%YAML:1.0
---
# calibration
image_width: 640   # px
name: 'left # camera'
empty:
camera_matrix: !!opencv-matrix
   rows: 3
   dt: d
   data: [ 5.3e+02, 0., 320,
           0, 1 ]
cam0:
  T_cam_imu:
  - [0.1, -2.5]
  - [.nan, 4]
  flags: true
D:
- 0.5
- -1
"""


def test_values():
    document = parse_yaml(TEXT)
    assert document["image_width"] == 640 and isinstance(document["image_width"], int)
    assert document["empty"] is None
    assert document["camera_matrix"] == {"rows": 3, "dt": "d", "data": [530.0, 0.0, 320, 0, 1]}
    assert document["cam0"]["T_cam_imu"][0] == [0.1, -2.5]
    assert document["cam0"]["flags"] is True
    assert document["D"] == [0.5, -1]
    assert parse_yaml("# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, b: {c: [1, 2]}}", {"a": 1, "b": {"c": [1, 2]}}),
        (
            "T_BS: {cols: 2, 'data': [1.0,\n    2.0], \"rows\": 1}\nb: two words",
            {"T_BS": {"cols": 2, "data": [1, 2], "rows": 1}, "b": "two words"},
        ),
        ("T:\n- - 1\n  - 2\n- - 3\n  - 4\n", {"T": [[1, 2], [3, 4]]}),
        ("cameras:\n  - fx: 1\n    fy: 2\n  - fx: 3\n", {"cameras": [{"fx": 1, "fy": 2}, {"fx": 3}]}),
        ("a: []\nb: {}\nc: [{x: 1}, {x: 2}]", {"a": [], "b": {}, "c": [{"x": 1}, {"x": 2}]}),
    ],
)
def test_lists_and_keys_in_every_style(text, value):
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\n  b: 2\n", "line 2"),
        ("a: [1, 2\n", "begins in line 1 has no end"),
        ("a: 1\nb\n", "line 2 is not of the form"),
        ("a: 1\na: 2\n", "'a' occurs a second time in line 2"),
        ("- 1\n- 2\n", "not of the form"),
        ("a: [1], 2]\n", "brackets"),
        ("a: [1}\n", "brackets"),
        ("a: {b: 1]\n", "brackets"),
        ("a: " + "[" * 50 + "]" * 50, "nested too deeply"),
        ("\n".join(" " * level + "a:" for level in range(50)) + " 1", "nested too deeply"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match="line") as caught:
        parse_yaml(text)
    assert words in str(caught.value)
