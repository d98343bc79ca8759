"""Builds of scenes that are hard to build from: blank images, few spots, more processes than images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_scene import CHEAP, write_part

from trigpoint.build.context import BuildControl
from trigpoint.build.pipeline import build_map, mapping_frames, recipe_for
from trigpoint.core.errors import MappingError, OutputError
from trigpoint.core.pose import Pose
from trigpoint.features.extract import ImageFeatures
from trigpoint.formats.readers import open_scene
from trigpoint.mapping import buffer
from trigpoint.mapping.clusters import split_cameras
from trigpoint.mapping.config import fitted_to
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.parallel import Workers
from trigpoint.mapping.presets import resolve_config

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corner(room, tmp_path_factory):
    """Eight images of the room."""
    return write_part(room, tmp_path_factory.mktemp("scene") / "corner", 8)


def placed(scene, centres):
    """The scene with its cameras at these positions, looking where they looked."""
    turns = [frame.pose().rotation for frame in scene.frames]
    poses = [Pose(turn, -turn @ centre) for turn, centre in zip(turns, centres, strict=True)]
    return scene.with_frames(
        tuple(replace(frame, cam_from_world=pose) for frame, pose in zip(scene.frames, poses, strict=True))
    )


def blind_to(monkeypatch, names):
    """Let the encoder find nothing in some images."""
    extract = buffer.extract_features

    def replacement(encoder, image, view, count):
        found = extract(encoder, image, view, count)
        if images[image.gray.tobytes()] not in names:
            return found
        return ImageFeatures(found.image_px[:0], found.descriptors[:0], found.scores[:0], found.scale)

    images, read = {}, buffer.read_image

    def remembering(path, **options):
        image = read(path, **options)
        images[image.gray.tobytes()] = path.name
        return image

    monkeypatch.setattr(buffer, "read_image", remembering)
    monkeypatch.setattr(buffer, "extract_features", replacement)


def test_blank_images_have_nothing_to_learn(corner, tmp_path, monkeypatch):
    scene = open_scene(corner)
    blind_to(monkeypatch, [frame.image_path.name for frame in scene.frames])
    with pytest.raises(MappingError, match=r"TP-603.*any of 8 images"):
        build_map(scene, tmp_path / "blank.trig", config=resolve_config("ace-compact", CHEAP))
    assert not (tmp_path / "blank.trig").exists()


def test_a_network_without_samples_is_refused(corner, tmp_path, monkeypatch):
    scene = open_scene(corner)
    part = split_cameras(scene.centres(), 2, 0)
    blind_to(monkeypatch, [frame.image_path.name for frame, own in zip(scene.frames, part, strict=True) if own == 1])
    changes = (*CHEAP, "ensemble=2")
    with pytest.raises(MappingError, match=r"TP-664.*1 of 2 networks"):
        build_map(scene, tmp_path / "map.trig", config=resolve_config("poker-compact", changes))


def test_more_processes_than_images_are_refused(corner, tmp_path):
    with pytest.raises(MappingError, match=r"TP-664.*9 processes for 8 images"):
        control = BuildControl(workers=Workers(0, 9))
        build_map(open_scene(corner), tmp_path / "map.trig", config=resolve_config("ace-compact", CHEAP), control=control)
    assert list(tmp_path.iterdir()) == []


def test_few_spots_get_few_networks(corner):
    frames = mapping_frames(open_scene(corner))
    wanted = resolve_config("trig-network", ["images_per_network=1"])
    assert recipe_for(wanted, frames).network.ensemble == 4
    # A static camera sees a scene often from one and the same spot.
    one, other = frames[0], frames[-1]
    assert recipe_for(wanted, [one, one, one, other, other]).network.ensemble == 2
    assert fitted_to(wanted, 1200, 3).network.ensemble == 3
    spots = np.repeat(np.eye(3), 400, axis=0)
    assert len(np.unique(split_cameras(spots, 3, 0))) == 3
    with pytest.raises(MappingError, match=r"TP-661.*from 3 spots.*ensemble=3"):
        split_cameras(spots, 4, 0)


@pytest.mark.parametrize("offset", [(0, 0, 0), (4.2e6, 1.1e6, 4.7e6)])
def test_images_from_one_spot_are_refused_wherever_on_earth(corner, offset):
    scene = open_scene(corner)
    centres = scene.centres() + offset
    assert len(mapping_frames(placed(scene, centres))) == 8
    with pytest.raises(MappingError, match="TP-607"):
        mapping_frames(placed(scene, np.tile(centres[0], (8, 1))))


def test_scenes_of_unknown_scale_are_brought_to_a_size_that_fits_the_loss():
    """A street of 500 units whose houses are 5 units away: the closest valid depth is 0.1 in the frame of the network."""
    street = np.column_stack([np.linspace(0, 500, 200), np.zeros((200, 2))])
    long = Normalization.of_cameras(street, metric=False)
    assert long.scale * 144.7 == pytest.approx(2, rel=0.01)
    assert Normalization.of_cameras(street, metric=False, near=5.0).scale == pytest.approx(0.1)
    # Where nothing is near, the spread counts; what is in metres stays.
    assert Normalization.of_cameras(street, metric=False, near=100.0).scale == long.scale
    assert Normalization.of_cameras(street, metric=True, near=5.0).scale == 1


def test_how_near_things_are_is_asked_of_the_scene(room, tmp_path, monkeypatch):
    asked = []
    original = Normalization.of_cameras
    monkeypatch.setattr(Normalization, "of_cameras", staticmethod(lambda *given: asked.append(given[2]) or original(*given)))
    for metric in (True, False):
        scene = replace(open_scene(room), metric=metric)
        build_map(scene, tmp_path / f"{metric}.trig", config=resolve_config("ace-compact", (*CHEAP, "optimizer.steps=1")))
    assert asked[0] is None
    # Walls of a room, 3.4 x 2.8 m between the cameras.
    assert 0.1 < asked[1] < 3


def test_a_full_disk_is_said(corner, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trigpoint.core.append_only.os.truncate", full)
    with pytest.raises(OutputError, match=r"TP-801 the samples.*No space left on device.*buffer\.rounds"):
        build_map(open_scene(corner), tmp_path / "map.trig", config=resolve_config("ace-compact", CHEAP))
    assert not (tmp_path / "map.trig").exists()
