"""Synthetic scenes: equal bytes for equal settings, written as they are returned, fair test images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.synthetic_scenes import PINHOLE, scene_of

from trigpoint.core.errors import ConfigError
from trigpoint.core.image import read_image
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.scene import Scene
from trigpoint.formats.readers import open_scene
from trigpoint.synthetic.scene import SyntheticConfig, synthetic_camera, write_synthetic_scene
from trigpoint.synthetic.views import MIN_CLEARANCE_M, held_out_views, mapping_views
from trigpoint.synthetic.world import SCENES, build_world

SMALL = SyntheticConfig(
    width=160, height=120, n_train=14, n_test=2, n_test_night=1, train_night_fraction=0.25, write_depth=True
)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return write_synthetic_scene(tmp_path_factory.mktemp("scene"), SMALL)


def test_equal_settings_give_equal_bytes_and_another_seed_does_not(scene: Scene, tmp_path: Path) -> None:
    write_synthetic_scene(tmp_path / "again", SMALL)
    write_synthetic_scene(tmp_path / "other", replace(SMALL, seed=1))
    first, again, other = tree(scene.root), tree(tmp_path / "again"), tree(tmp_path / "other")
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


def test_scene_reads_back_as_returned(scene: Scene) -> None:
    read = open_scene(scene.root, metric=True)
    assert [frame.name for frame in read.frames] == [frame.name for frame in scene.frames]
    for there, here in zip(read.frames, scene.frames, strict=True):
        assert there.split == here.split
        assert there.camera == here.camera
        assert np.allclose(there.pose().matrix(), here.pose().matrix(), atol=1e-9)


def test_distorted_camera_reads_back(tmp_path: Path) -> None:
    config = SyntheticConfig(width=96, height=64, n_train=1, n_test=0, camera_model="OPENCV")
    written = write_synthetic_scene(tmp_path, config)
    (frame,) = open_scene(tmp_path).frames
    assert frame.camera == written.frames[0].camera == synthetic_camera(config)
    assert frame.name == "images/walk/0000.jpg"


def test_sequences_splits_and_depth_files(scene: Scene) -> None:
    by_sequence = {name: [f for f in scene.frames if f.sequence == name] for name in ("walk", "test-day", "test-night")}
    assert {name: len(frames) for name, frames in by_sequence.items()} == {"walk": 14, "test-day": 2, "test-night": 1}
    assert scene.metric
    assert {frame.split for frame in by_sequence["walk"]} == {"train"}
    means = sorted(read_image(frame.image_path).gray.mean() for frame in by_sequence["walk"])
    assert sum(mean < 75 for mean in means) == round(0.25 * 14)
    frame = by_sequence["walk"][0]
    assert frame.depth_path is not None
    stored = np.asarray(cv2.imread(str(frame.depth_path), cv2.IMREAD_UNCHANGED))
    assert stored.dtype == np.uint16
    depth_m = build_world("room", SMALL.seed).depth_m(frame.pose(), frame.camera)
    assert np.abs(stored / 1000 - depth_m).max() < 6e-4


@pytest.mark.parametrize("kind", list(SCENES))
def test_viewpoints_are_free_and_test_views_are_off_the_walk(kind: str) -> None:
    scene = scene_of(kind)
    walk = mapping_views(scene, 42)
    assert len(walk) == 42
    assert {view.cell for view in walk} == set(range(len(scene.walks)))
    assert min(scene.clearance(view.pose.centre()) for view in walk) > MIN_CLEARANCE_M
    tests = held_out_views(scene, walk, 4, PINHOLE, "day")
    fine = [(walk.pose(t), cell) for cell, walk in enumerate(scene.walks) for t in np.linspace(0, 1, 300)]
    for view in tests:
        centre = view.pose.centre()
        assert scene.clearance(centre) >= MIN_CLEARANCE_M
        assert all(box.distance(centre[None])[0] > 0 for box in scene.boxes)
        near = [pose for pose, cell in fine if cell == view.cell and centre_distance(pose, view.pose) <= 0.52]
        assert min(rotation_angle_deg(pose, view.pose) for pose in near) < 15.5
        assert min(centre_distance(view.pose, other.pose) for other in walk) > 0.02


def test_inside_a_box_there_is_no_clearance() -> None:
    scene = scene_of("room")
    assert all(scene.clearance(box.centre) == 0 for box in scene.boxes)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rom"},
        {"camera_model": "FISHEYE"},
        {"n_train": 0},
        {"n_test": -1},
        {"train_night_fraction": 1.5},
        {"width": 8},
    ],
)
def test_impossible_settings_are_refused(change: dict) -> None:
    with pytest.raises(ConfigError, match=r"TP-731.*" + next(iter(change))):
        SyntheticConfig(**change)


def test_unknown_scene_and_lighting_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"TP-731.*Did you mean 'street'"):
        build_world("stret", 0)
    with pytest.raises(ConfigError, match=r"TP-731.*Did you mean 'night'"):
        scene_of("room").render(Pose.identity(), PINHOLE, "nihgt")


def test_too_few_mapping_images_for_fair_test_images() -> None:
    scene = scene_of("room")
    with pytest.raises(ConfigError, match="TP-732"):
        held_out_views(scene, mapping_views(scene, 1), 1, PINHOLE, "day")
