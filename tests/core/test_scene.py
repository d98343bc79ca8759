"""Which images of a scene are mapped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fake_localizer import make_frames

from trigpoint.core.errors import SceneError
from trigpoint.core.scene import Scene


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
