"""Every format gives the same poses; folders are recognised or explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.layout_files import LAYOUTS
from support.scene_files import (
    COUNT,
    FOCAL,
    WRITERS,
    data_folder,
    nerfstudio_document,
    notes,
    poses,
    write_colmap,
    write_colmap_38,
    write_colmap_text,
    write_image,
    write_nerfstudio,
)

from trigpoint.core.errors import TrigpointError
from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.core.scene import Scene
from trigpoint.formats.ace import pairing_stem
from trigpoint.formats.readers import READERS, open_scene

FIRST_NAMES = {
    "joint": "room/images/000.jpg",
    "ace": "test/rgb/frame-000006.color.jpg",
    "sevenscenes": "seq-01/frame-000000.color.png",
    "twelvescenes": "data/frame-000000.color.jpg",
    "cambridge": "seq1/frame00000.png",
    "aachen": "db/0.jpg",
    "kapture": "cam/000.jpg",
    "tum": "rgb/100.000000.png",
    "nerfstudio": "images/000.jpg",
    "colmap": "000.jpg",
    "blender": "test/r_0.png",
    "scannet": "color/0.jpg",
    "kitti": "image_2/000000.png",
    "euroc": "mav0/cam0/data/1403636579000000000.png",
    "opensfm": "000.jpg",
    "polycam": "keyframes/corrected_images/0.jpg",
    "record3d": "rgb/0.jpg",
    "acezero": "images/000.jpg",
    "visualsfm": "images/000.jpg",
    "bundler": "images/000.jpg",
    "scannerapp": "frame_00000.jpg",
    "mvsnet": "blended_images/00000000.jpg",
    "llff": "images/000.jpg",
}
# The poses of these are in no known unit.
UNSCALED = ("nerfstudio", "colmap", "blender", "opensfm", "acezero", "visualsfm", "bundler", "mvsnet", "llff")


def check_poses(scene: Scene) -> None:
    # Ordered by name, these have their test images (the last two) first.
    frames = scene.frames if scene.format not in ("ace", "blender") else (*scene.frames[2:], *scene.frames[:2])
    for frame, expected in zip(frames, poses(), strict=True):
        assert rotation_angle_deg(frame.pose(), expected) < 1e-5, frame.name
        assert centre_distance(frame.pose(), expected) < 1e-6, frame.name


@pytest.mark.parametrize("name", READERS)
def test_every_reader_gives_poses_and_cameras(name, tmp_path):
    (WRITERS | LAYOUTS)[name](tmp_path)
    scene = open_scene(tmp_path)
    assert scene.format == name
    assert [reader.name for reader in READERS.values() if reader.sniff(tmp_path)] == [name]
    check_poses(scene)
    assert scene.frames[0].name == FIRST_NAMES[name]
    assert scene.metric == (name not in UNSCALED)
    camera = scene.frames[-1].camera
    fx, fy, cx, cy = camera.pinhole_params()
    assert (fx, fy) == ((585, 585) if name == "sevenscenes" else (FOCAL, FOCAL))
    assert (cx, cy) == (camera.width / 2, camera.height / 2)
    assert open_scene(tmp_path).frames[0].name == scene.frames[0].name
    assert open_scene(str(tmp_path), format=name, metric=not scene.metric).metric is not scene.metric


@pytest.mark.parametrize("write", [write_colmap_38, write_colmap, write_colmap_text])
def test_colmap_of_every_age(write, tmp_path):
    write(tmp_path)
    check_poses(open_scene(tmp_path))
    check_poses(open_scene(tmp_path / "sparse"))
    check_poses(open_scene(tmp_path / "sparse" / "0"))


@pytest.mark.parametrize("model", [".", "sparse", "sparse/0", "colmap/sparse/0", "sparse/3"])
def test_colmap_scenes(model, tmp_path):
    write_colmap_38(tmp_path, model=model)
    check_poses(open_scene(tmp_path))


def test_colmap_takes_the_largest_sub_model_and_says_so(tmp_path):
    write_colmap_38(tmp_path, model="sparse/0", count=3)
    write_colmap_38(tmp_path, model="sparse/1")
    write_colmap_38(tmp_path, model="sparse/2", count=4)
    write_image(tmp_path / "images" / "unplaced.jpg")
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT
    assert "3 partial models; sparse/1 is used" in notes(scene)
    assert "not part of the model: 1 (first: unplaced.jpg)" in notes(scene)


@pytest.mark.parametrize("name", ["colmap", "nerfstudio"])
def test_listed_images_without_a_file_are_a_warning(name, tmp_path):
    WRITERS[name](tmp_path)
    for index in (2, 5, 6):
        (tmp_path / "images" / f"{index:03d}.jpg").unlink()
    scene = open_scene(tmp_path)
    assert len(scene.frames) == 5
    assert "warning: Listed images without a file: 3 of 8 (first: " in notes(scene)
    assert "002.jpg" in notes(scene)


def test_sequences_and_splits(tmp_path):
    WRITERS["sevenscenes"](tmp_path)
    scene = open_scene(tmp_path)
    assert [(frame.sequence, frame.split) for frame in scene.frames] == [("seq-01", "train")] * 4 + [("seq-02", "test")] * 4
    assert scene.frames[0].depth_path == tmp_path / "seq-01" / "frame-000000.depth.png"
    assert "585 px" in notes(scene)


def test_ace_with_one_split_and_plain_names(tmp_path):
    WRITERS["ace"](tmp_path)
    shutil.rmtree(tmp_path / "test")
    for file in list(tmp_path.rglob("*.txt")) + list(tmp_path.rglob("*.jpg")):
        file.rename(file.with_name(file.name.split(".")[0] + file.suffix))
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["train"] * 6
    assert scene.frames[0].name == "train/rgb/frame-000000.jpg"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("frame-000000.color.jpg", "frame-000000"),
        ("frame-000000.pose.txt", "frame-000000"),
        ("frame-000000.calibration.txt", "frame-000000"),
        ("a.b_rgb.png", "a.b"),
        ("x.txt", "x"),
        ("color.png", "color"),
    ],
)
def test_pairing_stem(name, stem):
    assert pairing_stem(name) == stem


@pytest.mark.parametrize(
    ("changes", "model", "params"),
    [
        ({}, "PINHOLE", (60, 60, 32, 24)),
        ({"k1": 0.1, "p1": 0.01}, "OPENCV", (60, 60, 32, 24, 0.1, 0, 0.01, 0)),
        ({"k1": 0.1, "k3": 0.2}, "FULL_OPENCV", (60, 60, 32, 24, 0.1, 0, 0, 0, 0.2, 0, 0, 0)),
        ({"camera_model": "OPENCV_FISHEYE", "k4": 0.1}, "OPENCV_FISHEYE", (60, 60, 32, 24, 0, 0, 0, 0.1)),
        ({"is_fisheye": True}, "OPENCV_FISHEYE", (60, 60, 32, 24, 0, 0, 0, 0)),
        ({"fl_y": None, "cx": None, "camera_model": "SIMPLE_PINHOLE"}, "PINHOLE", (60, 60, 32, 24)),
        ({"fl_x": None, "fl_y": None, "camera_angle_x": 2 * np.arctan(0.4)}, "PINHOLE", (80, 80, 32, 24)),
        ({"w": None, "h": None}, "PINHOLE", (60, 60, 32, 24)),
    ],
)
@pytest.mark.parametrize("per_frame", [False, True])
def test_nerfstudio_intrinsics(changes, model, params, per_frame, tmp_path):
    write_nerfstudio(tmp_path)
    document = nerfstudio_document()
    for target in document["frames"] if per_frame else [document]:
        target.update(changes)
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    camera = open_scene(tmp_path).frames[0].camera
    assert (camera.model, camera.width, camera.height) == (model, 64, 48)
    assert camera.params == pytest.approx(params)


@pytest.mark.parametrize("style", ["images/{}.jpg", "images/{}", ".\\images\\{}.jpg", "{root}/images/{}.jpg"])
def test_nerfstudio_file_paths(style, tmp_path):
    write_nerfstudio(tmp_path)
    document = nerfstudio_document()
    for index, frame in enumerate(document["frames"]):
        frame["file_path"] = style.format(f"{index:03d}", root=tmp_path)
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    scene = open_scene(tmp_path / "transforms.json")
    assert [frame.name for frame in scene.frames] == [f"images/{index:03d}.jpg" for index in range(COUNT)]
    check_poses(scene)


def test_nerfstudio_splits(tmp_path):
    write_nerfstudio(tmp_path)
    document = nerfstudio_document()
    files = [frame["file_path"] for frame in document["frames"]]
    document |= {"train_filenames": files[:5], "val_filenames": files[5:7], "applied_transform": np.eye(4)[:3].tolist()}
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    scene = open_scene(tmp_path)
    assert [frame.split for frame in scene.frames] == ["train"] * 5 + ["test"] * 2 + [None]
    assert "not used: 1" in notes(scene)
    assert "applied_transform" in notes(scene)


@pytest.mark.parametrize(
    ("folder", "header", "model", "fx"),
    [
        ("rgbd_dataset_freiburg1_desk", "", "FULL_OPENCV", 517.306408),
        ("tum_fr2_xyz", "", "FULL_OPENCV", 520.908620),
        ("fr3_office", "", "PINHOLE", 535.4),
        ("desk", "# file: 'rgbd_dataset_freiburg3_x.bag'\n", "PINHOLE", 535.4),
    ],
)
def test_tum_published_intrinsics(folder, header, model, fx, tmp_path):
    root = tmp_path / folder
    WRITERS["tum"](root)
    (root / "camera.json").unlink()
    (root / "rgb.txt").write_text(header + (root / "rgb.txt").read_text())
    for file in root.rglob("*.png"):
        write_image(file, (640, 480))
    camera = open_scene(root).frames[0].camera
    assert (camera.model, camera.params[0]) == (model, fx)


def test_the_more_specific_format_wins(tmp_path):
    write_colmap(tmp_path)
    write_nerfstudio(tmp_path)
    scene = open_scene(tmp_path)
    assert scene.format == "nerfstudio"
    assert "also a colmap scene" in notes(scene)
    assert open_scene(tmp_path, format="colmap").format == "colmap"


def test_unrecognised_folders_are_explained(tmp_path):
    def message(path: Path, **options: Any) -> str:
        with pytest.raises(TrigpointError) as caught:
            open_scene(path, **options)
        return str(caught.value)

    assert message(tmp_path / "none").startswith("TP-201")
    assert message(tmp_path / ("x" * 5000)).startswith("TP-201")
    assert message(tmp_path).startswith("TP-202 an empty folder")
    (tmp_path / "scene.zip").write_bytes(b"PK")
    assert "only packed files (scene.zip)" in message(tmp_path)
    write_image(tmp_path / "raw" / "a.jpg")
    write_image(tmp_path / "raw" / "b.png")
    assert "TP-202 a folder with 2 images but no poses" in message(tmp_path / "raw")
    assert "structure from motion" in message(tmp_path / "raw")
    assert "TP-202 this file does not describe a scene" in message(tmp_path / "raw" / "a.jpg")
    write_colmap(tmp_path / "inner")
    assert f"Did you mean {tmp_path / 'inner'}?" in message(tmp_path)
    assert "TP-203 unknown scene format 'colmp'" in message(tmp_path, format="colmp")
    assert "Did you mean 'colmap'" in message(tmp_path, format="colmp")
    assert message(tmp_path / "inner", format="ace").startswith("TP-203 this is not a scene in ace format")


@pytest.mark.parametrize(
    ("folder", "name", "count", "metric"),
    [
        ("redkitchen_ace", "ace", 200, True),
        ("fox_nerfstudio", "nerfstudio", 50, False),
        ("bonsai_colmap", "colmap", 292, False),
        ("formats/sevenscenes_raw/stairs", "sevenscenes", 12, True),
        ("formats/tum_fr1_rpy", "tum", 25, True),
    ],
)
def test_real_samples(folder, name, count, metric):
    scene = open_scene(data_folder(folder))
    assert (scene.format, len(scene.frames), scene.metric) == (name, count, metric)
    assert all(frame.image_path.is_file() for frame in scene.frames)
