"""Layouts of other programs: what each has of its own, and what is missing or wrong. Poses are in test_readers.py."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.layout_files import (
    LAYOUTS,
    opensfm_document,
    write_acezero,
    write_blender,
    write_bundler,
    write_euroc,
    write_kitti,
    write_llff,
    write_mvsnet,
    write_opensfm,
    write_polycam,
    write_record3d,
    write_scannerapp,
    write_scannet,
    write_visualsfm,
)
from support.scene_files import COUNT, FOCAL, edit, error, notes, poses, write_image, write_matrix

from trigpoint.core.camera import Camera
from trigpoint.core.image import read_image
from trigpoint.core.pose import centre_distance
from trigpoint.formats.readers import open_scene


def rewrite(file, change):
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_blender_splits_and_background(tmp_path):
    write_blender(tmp_path)
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["test"] * 2 + ["train"] * 6
    # Transparent pixels are on white, as all programs show them.
    assert read_image(scene.frames[0].image_path).gray.min() == 255
    (tmp_path / "transforms_test.json").rename(tmp_path / "transforms_val.json")
    assert [frame.split for frame in open_scene(tmp_path).frames] == ["test"] * 2 + ["train"] * 6
    document = json.loads((tmp_path / "transforms_val.json").read_text())
    (tmp_path / "transforms_test.json").write_text(json.dumps(document | {"frames": document["frames"][1:]}))
    document["frames"] = document["frames"][:1]
    (tmp_path / "transforms_val.json").write_text(json.dumps(document))
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == [None, "test"] + ["train"] * 6
    assert "Validation images, neither mapped nor tested: 1" in notes(scene)


def test_scannet_leaves_lost_images_out_and_names_them(tmp_path):
    write_scannet(tmp_path)
    (tmp_path / "pose" / "3.txt").write_text("-inf -inf -inf -inf\n" * 4)
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "4.png").write_bytes(b"never read")
    scene = open_scene(tmp_path)
    assert "without a pose in the data set, left out: 1 (color/3.jpg)" in notes(scene)
    assert [frame.depth_path for frame in scene.frames if frame.depth_path] == [tmp_path / "depth" / "4.png"]
    (tmp_path / "pose" / "5.txt").write_text("nan 0 0 0\n" * 4)
    caught = error(tmp_path)
    assert (caught.code, "5.txt" in str(caught)) == ("TP-301", True)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 2


def test_scannet_intrinsics(tmp_path):
    write_scannet(tmp_path)
    file = tmp_path / "intrinsic" / "intrinsic_color.txt"
    # Those of the data set, for 1296x968 px, with images that were exported smaller.
    write_matrix(file, np.diag([FOCAL * 2, FOCAL * 2, 1, 1]) + np.array([[0, 0, 64, 0], [0, 0, 48, 0], [0] * 4, [0] * 4]))
    caught = error(tmp_path)
    assert caught.code == "TP-221"
    assert "64x48 px, its calibration a principal point of 64, 48 px" in str(caught)
    file.rename(tmp_path / "intrinsics_color.txt")
    assert error(tmp_path).code == "TP-221"
    (tmp_path / "intrinsics_color.txt").unlink()
    assert error(tmp_path).code == "TP-210"


def test_kitti_finds_the_poses_of_a_sequence(tmp_path):
    root = tmp_path / "dataset" / "sequences" / "03"
    write_kitti(root)
    (tmp_path / "dataset" / "poses").mkdir()
    (root / "poses.txt").rename(tmp_path / "dataset" / "poses" / "03.txt")
    (root / "image_3").mkdir()
    scene = open_scene(root)
    assert centre_distance(scene.frames[5].pose(), poses()[5]) < 1e-9
    assert "image_2 are used, not those of image_3" in notes(scene)
    caught = error(tmp_path / "dataset")
    assert "KITTI with several sequences" in str(caught) and "sequences/00" in str(caught)
    (tmp_path / "dataset" / "poses" / "03.txt").unlink()
    assert error(root).code == "TP-210"


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "where"),
    [
        ("poses.txt", "\n", " 5\n", "TP-214", "poses.txt, line 1"),
        ("calib.txt", "P2:", "P4:", "TP-214", "calib.txt"),
        ("calib.txt", "P2: 60", "P2: x", "TP-214", "calib.txt, line 2"),
        ("calib.txt", "P2: 60", "P2: nan", "TP-214", "calib.txt"),
    ],
)
def test_kitti_damage(file, old, new, code, where, tmp_path):
    write_kitti(tmp_path)
    edit(tmp_path / file, old, new)
    caught = error(tmp_path)
    assert (caught.code, where in str(caught)) == (code, True)


def test_kitti_with_fewer_poses_than_images(tmp_path):
    write_kitti(tmp_path)
    write_image(tmp_path / "image_2" / "000008.png")
    caught = error(tmp_path)
    assert caught.code == "TP-204" and "poses.txt has 8 lines" in str(caught)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT


def test_euroc_leaves_out_what_the_ground_truth_does_not_cover(tmp_path):
    write_euroc(tmp_path)
    truth = tmp_path / "mav0" / "state_groundtruth_estimate0" / "data.csv"
    lines = truth.read_text().splitlines()
    truth.write_text("\n".join([lines[0], *lines[5:-1]]))
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT - 3
    assert "outside the times of the ground truth, left out: 3 (mav0/cam0/data/1403636579000000000.png, " in notes(scene)
    assert open_scene(tmp_path / "mav0").frames[0].name.startswith("cam0/data/")


def test_euroc_lenses(tmp_path):
    write_euroc(tmp_path)
    file = tmp_path / "mav0" / "cam0" / "sensor.yaml"
    edit(file, "[0.0, 0.0, 0.0, 0.0]", "[-0.28, 0.07, 0.0002, 1.8e-05]")
    camera = Camera("OPENCV", 64, 48, (60, 60, 32, 24, -0.28, 0.07, 0.0002, 1.8e-05))
    assert open_scene(tmp_path).frames[0].camera == camera
    edit(file, "radial-tangential", "equidistant")
    assert open_scene(tmp_path).frames[0].camera.model == "OPENCV_FISHEYE"
    edit(file, "equidistant", "mei")
    assert error(tmp_path).code == "TP-311"


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "words"),
    [
        ("cam0/sensor.yaml", "resolution", "size", "TP-219", "'resolution' with 2 numbers is missing"),
        ("cam0/sensor.yaml", "cols: 4", "cols 4", "TP-214", "line 7 is not of the form 'key: value'"),
        ("cam0/sensor.yaml", "24] #", "24 #", "TP-214", "has no end"),
        ("cam0/sensor.yaml", "T_BS", "T", "TP-219", "'data' with 16 numbers is missing"),
        ("cam0/data.csv", ",1403636579000000000.png", "", "TP-214", "data.csv, line 2"),
        ("state_groundtruth_estimate0/data.csv", ",0\n", "\n", "TP-214", None),
        ("state_groundtruth_estimate0/data.csv", "#timestamp", "1,2\n#", "TP-214", "data.csv, line 1"),
    ],
)
def test_euroc_damage(file, old, new, code, words, tmp_path):
    write_euroc(tmp_path)
    if words is None:
        (tmp_path / "mav0" / file).unlink()
        assert error(tmp_path).code == "TP-210"
        return
    edit(tmp_path / "mav0" / file, old, new)
    caught = error(tmp_path)
    assert caught.code == code
    assert words in str(caught)


@pytest.mark.parametrize(
    ("changes", "model", "params"),
    [
        ({"k1": 0.1, "k2": 0.02}, "OPENCV", (60, 60, 32, 24, 0.1, 0.02, 0, 0)),
        (
            {
                "projection_type": "brown",
                "focal": None,
                "focal_x": 1,
                "focal_y": 1.25,
                "c_x": 0.125,
                "c_y": -0.0625,
                "p1": 0.01,
            },
            "OPENCV",
            (64, 80, 40, 20, 0, 0, 0.01, 0),
        ),
        ({"projection_type": "brown", "k3": 0.1}, "FULL_OPENCV", (60, 60, 32, 24, 0, 0, 0, 0, 0.1, 0, 0, 0)),
        ({"projection_type": "fisheye", "k1": 0.1, "k2": 0.02}, "OPENCV_FISHEYE", (60, 60, 32, 24, 0.1, 0.02, 0, 0)),
    ],
)
def test_opensfm_cameras(changes, model, params, tmp_path):
    write_opensfm(tmp_path)
    document = opensfm_document()
    camera = document[1]["cameras"]["v2 phone"]
    camera.update(changes)
    if camera["focal"] is None:
        del camera["focal"]
    (tmp_path / "reconstruction.json").write_text(json.dumps(document))
    scene = open_scene(tmp_path)
    assert "2 partial reconstructions" in notes(scene)
    assert scene.frames[0].camera.model == model
    assert scene.frames[0].camera.params == pytest.approx(params)


def test_opensfm_of_opendronemap_and_damage(tmp_path):
    write_opensfm(tmp_path / "project")
    (tmp_path / "project" / "opensfm").mkdir()
    file = (tmp_path / "project" / "reconstruction.json").rename(tmp_path / "project" / "opensfm" / "reconstruction.json")
    assert len(open_scene(tmp_path / "project").frames) == COUNT
    for change, code in [
        (lambda parts: parts[1]["shots"]["003.jpg"].update(rotation=[float("nan")] * 3), "TP-301"),
        (lambda parts: parts[1]["shots"]["003.jpg"].update(translation=[1, 2]), "TP-219"),
        (lambda parts: parts[1]["shots"]["003.jpg"].update(camera="v3"), "TP-219"),
        (lambda parts: parts[1]["cameras"]["v2 phone"].update(projection_type="spherical"), "TP-311"),
        (lambda parts: parts.clear(), "TP-213"),
    ]:
        file.write_text(json.dumps(opensfm_document()))
        rewrite(file, change)
        caught = error(tmp_path / "project")
        assert caught.code == code
        if code in ("TP-301", "TP-219"):
            assert "003.jpg" in str(caught)
            assert len(open_scene(tmp_path / "project", skip_invalid=True).frames) == COUNT - 1


def test_polycam_prefers_corrected_poses(tmp_path):
    write_polycam(tmp_path, prefix="")
    scene = open_scene(tmp_path)
    assert "they drift" in notes(scene)
    assert scene.frames[0].name == "keyframes/images/0.jpg"
    write_polycam(tmp_path)
    assert open_scene(tmp_path / "keyframes").frames[0].name == "corrected_images/0.jpg"
    file = tmp_path / "keyframes" / "corrected_cameras" / "3.json"
    rewrite(file, lambda camera: camera.pop("t_12"))
    caught = error(tmp_path)
    assert (caught.code, caught.where) == ("TP-219", str(file))
    file.unlink()
    assert error(tmp_path).code == "TP-215"
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1


def test_record3d_intrinsics_of_each_image_and_damage(tmp_path):
    write_record3d(tmp_path)
    file = tmp_path / "metadata.json"
    rewrite(file, lambda values: values.update(perFrameIntrinsicCoeffs=[[61 + index, 62, 33, 25] for index in range(COUNT)]))
    assert open_scene(tmp_path).frames[2].camera.params == (63, 62, 33, 25)
    write_image(tmp_path / "rgb" / "8.jpg")
    caught = error(tmp_path)
    assert caught.code == "TP-204" and "metadata.json has 8" in str(caught)
    rewrite(file, lambda values: values["poses"][3].pop())
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1
    file.rename(tmp_path / "metadata")
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1


def test_acezero_leaves_unreliable_images_out_and_names_them(tmp_path):
    write_acezero(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    file = (tmp_path / "poses_final.txt").rename(results / "poses_final.txt")
    edit(file, " 4321\n", " 999.5\n")
    scene = open_scene(results)
    assert len(scene.frames) == COUNT - 1
    assert "confidence below 1000, left out: 1 (images/000.jpg)" in notes(scene)
    assert open_scene(file).frames[0].camera == Camera("SIMPLE_PINHOLE", 64, 48, (60, 32, 24))
    file.write_text(file.read_text().replace(" 4321", " 12"))
    assert error(results).code == "TP-211"
    file.write_text("images/000.jpg 1 0 0 0 0 0 0\n")
    assert (error(results).code, error(results).where) == ("TP-214", f"{file}, line 1")


def test_visualsfm_from_the_file_itself(tmp_path):
    write_visualsfm(tmp_path)
    write_visualsfm(tmp_path / "second")
    scene = open_scene(tmp_path / "second" / "model.nvm")
    assert (scene.format, len(scene.frames)) == ("visualsfm", COUNT)
    (tmp_path / "images" / "003.jpg").unlink()
    assert "without a file: 1 of 8 (first: images/003.jpg)" in notes(open_scene(tmp_path))


def test_bundler_images_and_damage(tmp_path):
    write_bundler(tmp_path)
    scene = open_scene(tmp_path)
    assert "did not register: 1 (images/008.jpg)" in notes(scene)
    assert scene.frames[0].camera.model == "RADIAL"
    model = tmp_path / "bundle" / "bundle.out"
    good = model.read_text()
    for old, new, code, where in [
        ("9 0\n", "10 0\n", "TP-214", "bundle.out"),
        ("9 0\n", "x 0\n", "TP-214", "bundle.out, line 2"),
        ("60 0 0\n", "60 0\n", "TP-214", "bundle.out, line 3"),
        ("60 0 0\n", "60 0 x\n", "TP-214", "bundle.out, line 3"),
    ]:
        model.write_text(good.replace(old, new, 1))
        caught = error(tmp_path)
        assert (caught.code, where in str(caught)) == (code, True)
    model.write_text(good)
    edit(tmp_path / "list.txt", "images/008.jpg 0 60.0\n", "")
    assert error(tmp_path).code == "TP-215"
    (tmp_path / "list.txt").unlink()
    assert "Bundler without the list" in str(error(tmp_path))


def test_scannerapp_frames_without_an_image_are_counted(tmp_path):
    write_scannerapp(tmp_path)
    assert "Frames without an image, not used: 8." in notes(open_scene(tmp_path))
    (tmp_path / "frame_00004.json").write_text('{"intrinsics": [1]}')
    caught = error(tmp_path)
    assert caught.code == "TP-219" and "frame_00004.json" in str(caught)
    (tmp_path / "frame_00004.json").unlink()
    assert error(tmp_path).code == "TP-215"
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1


def test_mvsnet_with_reduced_calibration_and_damage(tmp_path):
    write_mvsnet(tmp_path)
    file = tmp_path / "cams" / "00000002_cam.txt"
    good = file.read_text()
    file.write_text(good.replace("60 0 32", "15 0 8"))
    assert error(tmp_path).code == "TP-221"
    file.write_text(good.replace("intrinsic", "matrix"))
    assert (error(tmp_path).code, error(tmp_path).where) == ("TP-214", str(file))
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1


def test_llff_damage(tmp_path):
    write_llff(tmp_path)
    rows = np.load(tmp_path / "poses_bounds.npy")
    rows[2, 3] = np.nan
    np.save(tmp_path / "poses_bounds.npy", rows)
    caught = error(tmp_path)
    assert caught.code == "TP-301" and "row 2" in str(caught)
    assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1
    for content, code in [(rows[1:], "TP-215"), (rows[:, 1:], "TP-214"), (np.array([{}], dtype=object), "TP-214")]:
        np.save(tmp_path / "poses_bounds.npy", content, allow_pickle=True)
        assert error(tmp_path).code == code


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_refuses_images_of_another_size(name, tmp_path):
    LAYOUTS[name](tmp_path)
    image = next(
        iter(sorted(path for path in tmp_path.rglob("*") if path.suffix in (".png", ".jpg") and "_m" not in path.stem))
    )
    write_image(image, (640, 100))
    if name in ("blender", "acezero", "visualsfm", "bundler"):
        # Without a size in the files the camera is that of the image.
        assert open_scene(tmp_path).frames[0].camera.width == 640
    else:
        assert error(tmp_path).code in ("TP-221", "TP-222")
        assert len(open_scene(tmp_path, skip_invalid=True).frames) == COUNT - 1
