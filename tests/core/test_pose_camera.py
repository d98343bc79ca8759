"""Poses and cameras: the algebra, the accuracy, and what they refuse."""

import numpy as np
import pycolmap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera, camera_model_names, parameter_names
from trigpoint.core.errors import GeometryError
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg

numbers = st.floats(-1e3, 1e3, allow_nan=False)
vectors = arrays(np.float64, 3, elements=numbers)
points = arrays(np.float64, (5, 3), elements=numbers)


@st.composite
def poses(draw):
    quaternion = draw(arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1))
    return Pose.from_quaternion(quaternion / np.linalg.norm(quaternion), draw(vectors))


@given(poses(), points)
def test_the_inverse_undoes(pose, world):
    assert np.allclose(pose.inverse().apply(pose.apply(world)), world, atol=1e-9)
    assert np.allclose((pose @ pose.inverse()).matrix(), np.eye(4), atol=1e-9)
    assert np.allclose(pose.inverse().matrix() @ pose.matrix(), np.eye(4), atol=1e-9)


@given(poses(), poses(), points)
def test_composition_applies_the_right_one_first(a, b, world):
    assert np.allclose((a @ b).apply(world), a.apply(b.apply(world)), atol=1e-8)
    assert np.allclose((a @ b).matrix(), a.matrix() @ b.matrix(), atol=1e-9)


@given(poses())
def test_matrices_and_quaternions_come_back(pose):
    quaternion = pose.quaternion_wxyz()
    assert quaternion[0] >= 0 and np.linalg.norm(quaternion) == pytest.approx(1)
    again = [
        Pose.from_quaternion(quaternion, pose.translation),
        Pose.from_matrix(pose.matrix()),
        Pose.from_matrix(pose.matrix()[:3]),
    ]
    for other in again:
        assert np.allclose(other.matrix(), pose.matrix(), atol=1e-12)
        assert rotation_angle_deg(pose, other) < 1e-9


def test_quaternions_are_those_of_scipy():
    rotations = [*Rotation.random(500, rng=np.random.default_rng(0)), Rotation.identity()]
    rotations += [Rotation.from_rotvec(np.pi * axis) for axis in (*np.eye(3), np.array([0.6, 0.8, 0]))]
    for rotation in rotations:
        matrix = rotation.as_matrix()
        expected = Rotation.from_matrix(matrix).as_quat(canonical=True, scalar_first=True)
        np.testing.assert_array_equal(Pose(matrix, np.zeros(3)).quaternion_wxyz(), expected)


@given(poses())
def test_the_rounding_of_text_files_is_removed(pose):
    rounded = Pose.from_matrix(pose.matrix().round(4))
    assert np.allclose(rounded.rotation @ rounded.rotation.T, np.eye(3), atol=1e-12)
    assert rotation_angle_deg(rounded, pose) < 0.02


@given(poses())
def test_the_centre_is_where_the_camera_stands(pose):
    assert np.allclose(pose.apply(pose.centre()[None]), 0, atol=1e-9)
    assert centre_distance(pose, pose) == 0


@given(poses(), st.floats(-10, 2), vectors.filter(lambda axis: np.linalg.norm(axis) > 0.1))
def test_tiny_and_large_angles_are_exact(pose, exponent, axis):
    angle_deg = min(10.0**exponent, 180.0)
    turn = Rotation.from_rotvec(np.deg2rad(angle_deg) * axis / np.linalg.norm(axis)).as_matrix()
    other = Pose(turn @ pose.rotation, pose.translation)
    assert abs(rotation_angle_deg(pose, other) - angle_deg) < 1e-9


TURN = Rotation.from_euler("xyz", (0.3, -0.2, 0.9)).as_matrix()


@pytest.mark.parametrize(
    ("matrix", "code", "word"),
    [
        (np.eye(3), "TP-301", "3x4"),
        (np.full((4, 4), np.nan), "TP-301", "NaN"),
        (np.column_stack([np.eye(3), (0, np.inf, 0)]), "TP-301", "infinity"),
        (np.column_stack([2 * TURN, np.zeros(3)]), "TP-302", "scaled"),
        (np.column_stack([TURN @ np.diag((1, 1, 1.02)), np.zeros(3)]), "TP-302", "scaled"),
        (np.column_stack([TURN @ np.diag((1, -1, 1)), np.zeros(3)]), "TP-302", "mirrored"),
        (np.column_stack([np.zeros((3, 3)), np.zeros(3)]), "TP-302", "scaled"),
        (np.column_stack([1e200 * TURN, np.zeros(3)]), "TP-302", "scaled"),
        (np.vstack([np.column_stack([TURN, (0, 0, 0)]), (1, 2, 3, 1)]), "TP-302", "transposed"),
    ],
)
def test_matrices_that_are_no_poses(matrix, code, word):
    with pytest.raises(GeometryError, match=word) as caught:
        Pose.from_matrix(matrix, where="frame 7")
    assert (caught.value.code, caught.value.where) == (code, "frame 7") and caught.value.fix


@pytest.mark.parametrize(
    ("quaternion", "code"),
    [((1, 0, 0, np.nan), "TP-301"), ((0, 0, 0, 0), "TP-302"), ((0.9, 0, 0, 0), "TP-302"), ((1, 1, 0, 0), "TP-302")],
)
def test_quaternions_that_are_no_rotations(quaternion, code):
    with pytest.raises(GeometryError, match=code):
        Pose.from_quaternion(quaternion, (0, 0, 0))


# Mild values, as calibrations of real lenses have.
TYPICAL = {"f": 500.0, "fx": 500.0, "fy": 510.0, "cx": 331.0, "cy": 229.0, "omega": 0.4, "alpha": 0.5, "beta": 1.1}


def typical_camera(model):
    params = []
    for index, name in enumerate(parameter_names(model)):
        params.append(TYPICAL.get(name, 0.002 * (-1) ** index))
    return Camera(model, 640, 480, tuple(params))


def pinhole_projection(camera, in_cam):
    fx, fy, cx, cy = camera.pinhole_params()
    return in_cam[:, :2] / in_cam[:, 2:] * (fx, fy) + (cx, cy)


GRID = np.stack(np.meshgrid(np.linspace(-0.6, 0.6, 9), np.linspace(-0.45, 0.45, 7)), axis=-1).reshape(-1, 2)
SEEN = np.column_stack([GRID * 3, np.full(len(GRID), 3.0)])


@pytest.mark.parametrize("model", camera_model_names())
def test_undistortion_gives_the_pinhole_camera(model):
    camera = typical_camera(model)
    image = camera.project(SEEN)
    assert np.allclose(camera.undistort(image), pinhole_projection(camera, SEEN), atol=1e-4)
    plain = model in ("PINHOLE", "SIMPLE_PINHOLE")
    assert (np.abs(image - pinhole_projection(camera, SEEN)).max() < 1e-9) == plain
    assert np.isnan(camera.project([[0.1, 0.2, -1.0]])).all()
    assert camera.matrix()[[0, 1], [2, 2]] == pytest.approx(camera.pinhole_params()[2:])


def possible_scales():
    for model in camera_model_names():
        yield from ((model, scale) for scale in ((0.5, 0.5), (1.7, 1.7)))
        if "fx" in parameter_names(model):
            yield model, (2.0, 0.5)


def test_resizing_scales_every_projection():
    for model, scale in possible_scales():
        camera = typical_camera(model)
        resized = camera.resized(round(640 * scale[0]), round(480 * scale[1]))
        assert np.allclose(resized.project(SEEN), camera.project(SEEN) * scale, atol=1e-6), (model, scale)
        assert camera.resized(640, 480) is camera


@pytest.mark.parametrize(("model", "params"), [("SIMPLE_PINHOLE", (500, 321, 242)), ("PINHOLE", (500, 510, 321, 242))])
def test_pinhole_models_are_read_as_colmap_reads_them(model, params):
    camera = Camera(model, 640, 480, params)
    colmap = pycolmap.Camera(model=model, width=640, height=480, params=params)
    np.testing.assert_array_equal(camera.matrix(), colmap.calibration_matrix())
    names = [name.strip() for name in colmap.params_info.split(",")]
    assert parameter_names(model) == names


def test_the_number_of_parameters_is_checked():
    for model in camera_model_names():
        good = typical_camera(model).params
        for params in ((), good[:-1], (*good, 0.0)):
            with pytest.raises(GeometryError, match="TP-312"):
                Camera(model, 640, 480, params)


def test_unknown_models_get_a_suggestion():
    with pytest.raises(GeometryError, match=r"TP-311.*Did you mean 'PINHOLE'"):
        Camera("PINHOL", 640, 480, (1.0, 1.0, 0.0, 0.0))
    for name in ("INVALID", "EQUIRECTANGULAR"):
        with pytest.raises(GeometryError, match="TP-311"):
            Camera(name, 640, 480, ())


@pytest.mark.parametrize("focal", [0.0, -500.0, 1e-3, 10.0, 1e6, np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_impossible_focal_lengths(focal, which):
    focals = [500.0, 500.0]
    focals[which] = focal
    with pytest.raises(GeometryError, match="TP-313"):
        Camera("PINHOLE", 640, 480, (*focals, 320.0, 240.0))


def test_impossible_sizes_and_numbers():
    for width, height in ((0, 480), (640, -1)):
        with pytest.raises(GeometryError, match="TP-313"):
            Camera("PINHOLE", width, height, (500.0, 500.0, 320.0, 240.0))
    with pytest.raises(GeometryError, match="TP-313"):
        Camera("SIMPLE_RADIAL", 640, 480, (500.0, 320.0, 240.0, np.nan))


@settings(max_examples=50)
@given(st.floats(0.5, 3), st.floats(0.5, 3), st.integers(40, 5000), st.integers(40, 5000))
def test_pinhole_keeps_the_centre_and_json_comes_back(fx, fy, width, height):
    side = max(width, height)
    camera = Camera.pinhole(width, height, fx * side, fy * side)
    assert camera.pinhole_params() == pytest.approx((fx * side, fy * side, width / 2, height / 2))
    values = camera.to_json()
    assert Camera(values["model"], values["width"], values["height"], tuple(values["params"])) == camera
