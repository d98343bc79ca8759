"""Cameras of ``transforms.json``: every lens that COLMAP has, and no lens instead of another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.scene_files import edit, error, nerfstudio_document, notes, write_colmap_text, write_kapture, write_nerfstudio

from trigpoint.core.camera import Camera
from trigpoint.formats.readers import open_scene

PINHOLE = (60, 60, 32, 24)
TERMS = [0.01 * number for number in range(1, 13)]


def write(root, changes: dict[str, Any]) -> None:
    write_nerfstudio(root)
    (root / "transforms.json").write_text(json.dumps(nerfstudio_document() | changes))


@pytest.mark.parametrize(
    ("changes", "model", "params"),
    [
        ({"camera_model": "SIMPLE_RADIAL_FISHEYE", "k1": 0.1}, "OPENCV_FISHEYE", (*PINHOLE, 0.1, 0, 0, 0)),
        ({"camera_model": "SIMPLE_RADIAL_FISHEYE", "k": 0.1}, "OPENCV_FISHEYE", (*PINHOLE, 0.1, 0, 0, 0)),
        ({"camera_model": "RADIAL_FISHEYE", "k1": 0.1, "k2": 0.02}, "OPENCV_FISHEYE", (*PINHOLE, 0.1, 0.02, 0, 0)),
        ({"camera_model": "opencv_fisheye", "is_fisheye": True, "k4": 0.1}, "OPENCV_FISHEYE", (*PINHOLE, 0, 0, 0, 0.1)),
        ({"camera_model": "perspective", "k1": 0.1}, "OPENCV", (*PINHOLE, 0.1, 0, 0, 0)),
        ({"camera_model": "OPENCV", "is_fisheye": True}, "OPENCV_FISHEYE", (*PINHOLE, 0, 0, 0, 0)),
        ({"is_fisheye": False}, "PINHOLE", PINHOLE),
        ({"is_fisheye": None}, "PINHOLE", PINHOLE),
        ({"camera_model": "FISHEYE624", "distortion_params": TERMS}, "RAD_TAN_THIN_PRISM_FISHEYE", (*PINHOLE, *TERMS)),
        ({"camera_model": "FOV", "omega": 0.5}, "FOV", (*PINHOLE, 0.5)),
        ({"camera_model": "FULL_OPENCV", "k4": 0.1, "k6": 0.2}, "FULL_OPENCV", (*PINHOLE, 0, 0, 0, 0, 0, 0.1, 0, 0.2)),
    ],
)
def test_lenses(changes, model, params, tmp_path):
    write(tmp_path, changes)
    camera = open_scene(tmp_path).frames[0].camera
    assert camera.model == model
    assert camera.params == pytest.approx(params)


def test_a_fisheye_term_bends_as_in_colmap(tmp_path):
    write(tmp_path, {"camera_model": "SIMPLE_RADIAL_FISHEYE", "k1": 0.1})
    same = Camera("SIMPLE_RADIAL_FISHEYE", 64, 48, (60, 32, 24, 0.1))
    points = [(0.3, -0.2, 1.0), (-0.4, 0.3, 1.0)]
    assert open_scene(tmp_path).frames[0].camera.project(points) == pytest.approx(same.project(points))


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"is_fisheye": 1}, "TP-219", "'is_fisheye' is 1, which is neither true nor false"),
        ({"is_fisheye": 0}, "TP-219", "neither true nor false"),
        ({"is_fisheye": "true"}, "TP-219", "'is_fisheye' is 'true', which is neither true nor false"),
        ({"metric": 1}, "TP-219", "'metric' is 1, which is neither true nor false"),
        ({"metric": "true"}, "TP-219", "neither true nor false"),
        ({"camera_model": "OPENCV_FISHEYE", "is_fisheye": False}, "TP-219", "'is_fisheye' is false"),
        ({"camera_model": "FISHEYE624", "distortion_params": [1]}, "TP-219", "12 numbers"),
        ({"k1": 0.1, "k5": 0.1}, "TP-314", "k4, k5, k6 = 0, 0.1, 0"),
        ({"camera_model": "FOV"}, "TP-219", "'omega' of a FOV camera is missing"),
        ({"camera_model": "SIMPLE_DIVISION", "k": 0.1, "fl_y": 61}, "TP-219", "differ"),
        ({"camera_model": "OMNIDIRECTIONALSTEREO_L"}, "TP-311", "not supported"),
        ({"camera_model": 5}, "TP-311", "'5' is not supported"),
        ({"camera_model": "PINHOL"}, "TP-311", "Did you mean 'PINHOLE'?"),
    ],
)
def test_what_is_no_lens_is_refused(changes, code, words, tmp_path):
    write(tmp_path, changes)
    caught = error(tmp_path)
    assert caught.code == code
    assert words in str(caught)


@pytest.mark.parametrize("model", ["VR_FISHEYE", "FISHEYE625", "SIMPLE_RADIAL_FISHEYES_2", "EQUIRECTANGULAR", "OPENCV8"])
def test_no_hint_changes_the_lens(model, tmp_path):
    write(tmp_path / "transforms", {"camera_model": model})
    write_colmap_text(tmp_path / "colmap")
    edit(tmp_path / "colmap" / "sparse" / "0" / "cameras.txt", "PINHOLE", model)
    write_kapture(tmp_path / "kapture")
    edit(tmp_path / "kapture" / "sensors" / "sensors.txt", "PINHOLE", model)
    for folder in ("transforms", "colmap", "kapture"):
        caught = error(tmp_path / folder)
        assert caught.code == "TP-311"
        assert "Did you mean" not in str(caught)


def test_terms_that_the_lens_does_not_have_are_named_once(tmp_path):
    write(tmp_path, {"is_fisheye": True, "p1": 0.01})
    assert (
        notes(open_scene(tmp_path))
        == "note: The tangential terms p1 and p2 are not used: OpenCV's fisheye cameras have none."
    )


def test_a_flag_of_one_frame_is_checked_too(tmp_path):
    document = nerfstudio_document()
    document["frames"][2]["is_fisheye"] = "false"
    write(tmp_path, document)
    assert "frame images/002.jpg" in str(error(tmp_path))
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == 7
