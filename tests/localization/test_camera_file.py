"""Files with intrinsics that other programs write, as ``--camera`` takes them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from trigpoint.core.camera import Camera
from trigpoint.core.errors import TrigpointError
from trigpoint.localization.camera_text import parse_camera

K = [525, 0, 320, 0, 526, 241, 0, 0, 1]
PINHOLE = Camera("PINHOLE", 640, 480, (525, 526, 320, 241))
OPENCV = Camera("OPENCV", 640, 480, (525, 526, 320, 241, -0.1, 0.03, 0.001, 0.002))
FISHEYE = Camera("OPENCV_FISHEYE", 640, 480, (525, 526, 320, 241, -0.1, 0.03, 0.001, 0.002))
TERMS = [-0.1, 0.03, 0.001, 0.002]
TRANSFORMS = {"fl_x": 525, "fl_y": 526, "cx": 320, "cy": 241, "w": 640, "h": 480}

ROS_YAML = f"""image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: {K}
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.1, 0.03, 0.001, 0.002, 0.000000]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
"""
ROS_MESSAGE = "header:\n  seq: 0\n  frame_id: 'camera'\nheight: 480\nwidth: 640\ndistortion_model: plumb_bob\n" + (
    "d:\n- -0.1\n- 0.03\n- 0.001\n- 0.002\n- 0.0\nk:\n" + "".join(f"- {value}\n" for value in K) + "---\n"
)
OPENCV_YAML = """%YAML:1.0
---
calibration_time: "Mon 01 Jan 2024 10:00:00"
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 525., 0., 320.,
       0., 526., 241., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 4
   cols: 1
   dt: d
   data: [ -0.1, 0.03, 0.001, 0.002 ]
"""
KALIBR = """cam0:
  cam_overlaps: []
  camera_model: pinhole
  distortion_coeffs: [-0.1, 0.03, 0.001, 0.002]
  distortion_model: MODEL
  intrinsics: [525, 526, 320, 241]
  resolution: [640, 480]
  rostopic: /cam0/image_raw
  T_cam_imu:
  - [1.0, 0.0, 0.0, 0.1]
  - [0.0, 1.0, 0.0, 0.0]
"""
ORB = """%YAML:1.0
# Camera
Camera.type: "PinHole"
Camera.fx: 525.0
Camera.fy: 526.0
Camera.cx: 320.0
Camera.cy: 241.0
Camera.k1: -0.1
Camera.k2: 0.03
Camera.p1: 0.001
Camera.p2: 0.002
Camera.width: 640
Camera.height: 480
"""
EUROC = """sensor_type: camera
T_BS:
  cols: 4
  rows: 4
  data: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
resolution: [640, 480]
camera_model: pinhole
intrinsics: [525, 526, 320, 241] #fu, fv, cu, cv
distortion_model: radial-tangential
distortion_coefficients: [-0.1, 0.03, 0.001, 0.002]
"""
POLYCAM = {"fx": 525, "fy": 526, "cx": 320, "cy": 241, "width": 640, "height": 480}
CASES = {
    "transforms.json": (TRANSFORMS, PINHOLE),
    "transforms_lens.json": (TRANSFORMS | dict(zip(("k1", "k2", "p1", "p2"), TERMS, strict=True)), OPENCV),
    "transforms_frames.json": ({"frames": [TRANSFORMS | {"file_path": name} for name in ("a", "b")]}, PINHOLE),
    "transforms_no_size.json": ({key: value for key, value in TRANSFORMS.items() if key not in "wh"}, PINHOLE),
    "cameras.txt": ("# Camera list\n#   CAMERA_ID, MODEL, ...\n1 PINHOLE 640 480 525 526 320 241\n", PINHOLE),
    "cameras_same.txt": ("1 PINHOLE 640 480 525 526 320 241\n2 PINHOLE 640 480 525 526 320 241\n", PINHOLE),
    "ros1.json": ({"width": 640, "height": 480, "K": K, "D": [*TERMS, 0], "distortion_model": "plumb_bob"}, OPENCV),
    "ros2.json": ({"width": 640, "height": 480, "k": K, "d": TERMS, "distortion_model": "equidistant"}, FISHEYE),
    "ros.yaml": (ROS_YAML, OPENCV),
    "ost.txt": (ROS_YAML, OPENCV),
    "message.yaml": (ROS_MESSAGE, OPENCV),
    "opencv.yml": (OPENCV_YAML, OPENCV),
    "opencv.json": ({"camera_matrix": [K[:3], K[3:6], K[6:]], "dist_coeff": [[*TERMS, 0]]}, OPENCV),
    "kalibr.yaml": (KALIBR.replace("MODEL", "radtan"), OPENCV),
    "kalibr_fisheye.yaml": (KALIBR.replace("MODEL", "equidistant"), FISHEYE),
    "orb.yaml": (ORB, OPENCV),
    "euroc.yaml": (EUROC, OPENCV),
    "open3d.json": ({"width": 640, "height": 480, "intrinsic_matrix": [525, 0, 0, 0, 526, 0, 320, 241, 1]}, PINHOLE),
    "polycam.json": (POLYCAM, PINHOLE),
    "realsense.json": (
        {"width": 640, "height": 480, "ppx": 320, "ppy": 241, "fx": 525, "fy": 526}
        | {"model": "distortion.inverse_brown_conrady", "coeffs": [0.0] * 5},
        PINHOLE,
    ),
    "matrix.txt": ("525 0 320\n0 526 241\n0 0 1\n", PINHOLE),
    "intrinsic_color.txt": ("525 0 320 0\n0 526 241 0\n0 0 1 0\n0 0 0 1\n", PINHOLE),
}


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize("name", CASES)
def test_files(name, tmp_path):
    content, camera = CASES[name]
    read = parse_camera(written(tmp_path / name, content))(640, 480)
    assert (read.model, read.width, read.height) == (camera.model, 640, 480)
    assert read.params == pytest.approx(camera.params)


@pytest.mark.parametrize(
    "text",
    [
        "525 0 320 0 526 241 0 0 1",
        "525,0,320,0,526,241,0,0,1",
        "525 0 0 0 526 0 320 241 1",
        "PINHOLE 640 480 525 526 320 241",
    ],
)
def test_texts(text):
    assert parse_camera(text)(640, 480) == PINHOLE


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("two.txt", "1 PINHOLE 640 480 525 526 320 241\n2 PINHOLE 640 480 5 526 320 241\n", "TP-313", "two.txt"),
        (
            "two.txt",
            "1 PINHOLE 640 480 525 526 320 241\n2 PINHOLE 640 480 600 526 320 241\n",
            "TP-613",
            "2 different cameras",
        ),
        ("two.json", {"frames": [TRANSFORMS, TRANSFORMS | {"fl_x": 600}]}, "TP-613", "2 different cameras"),
        ("two.yaml", KALIBR + KALIBR.replace("cam0", "cam1").replace("525", "600"), "TP-311", "'model' is not supported"),
        (
            "omni.yaml",
            "cam0:\n  camera_model: omni\n  intrinsics: [1, 525, 526, 320, 241]\n",
            "TP-311",
            "'omni' is not supported",
        ),
        ("angle.json", {"camera_angle_x": 0.7}, "TP-613", "size of the images, 'w' and 'h', is missing"),
        ("other.json", {"a": 1, "b": 2}, "TP-613", "none of its keys is known: a, b"),
        ("lens.json", TRANSFORMS | {"is_fisheye": 1}, "TP-613", "neither true nor false"),
        ("lens.json", TRANSFORMS | {"camera_model": "CUBE"}, "TP-311", "not supported"),
        ("skewed.txt", "525 3 320\n0 526 241\n0 0 1\n", "TP-613", "not of the form"),
        ("prism.json", {"K": K, "D": [0.1] * 12}, "TP-312", "thin prism"),
        ("zero.yaml", ROS_YAML.replace("525", "0"), "TP-313", "zero.yaml"),
        ("none.yaml", "a: 1\n  b\n", "TP-613", "line 2"),
        ("missing.yaml", None, "TP-613", "cannot be read"),
        ("words.txt", "a b c\n", "TP-613", "It may be"),
        ("empty.json", "", "TP-613", "It may be"),
        ("nan.json", {"fx": float("nan"), "fy": 1, "cx": 1, "cy": 1, "width": 640, "height": 480}, "TP-313", "nan.json"),
    ],
)
def test_files_that_are_refused(name, content, code, words, tmp_path):
    path = tmp_path / name if content is None else written(tmp_path / name, content)
    with pytest.raises(TrigpointError) as caught:
        parse_camera(str(path))(640, 480)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_binary_models_lead_to_text(tmp_path):
    (tmp_path / "cameras.bin").write_bytes(b"\1\0\0\0\xff\xfe")
    with pytest.raises(TrigpointError, match="model_converter"):
        parse_camera(str(tmp_path / "cameras.bin"))


def test_nine_numbers_that_are_no_matrix():
    with pytest.raises(TrigpointError, match=r"TP-611.*no calibration matrix"):
        parse_camera("1 2 3 4 5 6 7 8 9")


def test_numbers_need_no_readers_of_formats():
    code = (
        "import sys; from trigpoint.localization.camera_text import parse_camera; parse_camera('525')(640, 480); "
        "print([name for name in sys.modules if name.startswith('trigpoint.formats')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
