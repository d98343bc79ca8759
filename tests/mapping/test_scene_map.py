"""The map: several sources of scene coordinates in one file, on any device, and what a file may hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.local_features import local_features
from support.tiny_scene import CHEAP

from trigpoint.build.pipeline import build_map
from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.errors import MapFileError
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import load_map, map_bytes, save_map

pytestmark = pytest.mark.usefixtures("one_thread")

# Networks with node embeddings, and landmarks, from one triangulation.
CHANGES = ("landmarks=hierarchical", "global_encoding.min_images=0", "triangulation.min_images=2", "features.pca_dim=48")


@pytest.fixture(scope="module")
def path(room, one_thread, tmp_path_factory):
    """A map with both kinds of sources."""
    output = tmp_path_factory.mktemp("map") / "both.trig"
    config = resolve_config("trig-network", (*CHEAP, "features.short_side_px=240", "ensemble=2", *CHANGES))
    build_map(open_scene(room), output, config=config)
    return output


@pytest.fixture(scope="module")
def query(room, path):
    """Local features of an image, and its size."""
    return local_features(Localizer.load(path), open_scene(room).subset("test").frames[0].image_path), (320, 240)


def test_both_sources_come_back_from_the_file(path, tmp_path):
    scene_map = load_map(path)
    assert list(scene_map.sources) == ["network", "landmarks"]
    save_map(scene_map, tmp_path / "again.trig")
    assert (tmp_path / "again.trig").read_bytes() == path.read_bytes()
    sections = {name.partition(".")[0] for name in map_bytes(path)}
    assert sections == {"header", "normalization", "pca", "network", "landmarks"}
    assert scene_map.sources["network"].facts()["training"][-1]["step"] == 60
    assert scene_map.sources["landmarks"].facts()["observations"] > 50


def test_each_hypothesis_gets_the_points_of_its_source(path, query):
    scene_map, (features, size) = load_map(path), query
    hypotheses = scene_map.hypotheses(features, size)
    assert [hypothesis.source for hypothesis in hypotheses] == ["network"] * 10 + ["landmarks"]
    points = scene_map.points(features.descriptors, hypotheses)
    assert points.shape == (11, len(features), 3) and np.isfinite(points[:10]).all()
    matched = np.isfinite(points[10]).all(axis=1)
    assert 0 < matched.sum() < len(features)
    for name in ("network", "landmarks"):
        alone = replace(scene_map, sources={name: scene_map.sources[name]})
        rows = [row for row, hypothesis in enumerate(hypotheses) if hypothesis.source == name]
        assert np.allclose(alone.points(features.descriptors, hypotheses)[rows], points[rows], equal_nan=True)
    # Another order of the hypotheses is another order of the points.
    assert np.allclose(scene_map.points(features.descriptors, hypotheses[::-1])[::-1], points, atol=1e-4, equal_nan=True)


def test_images_are_found_with_both(path, room):
    localizer = Localizer.load(path)
    answers = [localizer.localize(frame.image_path, camera=frame.camera) for frame in open_scene(room).frames[::6]]
    assert sum(answer.cam_from_world is not None for answer in answers) >= len(answers) - 1


def test_only_landmarks_can_forget_an_image(path, query):
    scene_map, (features, size) = load_map(path), query
    assert not scene_map.can_forget and scene_map.sources["landmarks"].can_forget
    first = int(scene_map.hypotheses(features, size)[-1].images[0])
    hidden = scene_map.without_image(first)
    assert first not in hidden.hypotheses(features, size)[-1].images.tolist()
    assert hidden.sources["network"] is scene_map.sources["network"]


def test_the_whole_map_moves_to_a_device(path, query):
    """'meta' stands in for a GPU: it refuses to compute with tensors of the CPU, and to give numbers back."""
    scene_map, (features, size) = load_map(path), query
    moved = scene_map.to(torch.device("meta"))
    networks, landmarks = moved.sources["network"], moved.sources["landmarks"]
    values = [value for head in networks.heads for value in (*head.parameters(), *head.buffers())]
    values += [landmarks.positions, landmarks.descriptors]
    assert {value.device.type for value in values} == {"meta"}
    # The map that was moved stays where it was.
    assert {value.device.type for head in scene_map.sources["network"].heads for value in head.parameters()} == {"cpu"}
    back = scene_map.to(torch.device("cpu"))
    hypotheses = back.hypotheses(features, size)
    points = back.points(features.descriptors, hypotheses)
    assert isinstance(points, np.ndarray)
    assert np.array_equal(points, scene_map.points(features.descriptors, hypotheses), equal_nan=True)


def changed(metadata, *keys, value):
    """The metadata with the value under some keys, one inside the other, replaced."""
    key, *rest = keys
    inside = changed(metadata[key], *rest, value=value) if rest else value
    return {**metadata, key: inside} if isinstance(metadata, dict) else [*metadata[:key], inside, *metadata[key + 1 :]]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("scale",), 0.0),
        (("scale",), "1"),
        (("dim",), 0),
        (("metric",), 1),
        (("built_from", "images"), -1),
        (("built_from",), {}),
        (("acceptance", "noise_inlier_ratio"), 1.5),
        (("acceptance", "negatives", 0, "bound"), -0.1),
        (("sources",), {}),
        (("sources", "network", "samples"), -1),
        (("sources", "network", "training", 0, "inlier_ratio"), 2),
        (("config", "network", "ensemble"), 3),
        (("config", "network", "head", "width"), 65),
        (("config", "network", "global_encoding"), None),
        (("config", "network", "optimizer", "kind"), "sgd"),
        (("config", "landmarks", "local_descriptors"), "mean"),
        (("config", "method"), "regression"),
    ],
)
def test_numbers_out_of_range_are_refused(keys, value, path, tmp_path):
    artifact = read_artifact(path)
    write_artifact(tmp_path / "changed.trig", artifact.tensors, changed(artifact.metadata, *keys, value=value))
    with pytest.raises(MapFileError, match="TP-405"):
        load_map(tmp_path / "changed.trig")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("normalization.origin", lambda array: array * np.nan),
        ("normalization.origin", lambda array: array[:2]),
        ("network.heads.1.blocks.0.layers.0.weight", lambda array: array * np.float16("nan")),
        ("network.heads.0.mean", lambda array: array[:-1]),
        ("network.encoding.embeddings", lambda array: array[:-1]),
        ("network.encoding.embeddings", lambda array: array * np.float16("inf")),
        ("network.encoding.networks", lambda array: array + np.uint8(2)),
        ("network.encoding.networks", lambda array: array[:-1]),
        ("landmarks.landmark", lambda array: array + np.int32(10**6)),
    ],
)
def test_arrays_out_of_range_are_refused(name, change, path, tmp_path):
    artifact = read_artifact(path)
    tensors = {**artifact.tensors, name: change(artifact.tensors[name])}
    write_artifact(tmp_path / "changed.trig", tensors, artifact.metadata)
    with pytest.raises(MapFileError, match="TP-405"):
        load_map(tmp_path / "changed.trig")


def test_older_formats_are_named(path, tmp_path):
    artifact = read_artifact(path)
    write_artifact(tmp_path / "old.trig", artifact.tensors, {**artifact.metadata, "version": 4})
    with pytest.raises(MapFileError, match=r"TP-404.*version 4.*reads 6"):
        load_map(tmp_path / "old.trig")
