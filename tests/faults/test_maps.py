"""Map files that are damaged, or that somebody has changed with the checksum that belongs to them: refused, or right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.map_mutations import encoded
from support.tiny_scene import CHEAP, settings, write_part

from trigpoint.cli import run
from trigpoint.core.artifact import Artifact, read_artifact
from trigpoint.core.errors import MapFileError
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.scene_map import load_map

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = (*CHEAP, "head.width=16", "optimizer.steps=5")
# Networks with node embeddings, a PCA and landmarks with a fitted descriptor; and a trained one.
KINDS = {
    "trig-network": (
        *SMALL,
        "landmarks=hierarchical",
        "landmarks.descriptor_dim=64",
        "global_encoding.descriptor_dim=64",
        "global_encoding.min_images=0",
        "triangulation.min_images=2",
        "features.pca_dim=48",
        "ensemble=2",
    ),
    "glace-compact": SMALL,
    "hierarchical-compact": ("features.short_side_px=120", "triangulation.min_images=2", "landmarks.descriptor=supergf"),
}


@pytest.fixture(scope="module")
def maps(room, one_thread, tmp_path_factory):
    """Folder with a map of each kind, and an image."""
    folder = tmp_path_factory.mktemp("maps")
    corner = write_part(room, folder / "corner", 6)
    for preset, changes in KINDS.items():
        words = ["map", str(corner), "-o", str(folder / f"{preset}.trig"), "--preset", preset, "--quiet"]
        assert run([*words, *settings(changes)]) == 0
    shutil.copy(sorted((corner / "images" / "walk").iterdir())[0], folder / "image.jpg")
    return folder


def test_changed_maps_are_refused_or_work(maps, cases):
    """In a process of its own, in which memory is limited to 1 GB more than what the unchanged maps take."""
    script = Path(__file__).parents[1] / "support" / "map_runs.py"
    words = [sys.executable, str(script), str(maps), "0", str(len(cases(150)))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(script.parents[1]), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60 * len(cases(5)))
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("peak")] == []


def changed(artifact, keys, value):
    """The artifact with another value under some keys of its metadata."""
    metadata = json.loads(json.dumps(artifact.metadata))
    inside = metadata
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    return encoded(artifact.tensors, metadata)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("config", "network", "head", "width"), 10**9),
        (("config", "network", "head", "width"), 10**400),
        (("config", "network", "head", "blocks"), 10**9),
        (("config", "network", "head", "hidden_ratio"), 1e300),
        (("config", "network", "head", "clusters"), 10**12),
        (("config", "network", "ensemble"), 10**9),
        (("config", "network", "global_encoding", "dim"), 10**12),
        (("config", "network", "global_encoding", "hypotheses"), 10**12),
        (("config", "network", "global_encoding", "descriptor"), "mean"),
        (("config", "network", "global_encoding", "descriptor_dim"), 128),
        (("config", "features", "short_side_px"), 10**9),
        (("config", "features", "query_keypoints"), 10**30),
        (("config", "features", "pca_dim"), None),
        (("config",), None),
        (("config",), [1]),
        (("dim",), 10**12),
        (("scale",), 1e-300),
        (("scale",), float("nan")),
        (("built_from",), None),
        (("sources",), None),
        (("sources", "network"), None),
        (("sources", "network", "training"), None),
        (("sources", "network", "training"), []),
        (("sources", "network", "training"), [None]),
        (("sources", "network", "training"), [{"network": 0, "step": 1, "loss": 1.0, "inlier_ratio": 0.5}] * 100_000),
        (("acceptance",), None),
        (("acceptance", "negatives"), {"x": 1}),
        (("acceptance", "validation"), {"images": 1}),
        (("x" * 1_000_000,), 1),
        (("config", "x" * 1_000_000), 1),
    ],
    ids=lambda value: str(value)[:60],
)
def test_impossible_values_are_refused_at_once(keys, value, maps, tmp_path, capsys):
    path = tmp_path / "changed.trig"
    path.write_bytes(changed(read_artifact(maps / "trig-network.trig"), keys, value))
    if keys == ("x" * 1_000_000,):
        # What no version of the program knows is no part of the map.
        load_map(path)
        return
    with pytest.raises(MapFileError, match="TP-405") as refused:
        load_map(path)
    assert refused.value.fix and len(str(refused.value)) < 1000
    assert run(["info", str(path)]) == 2
    assert "error TP-405" in capsys.readouterr().err


@pytest.mark.parametrize(
    "missing", ["config", "built_from", "sources", "acceptance", "scale", "dim", "metric", "weights_sha256"]
)
def test_missing_keys_are_refused(missing, maps, tmp_path):
    artifact = read_artifact(maps / "trig-network.trig")
    metadata = {key: value for key, value in artifact.metadata.items() if key != missing}
    (tmp_path / "changed.trig").write_bytes(encoded(artifact.tensors, metadata))
    with pytest.raises(MapFileError, match=f"TP-405.*{missing}"):
        load_map(tmp_path / "changed.trig")


def with_tensor(artifact, name, change):
    return encoded({**artifact.tensors, name: change(artifact.tensors[name])}, artifact.metadata)


@pytest.mark.parametrize("kind", ["complex64", "float64", "int32", "bool"])
@pytest.mark.parametrize(
    "name",
    [
        "normalization.origin",
        "pca.mean",
        "network.heads.0.blocks.0.layers.0.weight",
        "network.encoding.embeddings",
        "network.encoding.index.vectors",
        "network.encoding.descriptor.centres",
        "landmarks.positions",
        "landmarks.index.vectors",
    ],
)
def test_tensors_of_another_type_are_refused(name, kind, maps, tmp_path):
    artifact = read_artifact(maps / "trig-network.trig")
    if artifact.tensors[name].dtype == kind:
        pytest.skip("its own type")
    (tmp_path / "changed.trig").write_bytes(with_tensor(artifact, name, lambda array: array.astype(kind)))
    with pytest.raises(MapFileError, match="TP-405"):
        load_map(tmp_path / "changed.trig")


@pytest.mark.parametrize("preset", KINDS)
def test_every_tensor_is_needed(preset, maps, tmp_path):
    artifact = read_artifact(maps / f"{preset}.trig")
    path = tmp_path / "changed.trig"
    for name in artifact.tensors:
        if name == "network.encoding.networks":
            # Without it each encoding is tried with every network.
            continue
        path.write_bytes(encoded({key: value for key, value in artifact.tensors.items() if key != name}, artifact.metadata))
        with pytest.raises(MapFileError, match="TP-405"):
            load_map(path)


def test_a_trained_descriptor_of_another_encoder_is_refused(maps, tmp_path):
    artifact = read_artifact(maps / "hierarchical-compact.trig")
    text = bytes(artifact.tensors["landmarks.descriptor.config"]).replace(b'"iterations": 3', b'"iterations": 3000000')
    (tmp_path / "changed.trig").write_bytes(
        with_tensor(artifact, "landmarks.descriptor.config", lambda _: np.frombuffer(text, np.uint8))
    )
    with pytest.raises(MapFileError, match=r"TP-405.*iterations"):
        load_map(tmp_path / "changed.trig")


def test_descriptors_of_another_length_than_the_encoders_are_refused(maps, tmp_path):
    """The settings say no PCA, and the network takes what the PCA gave."""
    artifact = read_artifact(maps / "trig-network.trig")
    (tmp_path / "changed.trig").write_bytes(changed(artifact, ("config", "features", "pca_dim"), 0))
    load_map(tmp_path / "changed.trig")
    with pytest.raises(MapFileError, match=r"TP-405 the map is for descriptors of length 48.*have 64"):
        Localizer.load(tmp_path / "changed.trig")


def test_sizes_cost_nothing_before_they_are_compared(maps, tmp_path):
    """A PCA of no rows has no bytes, whatever its width."""
    artifact = read_artifact(maps / "trig-network.trig")
    (tmp_path / "changed.trig").write_bytes(
        with_tensor(artifact, "pca.components", lambda array: np.zeros((0, 10**12), array.dtype))
    )
    with pytest.raises(MapFileError, match="TP-405"):
        load_map(tmp_path / "changed.trig")


@pytest.mark.parametrize("checksum", ["", "a", "0" * 63, 5, None, ["0"] * 64])
def test_a_checksum_that_is_none_is_no_work(checksum, maps, tmp_path):
    artifact: Artifact = read_artifact(maps / "trig-network.trig")
    (tmp_path / "changed.trig").write_bytes(encoded(artifact.tensors, artifact.metadata, checksum=checksum))
    with pytest.raises(MapFileError, match="TP-403"):
        load_map(tmp_path / "changed.trig")
