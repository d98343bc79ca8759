"""Images that are not where the files of a scene say: spelled otherwise, in another folder, or copies of another size."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.layout_files import LAYOUTS
from support.scene_files import (
    COUNT,
    SIZE,
    edit,
    error,
    notes,
    write_colmap,
    write_colmap_38,
    write_colmap_points,
    write_colmap_text,
    write_image,
    write_nerfstudio,
)
from support.scene_files import WRITERS as SCENES

from trigpoint.formats.image_files import ImageFinder
from trigpoint.formats.readers import open_scene

# Formats whose files name the images, and the folder that these are in.
NAMED = {
    "nerfstudio": "images",
    "colmap": "images",
    "kapture": "sensors/records_data/cam",
    "tum": "rgb",
    "cambridge": "seq1",
    "aachen": "images_upright/db",
    "opensfm": "images",
    "visualsfm": "images",
    "euroc": "mav0/cam0/data",
}
WRITERS = {**SCENES, **LAYOUTS}


def files_of(root: Path) -> list[Path]:
    return sorted(file for file in root.rglob("*") if file.suffix in (".jpg", ".png"))


@pytest.mark.parametrize("name", [*NAMED, "blender"])
def test_capitals(name, tmp_path):
    WRITERS[name](tmp_path)
    for file in files_of(tmp_path):
        file.rename(file.with_suffix(file.suffix.upper()))
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT
    assert f"note: Images spelled otherwise than listed: {COUNT} (first: " in notes(scene)
    assert "warning" not in notes(scene).replace("warning: There are no queries", "")
    assert all(frame.image_path.suffix.isupper() for frame in scene.frames)


@pytest.mark.parametrize("name", NAMED)
def test_another_folder(name, tmp_path):
    WRITERS[name](tmp_path)
    (tmp_path / NAMED[name]).rename(tmp_path / "photos of July")
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT
    assert "note: Images found by file name elsewhere than listed: " in notes(scene)
    assert "photos of July/" in notes(scene)


@pytest.mark.parametrize("name", NAMED)
def test_a_folder_that_the_user_names(name, tmp_path):
    WRITERS[name](tmp_path / "scene")
    (tmp_path / "scene" / NAMED[name]).rename(tmp_path / "outside")
    for other in ("seq2", "test"):
        if (tmp_path / "scene" / other).is_dir():
            shutil.move(tmp_path / "scene" / other, tmp_path / "outside")
    caught = error(tmp_path / "scene")
    assert (caught.code, "--images FOLDER" in caught.fix) == ("TP-206", True)
    assert len(open_scene(tmp_path / "scene", images=tmp_path / "outside").frames) == COUNT
    (tmp_path / "outside").rename(tmp_path / "scene" / "input")
    assert len(open_scene(tmp_path / "scene", images="input").frames) == COUNT
    assert error(tmp_path / "scene", images="inputs").code == "TP-201"


@pytest.mark.parametrize("name", ["ace", "sevenscenes", "twelvescenes", "joint"])
def test_formats_that_name_no_images_take_no_folder(name, tmp_path):
    WRITERS[name](tmp_path)
    caught = error(tmp_path, images=tmp_path)
    assert (caught.code, "--images" in caught.fix) == ("TP-728", True)


def rename_images(root: Path, name: Callable[[int], str]) -> None:
    """Let the model call its images otherwise than their files are called."""
    for file in (root / "sparse/0/images.txt", root / "transforms.json"):
        for index in range(COUNT) if file.is_file() else ():
            old = f"./images/{index:03d}.jpg" if file.suffix == ".json" else f"{index:03d}.jpg"
            new = name(index)
            edit(file, old, json.dumps(new)[1:-1] if file.suffix == ".json" else new)


@pytest.mark.parametrize("write", [write_colmap_text, write_nerfstudio])
@pytest.mark.parametrize("folder", ["/home/else/walk/images/", "C:\\Users\\else\\walk\\images\\", "images\\", ".\\images\\"])
def test_paths_of_another_machine(folder, write, tmp_path):
    write(tmp_path)
    rename_images(tmp_path, lambda index: f"{folder}{index:03d}.jpg")
    scene = open_scene(tmp_path)
    assert [frame.image_path.name for frame in scene.frames] == [f"{index:03d}.jpg" for index in range(COUNT)]
    assert all("\\" not in frame.name and not frame.name.startswith("/") for frame in scene.frames)
    assert "without a file" not in notes(scene)
    if write is write_colmap_text:
        assert scene.tracks is not None
        assert [len(scene.tracks.images[frame.name].point) for frame in scene.frames] == [1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("write", [write_colmap_text, write_nerfstudio])
def test_accents(write, listed, tmp_path):
    write(tmp_path)
    there = "NFD" if listed == "NFC" else "NFC"
    prefix = "" if write is write_colmap_text else "images/"
    rename_images(tmp_path, lambda index: unicodedata.normalize(listed, f"{prefix}Café {index}.jpg"))
    for index in range(COUNT):
        name = unicodedata.normalize(there, f"Café {index}.jpg")
        (tmp_path / "images" / f"{index:03d}.jpg").rename(tmp_path / "images" / name)
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT
    assert f"spelled otherwise than listed: {COUNT}" in notes(scene)


def test_a_name_that_two_files_have_is_not_guessed(tmp_path):
    write_colmap_38(tmp_path)
    shutil.copytree(tmp_path / "images", tmp_path / "left")
    (tmp_path / "images").rename(tmp_path / "right")
    caught = error(tmp_path)
    assert caught.code == "TP-206"
    assert "But left/000.jpg and right/000.jpg have its name." in caught.fix
    assert len(open_scene(tmp_path, images="left").frames) == COUNT


def test_folders_above_decide_between_files_of_one_name(tmp_path):
    names = [f"{camera}/{index}.jpg" for camera in ("left", "right") for index in range(COUNT // 2)]
    write_colmap_text(tmp_path)
    shutil.rmtree(tmp_path / "images")
    for index, name in enumerate(names):
        edit(tmp_path / "sparse" / "0" / "images.txt", f"{index:03d}.jpg", name)
        write_image(tmp_path / "copy" / name)
    scene = open_scene(tmp_path)
    assert [frame.image_path.relative_to(tmp_path / "copy").as_posix() for frame in scene.frames] == names
    assert [frame.sequence for frame in scene.frames] == ["left"] * 4 + ["right"] * 4


def test_a_missing_image_is_not_replaced_by_that_of_another_camera(tmp_path):
    write_colmap_text(tmp_path)
    names = [f"{camera}/{index}.jpg" for camera in ("left", "right") for index in range(COUNT // 2)]
    for index, name in enumerate(names):
        edit(tmp_path / "sparse" / "0" / "images.txt", f"{index:03d}.jpg", name)
        write_image(tmp_path / "images" / name)
    (tmp_path / "images" / "right" / "2.jpg").unlink()
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT - 1
    assert "Listed images without a file: 1 of 8 (first: right/2.jpg). But images/left/2.jpg has its name." in notes(scene)
    # Not of the model, but one image of its folder is in its place: what is missing there was taken away.
    write_image(tmp_path / "left out" / "2.jpg")
    (tmp_path / "images" / "left" / "2.jpg").unlink()
    assert len(open_scene(tmp_path).frames) == COUNT - 2


@pytest.mark.parametrize(
    "folder", ["masks", "image_masks", "depth", "depth_maps", "normals", ".trash", "images_2", "images_8"]
)
def test_what_lies_beside_images_under_their_names_is_none(folder, tmp_path):
    write_nerfstudio(tmp_path)
    (tmp_path / "images").rename(tmp_path / folder)
    assert error(tmp_path).code == ("TP-224" if folder.startswith("images_") else "TP-206")


def test_another_suffix_is_named(tmp_path):
    write_nerfstudio(tmp_path)
    for file in files_of(tmp_path):
        file.rename(file.with_suffix(".png"))
    assert "But images/000.png has another suffix." in error(tmp_path).fix


def test_links_that_lead_back(tmp_path):
    write_nerfstudio(tmp_path)
    (tmp_path / "images" / "again").symlink_to(tmp_path)
    (tmp_path / "images").rename(tmp_path / "photos")
    assert len(open_scene(tmp_path).frames) == COUNT
    assert ImageFinder(tmp_path).find("images/000.JPG", tmp_path / "images" / "000.JPG") is not None


def resize_images(folder: Path, size: tuple[int, int]) -> None:
    for file in files_of(folder):
        Image.open(file).resize(size).save(file)


@pytest.mark.parametrize("write", [write_nerfstudio, write_colmap])
@pytest.mark.parametrize("folder", ["images", "images_2"])
def test_resized_copies(folder, write, tmp_path):
    write(tmp_path)
    full = open_scene(tmp_path).frames
    resize_images(tmp_path, (49, 36))
    (tmp_path / "images").rename(tmp_path / folder)
    caught = error(tmp_path)
    assert (caught.code, "--scale-intrinsics" in caught.fix) == ("TP-221" if folder == "images" else "TP-224", True)
    scene = open_scene(tmp_path, scale_intrinsics=True)
    assert f"note: Cameras scaled to resized images: {COUNT} (first: by 0.7656 x 0.75)." in notes(scene)
    for frame, before in zip(scene.frames, full, strict=True):
        assert frame.camera == before.camera.resized(49, 36)
        assert frame.name == before.name
        np.testing.assert_array_equal(frame.pose().matrix(), before.pose().matrix())


def test_the_largest_of_the_reduced_copies_is_used(tmp_path):
    write_nerfstudio(tmp_path)
    shutil.copytree(tmp_path / "images", tmp_path / "images_4")
    (tmp_path / "images").rename(tmp_path / "images_2")
    scene = open_scene(tmp_path, scale_intrinsics=True)
    assert {frame.image_path.parent.name for frame in scene.frames} == {"images_2"}


def test_a_pixel_of_difference_says_so(tmp_path):
    write_nerfstudio(tmp_path)
    resize_images(tmp_path / "images", (SIZE[0] - 1, SIZE[1]))
    caught = error(tmp_path)
    assert caught.code == "TP-221"
    assert "the image has 63x48 px and its camera is for 64x48 px: a pixel of difference" in caught.what
    assert open_scene(tmp_path, scale_intrinsics=True).frames[0].camera.width == 63


def test_other_images_are_not_scaled(tmp_path):
    write_nerfstudio(tmp_path)
    resize_images(tmp_path / "images", (40, 40))
    assert error(tmp_path, scale_intrinsics=True).code == "TP-222"


def test_observed_points_are_scaled_with_their_images(tmp_path):
    write_colmap_points(tmp_path)
    full = open_scene(tmp_path)
    resize_images(tmp_path / "images", (48, 36))
    scene = open_scene(tmp_path, scale_intrinsics=True)
    assert scene.tracks is not None and full.tracks is not None
    for frame in scene.frames:
        seen = scene.tracks.images[frame.name]
        np.testing.assert_allclose(seen.image_px, full.tracks.images[frame.name].image_px * 0.75)
        projected = frame.camera.project(frame.pose().apply(scene.tracks.points[seen.point]))
        np.testing.assert_allclose(projected, seen.image_px, atol=1e-6)
    np.testing.assert_allclose(scene.tracks.error_px, full.tracks.error_px * 0.75)


def test_scenes_of_a_joint_scene_are_scaled(tmp_path):
    WRITERS["joint"](tmp_path)
    resize_images(tmp_path / "room" / "images", (48, 36))
    assert open_scene(tmp_path, scale_intrinsics=True).frames[0].camera.width == 48
