"""COLMAP text models as editors and other programs leave them: read as COLMAP means them, or an error with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from support.scene_files import (
    COUNT,
    FOCAL,
    SIZE,
    error,
    notes,
    poses,
    write_colmap,
    write_colmap_points,
    write_colmap_text,
    write_image,
)

from trigpoint.core.colmap import tracks_from_colmap
from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.core.scene import Scene
from trigpoint.formats.readers import open_scene

CAMERA = f"1 PINHOLE {SIZE[0]} {SIZE[1]} {FOCAL} {FOCAL} 32 24\n"
TWO_POINTS = "10 20 1 11.5 21.5 -1"


def image_line(index: int, name: str, image_id: int | None = None) -> str:
    pose = poses()[index]
    numbers = (*pose.quaternion_wxyz(), *pose.translation)
    return f"{image_id or index + 1} {' '.join(f'{number:.17g}' for number in numbers)} 1 {name}"


def write_model(root: Path, lines: list[str], *, cameras: str = CAMERA, points: str = "1 0 0 3 9 9 9 0.5 1 0 2 0\n") -> Path:
    """A text model with these lines of ``images.txt``, which start at line 2; the images are 000.jpg and so on."""
    model = root / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.txt").write_text(cameras)
    (model / "images.txt").write_text("\n".join(["# images", *lines]) + "\n")
    (model / "points3D.txt").write_text(points)
    for index in range(COUNT):
        write_image(root / "images" / f"{index:03d}.jpg")
    return model


def pairs(points: str = "") -> list[str]:
    return [line for index in range(COUNT) for line in (image_line(index, f"{index:03d}.jpg"), points)]


def check_poses(scene: Scene, missing: tuple[int, ...] = ()) -> None:
    expected = [pose for index, pose in enumerate(poses()) if index not in missing]
    for frame, pose in zip(scene.frames, expected, strict=True):
        assert rotation_angle_deg(frame.pose(), pose) < 1e-5, frame.name
        assert centre_distance(frame.pose(), pose) < 1e-6, frame.name


def test_empty_lines_of_2d_points_that_are_gone(tmp_path):
    model = write_model(tmp_path, [line for line in pairs() if line])
    for options in ({}, {"skip_invalid": True}):
        caught = error(tmp_path, **options)
        assert caught.code == "TP-214"
        assert caught.what == "line 3 is an image where its 2D points were expected: each image takes two lines"
        assert caught.where == f"{model / 'images.txt'}, line 3"
    lines = pairs(TWO_POINTS)
    del lines[5]
    (model / "images.txt").write_text("\n".join(lines))
    assert "line 6 is an image where" in error(tmp_path).what


@pytest.mark.parametrize("name", ["7", "7 8 9", "a b", "1 2 3 4 5 6"])
def test_names_of_numbers_are_told_from_2d_points(name, tmp_path):
    write_model(tmp_path, [image_line(0, name), image_line(1, name), ""])
    assert "line 3 is an image where" in error(tmp_path).what


def test_2d_points_without_their_image(tmp_path):
    lines = pairs(TWO_POINTS)
    lines.insert(3, "")
    write_model(tmp_path, lines)
    caught = error(tmp_path)
    assert (caught.code, "2D points where an image was expected" in caught.what) == ("TP-214", True)
    assert caught.where is not None and caught.where.endswith("images.txt, line 6")


def test_the_last_line_of_2d_points_may_be_missing(tmp_path):
    model = write_model(tmp_path, pairs())
    (model / "images.txt").write_text((model / "images.txt").read_text().rstrip())
    check_poses(open_scene(tmp_path))


@pytest.mark.parametrize("name", ["two words.jpg", "a  b/c d.jpg", "(1) #2.jpg"])
def test_names_with_spaces(name, tmp_path):
    model = write_model(tmp_path, [image_line(0, name), TWO_POINTS, image_line(1, "001.jpg"), TWO_POINTS])
    write_image(tmp_path / "images" / name)
    scene = open_scene(tmp_path)
    assert {frame.name for frame in scene.frames} == {name, "001.jpg"}
    assert rotation_angle_deg(next(frame for frame in scene.frames if frame.name == name).pose(), poses()[0]) < 1e-5
    assert scene.tracks is not None
    assert scene.tracks.images[name].image_px.tolist() == [[10, 20]]
    assert model.is_dir()


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
@pytest.mark.parametrize("file", ["cameras.txt", "images.txt", "points3D.txt"])
def test_marks_of_editors(file, change, tmp_path):
    model = write_model(tmp_path, pairs(TWO_POINTS))
    (model / file).write_bytes(change((model / file).read_text()).encode())
    check_poses(open_scene(tmp_path))


@pytest.mark.parametrize("file", ["cameras.txt", "images.txt", "points3D.txt"])
def test_utf_16_is_named(file, tmp_path):
    model = write_model(tmp_path, pairs(TWO_POINTS))
    (model / file).write_text((model / file).read_text(), encoding="utf-16")
    caught = error(tmp_path)
    assert (caught.code, "UTF-16" in caught.what, caught.where) == ("TP-212", True, str(model / file))


def test_decimal_commas(tmp_path):
    model = write_model(tmp_path, pairs(TWO_POINTS))
    (model / "cameras.txt").write_text(CAMERA.replace(str(FOCAL), "60,5"))
    caught = error(tmp_path)
    assert (caught.code, "'60,5' is not a number: it has a decimal comma" in caught.what) == ("TP-214", True)
    assert "cameras.txt, line 1" in str(caught.where)
    (model / "cameras.txt").write_text(CAMERA)
    for old, new, count in [(f"{poses()[1].translation[0]:.17g}", "0,5", 7), ("11.5", "11,5", 0)]:
        text = "\n".join(pairs(TWO_POINTS)).replace(f" {old} ", f" {new} ")
        (model / "images.txt").write_text(text)
        caught = error(tmp_path)
        assert (caught.code, f"'{new}' is not a number: it has a decimal comma" in caught.what) == ("TP-214", True)
        assert "images.txt, line" in str(caught.where)
        if count:
            assert len(open_scene(tmp_path, skip_invalid=True).frames) == count


@pytest.mark.parametrize("word", ["nan", "inf", "1e999"])
@pytest.mark.parametrize("column", [1, 7])
def test_one_image_with_nan(column, word, tmp_path):
    lines = pairs()
    words = lines[6].split()
    words[column] = word
    lines[6] = " ".join(words)
    model = write_model(tmp_path, lines)
    caught = error(tmp_path)
    assert (caught.code, caught.where) == ("TP-301", f"{model / 'images.txt'}, line 8, 003.jpg")
    scene = open_scene(tmp_path, skip_invalid=True)
    check_poses(scene, missing=(3,))
    assert "Images left out: 1 (003.jpg): TP-301" in notes(scene)


def test_an_image_id_that_is_there_twice(tmp_path):
    lines = pairs()
    lines[6] = image_line(3, "003.jpg", image_id=2)
    model = write_model(tmp_path, lines)
    caught = error(tmp_path)
    assert caught.code == "TP-232"
    assert caught.what == f"the image id 2 is there twice, here and at {model / 'images.txt'}, line 4, 001.jpg"
    assert caught.where == f"{model / 'images.txt'}, line 8, 003.jpg"
    check_poses(open_scene(tmp_path, skip_invalid=True), missing=(3,))


def test_an_image_name_that_is_there_twice(tmp_path):
    lines = pairs()
    lines[6] = image_line(3, "002.jpg")
    write_model(tmp_path, lines)
    assert error(tmp_path).code == "TP-205"
    scene = open_scene(tmp_path, skip_invalid=True)
    check_poses(scene, missing=(3,))
    assert "Images left out: 1 (002.jpg): TP-205 this image is listed twice" in notes(scene)


def test_a_camera_id_that_is_there_twice(tmp_path):
    write_model(tmp_path, pairs(), cameras=CAMERA + CAMERA.replace("60", "61"))
    caught = error(tmp_path)
    assert (caught.code, "the camera id 1 is there twice" in caught.what) == ("TP-232", True)
    assert "cameras.txt, line 2" in str(caught.where)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("1 0 0 5 9 9 9 0.5 1 0", "TP-232", "the point id 1 is there twice"),
        ("2 0 nan 5 9 9 9 0.5 1 0", "TP-232", "a 3D point is NaN or infinite"),
        ("2 0 0,5 5 9 9 9 0.5 1 0", "TP-214", "decimal comma"),
        ("2 0 0 5 9 9 9 0.5 1", "TP-214", "pairs of a track"),
        ("2 0 0 5", "TP-214", "got 4 words"),
    ],
)
def test_points_that_cannot_be_used(line, code, words, tmp_path):
    write_model(tmp_path, pairs(TWO_POINTS), points=f"1 0 0 3 9 9 9 0.5 1 0 2 0\n{line}\n")
    caught = error(tmp_path)
    assert (caught.code, words in caught.what) == (code, True)
    assert "points3D.txt, line 2" in str(caught.where)
    if code == "TP-232":
        scene = open_scene(tmp_path, skip_invalid=True)
        assert "3D points left out: 1." in notes(scene)
        assert scene.tracks is not None and scene.tracks.points.tolist() == [[0, 0, 3]]


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("kind", ["frames", "rigs"])
def test_rigs_without_frames_and_frames_without_rigs(kind, text, tmp_path):
    write_colmap(tmp_path, text=text)
    (tmp_path / "sparse" / "0" / f"{kind}{'.txt' if text else '.bin'}").unlink()
    check_poses(open_scene(tmp_path))


def test_tracks_are_those_that_pycolmap_reads(tmp_path):
    write_colmap_points(tmp_path / "text")
    model = tmp_path / "text" / "sparse" / "0"
    reconstruction = pycolmap.Reconstruction(model)
    (tmp_path / "binary").mkdir()
    reconstruction.write_binary(tmp_path / "binary")
    names = [f"{index:03d}.jpg" for index in range(COUNT)]
    expected = tracks_from_colmap(reconstruction, names, "")
    assert expected is not None
    for read in (open_scene(tmp_path / "text"), opened_binary(tmp_path)):
        assert read.tracks is not None
        np.testing.assert_array_equal(read.tracks.points, expected.points)
        np.testing.assert_array_equal(read.tracks.error_px, expected.error_px)
        for name, observations in expected.images.items():
            np.testing.assert_array_equal(read.tracks.images[name].point, observations.point)
            np.testing.assert_array_equal(read.tracks.images[name].image_px, observations.image_px)


def opened_binary(root: Path) -> Scene:
    """The binary model of ``root`` beside the images of the text model."""
    (root / "text" / "images").rename(root / "binary" / "images")
    return open_scene(root / "binary")


def test_a_point_that_does_not_exist_is_observed(tmp_path):
    write_colmap_text(tmp_path)
    file = tmp_path / "sparse" / "0" / "images.txt"
    file.write_text(file.read_text().replace("10 20 1", "10 20 77", 1))
    scene = open_scene(tmp_path)
    with pytest.raises(Exception, match="TP-232 an image observes a 3D point that does not exist"):
        _ = scene.tracks
    assert open_scene(tmp_path, skip_invalid=True).tracks is not None
