"""Every method finds the images that it learned: what training draws and what a query looks up fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.local_features import local_features
from support.tiny_scene import WORKING, write_part

from trigpoint.build import context as build_context
from trigpoint.build.pipeline import build_map
from trigpoint.core.image import read_image
from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.covisibility import graph
from trigpoint.covisibility.depth_range import depth_range
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.encoding_config import NodeEncoding
from trigpoint.mapping.presets import PRESETS, resolve_config
from trigpoint.mapping.supervision import DepthImages
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

METHODS = {
    "trig with codes and two networks": (
        "trig-network",
        ("global_encoding.min_images=0", "images_per_network=12", "triangulation.min_images=2", "optimizer.steps=200"),
    ),
    "trig with a network": ("trig", ("network.min_images=0", "triangulation.min_images=2", "optimizer.steps=200")),
    "glace-compact": ("glace-compact", ("global_encoding.dim=16",)),
    "rscore-compact": (
        "rscore-compact",
        (
            "global_encoding.dim=16",
            "global_encoding.overlap=frustum",
            "overlap.depths=[0.5,4]",
            "features.pca_dim=48",
            "optimizer.steps=200",
        ),
    ),
    "poker-compact": ("poker-compact", ("ensemble=2",)),
}


@pytest.mark.parametrize("method", METHODS)
def test_learned_images_are_found(method, room, tmp_path):
    preset, changes = METHODS[method]
    scene = open_scene(room)
    overrides = (*WORKING, *changes)
    scene_map = build_map(scene, tmp_path / "room.trig", config=resolve_config(preset, overrides)).map
    localizer = Localizer.load(tmp_path / "room.trig")
    errors = []
    for frame in scene.for_mapping()[::3]:
        answer = localizer.localize(read_image(frame.image_path), camera=frame.camera)
        assert answer.cam_from_world is not None, answer.reason
        pose = frame.pose()
        errors.append((centre_distance(answer.cam_from_world, pose), rotation_angle_deg(answer.cam_from_world, pose)))
    metres, degrees = np.median(errors, axis=0)
    # The room is 3.4 x 2.8 m between the cameras.
    assert metres < 0.5 and degrees < 12
    assert scene_map.acceptance.typical_inlier_ratio > 1.5 * scene_map.acceptance.noise_inlier_ratio


# Everything but the size: a few steps of a narrow network, on few samples of small views.
TINY = (
    "features.short_side_px=96",
    "features.query_keypoints=60",
    "buffer.samples=0",
    "buffer.views_per_image=1",
    "buffer.keypoints_per_view=60",
    "head.width=96",
    "optimizer.steps=3",
)
FILES = {"dedode"}


@pytest.mark.parametrize("name", [name for name, config in PRESETS.items() if not config.landmarks])
def test_every_preset_makes_a_map(name, room, tmp_path):
    config = PRESETS[name]
    changes = [*TINY, "optimizer.batch=64"]
    if config.features.encoder in FILES:
        changes += ["features.encoder=xfeat", "features.pca_dim=32"]
    network = config.network
    if isinstance(network.global_encoding, NodeEncoding) and network.global_encoding.embedding == "node2vec-published":
        changes += ["embedding=node2vec"]
    if network.buffer.samples:
        # The views that so many samples take: three of 60 cells for each of 24 images.
        changes += ["buffer.samples=4000"]
    built = build_map(open_scene(room), tmp_path / "room.trig", config=resolve_config(name, changes)).map
    record = built.sources["network"].record
    assert record.training[-1].step == 3 and np.isfinite(record.training[-1].loss)
    if network.buffer.samples:
        # Sparse encoders may find fewer.
        assert 2 * 60 * 24 < record.samples <= 3 * 60 * 24
    assert built.config.network.head.blocks == network.head.blocks
    image = open_scene(room).subset("test").frames[0]
    assert Localizer.load(tmp_path / "room.trig").localize(image.image_path, camera=image.camera).points > 0


def test_codes_from_ten_images_on(room, tmp_path):
    scene = open_scene(write_part(room, tmp_path / "ten", 10))
    changes = (*TINY, "optimizer.batch=64", "global_encoding.overlap=frustum")
    built = build_map(scene, tmp_path / "ten.trig", config=resolve_config("rscore-compact", changes)).map
    encoding = built.sources["network"].encoding
    assert encoding.embeddings.shape == (10, 128) and len(encoding.index) == 10
    assert built.config.network.head.clusters == 10


def test_known_depths_are_learned(tmp_path_factory, tmp_path):
    """With depth images for teachers the points of a network that hardly learned anything lie closer to the surfaces."""
    folder = tmp_path_factory.mktemp("depth") / "room"
    write_synthetic_scene(folder, SyntheticConfig(width=160, height=120, n_train=12, n_test=0, write_depth=True))
    scene = open_scene(folder)
    changes = (*TINY, "features.query_keypoints=200", "buffer.keypoints_per_view=200", "optimizer.batch=256")
    off = {}
    for kind in ("none", "depth"):
        overrides = (*changes, "optimizer.steps=120", f"supervision={kind}")
        build_map(scene, tmp_path / f"{kind}.trig", config=resolve_config("ace-compact", overrides))
        localizer = Localizer.load(tmp_path / f"{kind}.trig")
        distances = []
        for frame in scene.for_mapping()[::4]:
            features = local_features(localizer, frame.image_path)
            points = localizer.map.points(features.descriptors, localizer.map.hypotheses(features, (160, 120)))[0]
            distances.append(np.linalg.norm(points - DepthImages().points(frame, features.image_px), axis=1))
        off[kind] = np.nanmedian(np.concatenate(distances))
    assert off["depth"] < 0.7 * off["none"], off


def test_how_far_images_see_is_found_out_once(room, tmp_path, monkeypatch):
    """Scale, codes and landmarks of a scene of unknown scale depend on it, and it may take reading a large model."""
    asked = []

    def counting(*arguments):
        asked.append(arguments)
        return depth_range(*arguments)

    monkeypatch.setattr(build_context, "depth_range", counting)
    monkeypatch.setattr(graph, "depth_range", counting)
    scene = replace(open_scene(room), metric=False)
    changes = (*TINY, "optimizer.batch=64", "global_encoding.min_images=0", "triangulation.min_images=2")
    built = build_map(scene, tmp_path / "room.trig", config=resolve_config("trig-network", changes)).map
    assert built.sources["network"].encoding is not None and built.config.network.learns_landmarks
    assert len(asked) == 1
