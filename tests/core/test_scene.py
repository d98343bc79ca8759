"""Which images of a scene are mapped; scenes from reconstructions in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.fake_localizer import make_frames
from support.scene_files import write_colmap_points, write_image

from trigpoint.core.errors import ImageError, SceneError
from trigpoint.core.scene import Scene
from trigpoint.formats.readers import open_scene


def scene_of(splits, tmp_path):
    frames = [replace(frame, split=split) for frame, split in zip(make_frames(len(splits)), splits, strict=True)]
    return Scene(tmp_path, "nerfstudio", tuple(frames), metric=True)


@pytest.mark.parametrize(
    ("splits", "mapped"),
    [
        (["train", "test", "train"], [0, 2]),
        # Images that are in no list of a scene with lists are neither mapped nor tested.
        (["train", None, "test"], [0]),
        # Scenes without lists, or with a list of test images only.
        ([None, None, None], [0, 1, 2]),
        ([None, "test", None], [0, 2]),
        (["test", "test"], []),
    ],
)
def test_images_for_mapping(splits, mapped, tmp_path):
    scene = scene_of(splits, tmp_path)
    assert [scene.frames.index(frame) for frame in scene.for_mapping()] == mapped


def test_images_without_a_pose_are_not_mapped(tmp_path):
    scene = scene_of(["train", "train"], tmp_path)
    lost = replace(scene.frames[0], cam_from_world=None)
    scene = scene.with_frames([lost, scene.frames[1]])
    assert scene.for_mapping() == (scene.frames[1],)


def test_names_are_unique(tmp_path):
    frame = make_frames(1)[0]
    with pytest.raises(SceneError, match="TP-205"):
        Scene(tmp_path, "nerfstudio", (frame, frame), metric=True)


@pytest.fixture
def reconstruction(tmp_path):
    import pycolmap

    write_colmap_points(tmp_path)
    return pycolmap.Reconstruction(tmp_path / "sparse" / "0")


def test_a_reconstruction_in_memory_is_the_scene_of_its_files(reconstruction, tmp_path):
    scene, read = Scene.from_reconstruction(reconstruction, tmp_path / "images", metric=True), open_scene(tmp_path)
    assert scene.metric and not read.metric and scene.format == "colmap"
    assert [frame.name for frame in scene.frames] == [frame.name for frame in read.frames]
    for ours, theirs in zip(scene.frames, read.frames, strict=True):
        assert ours.image_path == theirs.image_path and ours.camera == theirs.camera
        assert np.array_equal(ours.pose().matrix(), theirs.pose().matrix())
        for name in ("point", "image_px"):
            expected = getattr(read.tracks.images[theirs.name], name)
            assert np.array_equal(getattr(scene.tracks.images[ours.name], name), expected)
    assert np.array_equal(scene.tracks.points, read.tracks.points)


def test_a_reconstruction_without_its_images_is_refused(reconstruction, tmp_path):
    with pytest.raises(ImageError, match="TP-101"):
        Scene.from_reconstruction(reconstruction, tmp_path)
    write_image(tmp_path / "images" / "003.jpg", (32, 240))
    with pytest.raises(SceneError, match="TP-222"):
        Scene.from_reconstruction(reconstruction, tmp_path / "images")


def test_a_reconstruction_without_registered_images_is_refused(tmp_path):
    import pycolmap

    with pytest.raises(SceneError, match="TP-206"):
        Scene.from_reconstruction(pycolmap.Reconstruction(), tmp_path)
