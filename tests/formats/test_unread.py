"""Folders that cannot be read are called by their name, with the way to poses."""

from __future__ import annotations

import os

import pytest
from support.scene_files import error, write_image, write_nerfstudio

FILES = {
    "stray/rgb.mp4": "Stray Scanner",
    "stray/odometry.csv": "Stray Scanner",
    "r3d/scan.r3d": "Record3D",
    "sens/scene0000_00.sens": "SensReader",
    "kitti/sequences/00/calib.txt": "KITTI with several sequences",
    "raw/2011_09_26/calib_cam_to_cam.txt": "raw drives of KITTI",
    "scannetpp/dslr/nerfstudio/transforms_undistorted.json": "ScanNet++",
    "arkitscenes/lowres_wide.traj": "ARKitScenes",
    "logger/ARposes.txt": "logger",
    "metashape/project.psx": "Metashape",
    "reality/scene.rcproj": "RealityCapture",
    "bundler/bundle.out": "Bundler",
    "meshroom/cameras.sfm": "Meshroom",
    "openmvg/sfm_data.json": "OpenMVG",
    "database/database.db": "COLMAP database without a model",
    "hloc/feats-superpoint.h5": "hloc",
    "ros1/walk.bag": "ROS bag",
    "ros2/walk_0.db3": "ROS bag",
    "aria/recording.vrs": "Project Aria",
    "pix4d/scene_calibrated_external_camera_parameters.txt": "Pix4D",
    "rtabmap/rtabmap.db": "RTAB-Map",
    "tanks/Ignatius_COLMAP_SfM.log": "Tanks and Temples",
    "nuscenes/v1.0-mini/ego_pose.json": "nuScenes",
    "poses/traj.txt": "poses without a calibration",
}


@pytest.mark.parametrize("folder", sorted({name.split("/")[0] for name in FILES}))
@pytest.mark.parametrize("images", [0, 3])
def test_layouts_are_named_with_a_way_to_convert_them(folder, images, tmp_path):
    words = set()
    for name, word in FILES.items():
        if name.startswith(f"{folder}/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"never read")
            words.add(word)
    for index in range(images):
        write_image(tmp_path / folder / "pictures" / f"{index}.jpg")
    caught = error(tmp_path / folder)
    assert caught.code == "TP-202"
    assert words.pop() in str(caught)
    assert "{" not in str(caught)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("cameras.xml", '<?xml version="1.0"?>\n<document version="2.0.0">\n  <chunk label="a">', "Metashape"),
        ("block.xml", "<BlocksExchange version='3.2'>", "ContextCapture"),
        ("a.xmp", '<x:xmpmeta><rdf:Description xcr:Rotation="1 0 0"/>', "RealityCapture"),
        ("cams.csv", "#name,x,y,alt,heading,pitch,roll\n", "RealityCapture"),
    ],
)
def test_files_that_many_programs_write_are_looked_into(name, text, words, tmp_path):
    write_image(tmp_path / "a.jpg")
    (tmp_path / name).write_text(text)
    assert words in str(error(tmp_path))
    assert words in str(error(tmp_path / name))
    (tmp_path / name).write_text("something else")
    assert "1 images but no poses" in str(error(tmp_path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("walk.mp4", "trigpoint reconstruct"),
        ("room.ply", "point cloud or mesh"),
        ("room.e57", "point cloud or mesh"),
        ("room.pts", "point cloud or mesh"),
        ("scan.r3d", "Record3D"),
        ("scene.zip", "packed"),
        ("scene.tar.gz", "packed"),
    ],
)
def test_files_alone_and_in_a_folder(name, words, tmp_path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / name).write_bytes(b"never read")
    assert words in str(error(tmp_path / "scene" / name))
    assert words in str(error(tmp_path / "scene"))


def test_images_alone_lead_to_reconstruct(tmp_path):
    for index in range(3):
        write_image(tmp_path / f"{index}.jpg")
    caught = error(tmp_path)
    assert "3 images but no poses" in caught.what
    assert f"trigpoint reconstruct {tmp_path} -o SCENE" in caught.fix


def test_commands_can_be_pasted(tmp_path):
    write_image(tmp_path / "my walk" / "a.jpg")
    assert f"reconstruct '{tmp_path / 'my walk'}' -o SCENE" in error(tmp_path / "my walk").fix


@pytest.mark.parametrize("name", ["Thumbs.db", "notes.csv", "edited.xmp", "metadata.yaml"])
def test_files_that_say_nothing_are_no_layout(name, tmp_path):
    write_image(tmp_path / "a.jpg")
    (tmp_path / name).write_text("name,x,y\n")
    assert "1 images but no poses" in str(error(tmp_path))


def test_a_pipe_is_not_looked_into(tmp_path):
    write_image(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "cameras.xml")
    assert "1 images but no poses" in str(error(tmp_path))


def test_files_of_another_name_that_describe_a_scene_are_proposed(tmp_path):
    write_nerfstudio(tmp_path)
    (tmp_path / "transforms.json").rename(tmp_path / "transforms_undistorted.json")
    assert f"Did you mean {tmp_path / 'transforms_undistorted.json'}?" in str(error(tmp_path))
