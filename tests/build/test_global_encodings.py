"""Maps with global encodings and ensembles, end to end on a small room: they build, repeat, load and answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.local_features import local_features
from support.tiny_scene import CHEAP

from trigpoint.build.pipeline import build_map
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import StopRequest
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping import encoding_build
from trigpoint.mapping.config import fitted_to
from trigpoint.mapping.encoding_config import NodeEncoding, PoseOverlap, TrackOverlap
from trigpoint.mapping.mapping_images import MappingImages
from trigpoint.mapping.presets import PRESETS, resolve_config
from trigpoint.mapping.scene_map import load_map, map_bytes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

METHODS = {
    "trig-network": ("trig-network", ("global_encoding.min_images=0",)),
    "trig in parts": ("trig-network", ("global_encoding.min_images=0", "images_per_network=10")),
    "glace-compact": ("glace-compact", ("global_encoding.dim=64",)),
    "rscore-compact": ("rscore-compact", ("global_encoding.embedding=spectral", "features.pca_dim=32")),
    "poker-compact": ("poker-compact", ("ensemble=3",)),
}


@pytest.fixture(scope="module", params=METHODS)
def built(request, room, tmp_path_factory):
    """The map of one method, with its file."""
    path = tmp_path_factory.mktemp("maps") / f"{request.param}.trig"
    preset, changes = METHODS[request.param]
    build_map(open_scene(room), path, config=resolve_config(preset, (*CHEAP, "head.width=96", *changes)))
    return request.param, path


def test_every_byte_is_accounted_for(built):
    _, path = built
    assert sum(map_bytes(path).values()) == path.stat().st_size


def test_hypotheses_of_a_query(built, room):
    method, path = built
    localizer = Localizer.load(path)
    scene_map = localizer.map
    image = open_scene(room).subset("test").frames[0]
    answer = localizer.localize(image.image_path, camera=image.camera)
    assert answer.status in ("ok", "rejected", "failed") and answer.points > 0
    expected = {"trig-network": 10, "trig in parts": 10, "glace-compact": 1, "rscore-compact": 10, "poker-compact": 3}[
        method
    ]
    features = local_features(localizer, image.image_path)
    hypotheses = scene_map.hypotheses(features, (320, 240))
    assert len(hypotheses) == expected
    points = scene_map.points(features.descriptors, hypotheses)
    assert points.shape == (expected, len(features), 3) and np.isfinite(points).all()
    # Each hypothesis gives the same points alone and among others.
    alone = scene_map.points(features.descriptors, hypotheses[-1:])[0]
    assert np.allclose(alone, points[-1], atol=1e-4)


def test_mapping_images_find_themselves(built, room):
    method, path = built
    scene_map = load_map(path)
    encoding = scene_map.sources["network"].encoding
    if encoding is None or encoding.index is None:
        pytest.skip(f"{method} looks nothing up")
    assert len(encoding.index) == len(encoding.embeddings) == 24
    localizer = Localizer.load(path)
    frames = open_scene(room).for_mapping()
    hits = 0
    for index in range(0, 24, 6):
        features = local_features(localizer, frames[index].image_path)
        first = scene_map.hypotheses(features, (320, 240))[0].encoding
        hits += torch.equal(first, encoding.embeddings[index].float())
    assert hits == 4


def test_the_same_bytes_again(built, room, tmp_path):
    method, path = built
    again = tmp_path / path.name
    preset, changes = METHODS[method]
    build_map(open_scene(room), again, config=resolve_config(preset, (*CHEAP, "head.width=96", *changes)))
    assert again.read_bytes() == path.read_bytes()


def test_a_query_is_tried_with_the_networks_of_the_images_it_looks_like(built, room):
    method, path = built
    if method != "trig in parts":
        pytest.skip("one network, or no images to look up")
    scene_map = load_map(path)
    networks = scene_map.sources["network"]
    assert scene_map.config.network.ensemble == len(networks.heads) == 3
    learned_by = networks.encoding.networks
    assert sorted(set(learned_by.tolist())) == [0, 1, 2]
    localizer = Localizer.load(path)
    frames = open_scene(room).for_mapping()
    for index in range(0, 24, 6):
        features = local_features(localizer, frames[index].image_path)
        assert scene_map.hypotheses(features, (320, 240))[0].network == learned_by[index]
    # Each network lies around the cameras of its part.
    centres = scene_map.normalization.to_normalized(np.array([frame.pose().centre() for frame in frames]))
    for part, head in enumerate(networks.heads):
        assert np.allclose(head.decoder.centres[0], centres[learned_by.numpy() == part].mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_scenes_of_any_size(name):
    for images in (5, 12, 300, 5000):
        config = fitted_to(resolve_config(name), images)
        assert config.network is None or config.network.head.clusters <= images
        assert fitted_to(config, images) == config


def test_larger_scenes_get_more_networks():
    trig = resolve_config("trig-network")
    assert [fitted_to(trig, images).network.ensemble for images in (20, 300, 301, 900, 901, 7000)] == [1, 1, 2, 3, 4, 4]
    assert fitted_to(resolve_config("poker"), 7000).network.ensemble == 4


def test_small_scenes_do_without_codes():
    trig = resolve_config("trig-network")
    assert fitted_to(trig, 199).network.global_encoding is None
    assert isinstance(fitted_to(trig, 200).network.global_encoding, NodeEncoding)
    assert fitted_to(trig, 200).network.global_encoding.dim == 50
    assert fitted_to(trig, 4000).network.global_encoding.dim == 64


def graph_of(scene, overlap, depths, folder):
    images = MappingImages(scene, list, depths, 0, folder, StopRequest(), torch.device("cpu"))
    return encoding_build.covisibility_graph(images, overlap)


def test_depths_that_are_not_given_come_from_the_data(room, tmp_path, monkeypatch):
    used = []
    original = encoding_build.build_graph

    def noting(scene, **named):
        used.append(named["depths"])
        return original(scene, **named)

    monkeypatch.setattr(encoding_build, "build_graph", noting)
    from_data = DepthRange(1.0, 4.0, "points")
    graph_of(open_scene(room), PoseOverlap(), lambda: from_data, tmp_path)
    graph_of(open_scene(room), PoseOverlap(depths=(0.2, 8.0)), lambda: pytest.fail("asked"), tmp_path)
    assert used == [from_data, DepthRange(0.2, 8.0)]


def test_overlap_from_tracks_needs_no_depths(room, tmp_path):
    with pytest.raises(MappingError, match="TP-623"):
        graph_of(open_scene(room), TrackOverlap(), lambda: pytest.fail("asked"), tmp_path)
