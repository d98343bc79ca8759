"""Aachen Day-Night: models, queries without poses."""

from __future__ import annotations

import numpy as np
import pytest
from support.scene_files import (
    COUNT,
    FOCAL,
    colmap_38_files,
    data_folder,
    edit,
    error,
    notes,
    write_aachen,
    write_image,
    write_nvm,
)

from trigpoint.formats.readers import open_scene

QUERY = "SIMPLE_RADIAL 64 48 70 32 24 -0.05"


def write_queries(root):
    for kind, names in (("day", ["query/day/a/1.jpg", "query/day/b/2.jpg"]), ("night", ["query/night/c/3.jpg"])):
        file = root / "queries" / f"{kind}_time_queries_with_intrinsics.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(f"{name} {QUERY}" for name in names))
        for name in names:
            write_image(root / "images_upright" / name)
    (root / "queries" / "day_time_queries_without_intrinsics.txt").write_text("query/day/a/1.jpg\n")


def test_queries_are_test_images_without_poses(tmp_path):
    write_aachen(tmp_path)
    write_queries(tmp_path)
    scene = open_scene(tmp_path)
    assert len(scene.frames) == COUNT + 3
    assert [frame.name for frame in scene.for_mapping()] == [f"db/{index}.jpg" for index in range(COUNT)]
    queries = [frame for frame in scene.frames if frame.split == "test"]
    assert [(frame.sequence, frame.cam_from_world) for frame in queries] == [("day", None), ("day", None), ("night", None)]
    assert queries[0].camera.params == (70, 32, 24, -0.05)
    assert not scene.problems


def test_no_queries_is_a_warning(tmp_path):
    write_aachen(tmp_path)
    assert "There are no queries" in notes(open_scene(tmp_path))


@pytest.mark.parametrize("folder", [".", "3D-models"])
def test_listed_intrinsics_are_taken_over_those_of_the_model(tmp_path, folder):
    write_aachen(tmp_path)
    write_nvm(tmp_path / "3D-models" / "aachen_cvpr2018_db.nvm", [f"db/{index}.jpg" for index in range(COUNT)], 0.08)
    (tmp_path / folder / "database_intrinsics.txt").write_text(f"db/0.jpg {QUERY}\n")
    scene = open_scene(tmp_path)
    assert scene.frames[0].camera.params == (70, 32, 24, -0.05)
    assert scene.frames[1].camera.model == "RADIAL"
    assert scene.frames[1].camera.params[0] == FOCAL


def test_a_colmap_model_replaces_the_nvm_file(tmp_path):
    write_aachen(tmp_path)
    write_queries(tmp_path)
    (tmp_path / "3D-models" / "aachen_cvpr2018_db.nvm").unlink()
    model = tmp_path / "3D-models" / "aachen_v_1_1"
    model.mkdir()
    for name, data in colmap_38_files(names=[f"db/{index}.jpg" for index in range(COUNT)]).items():
        (model / name).write_bytes(data)
    scene = open_scene(tmp_path)
    assert len(scene.for_mapping()) == COUNT
    assert scene.metric
    assert "COLMAP model 3D-models/aachen_v_1_1" in notes(scene)


def test_no_model_is_named(tmp_path):
    write_aachen(tmp_path)
    (tmp_path / "3D-models" / "aachen_cvpr2018_db.nvm").unlink()
    assert error(tmp_path).code == "TP-210"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (" 64 48 ", " ", "TP-312"),
        (QUERY, "SIMPLE_RADIAL 64", "TP-214"),
        ("SIMPLE_RADIAL", "SIMPLE_RADICAL", "TP-311"),
        (" 70 ", " x ", "TP-214"),
        (" 64 48 ", " 48 64 ", "TP-223"),
    ],
)
def test_damage_is_named(tmp_path, old, new, code):
    write_aachen(tmp_path)
    write_queries(tmp_path)
    edit(tmp_path / "queries" / "day_time_queries_with_intrinsics.txt", old, new)
    assert error(tmp_path).code == code


def test_real_sample():
    scene = open_scene(data_folder("formats/aachen"))
    assert [frame.name for frame in scene.for_mapping()] == ["db/1045.jpg", "db/1135.jpg", "db/4446.jpg"]
    assert len(scene.frames) == 7
    first = scene.frames[0]
    assert first.pose().centre() == pytest.approx([738.038, -6.17486, -41.8371])
    # The Bundler file beside it has the same camera in axes that are turned by 180 degrees about x, in camera and world.
    bundler = np.array(
        [
            [-0.9082055415, -0.008088418109, 0.4184462592],
            [0.1103628649, -0.9690542921, 0.2208026651],
            [0.4037111992, 0.2467151320, 0.8809931392],
        ]
    )
    turn = np.diag([1, -1, -1])
    assert np.abs(first.pose().rotation - turn @ bundler @ turn).max() < 1e-4
    assert turn @ first.pose().translation == pytest.approx([652.8335683, -84.70595671, -336.3358355], abs=1e-4)
    assert (first.camera.width, first.camera.height) == (1600, 1067)
