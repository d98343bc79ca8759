"""Maps that carry an aggregator: they need no other file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.tiny_scene import CHEAP

from trigpoint.build.pipeline import build_map
from trigpoint.cli import run
from trigpoint.core.errors import MapFileError, MappingError
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import load_map, map_bytes
from trigpoint.retrieval.descriptor import fit_descriptor
from trigpoint.retrieval.supergf import config as config_module
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.descriptor import SHIPPED, SuperGF, load_aggregator
from trigpoint.retrieval.supergf.model_file import Provenance, save_aggregator
from trigpoint.retrieval.supergf.slots import make_aggregator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
RSCORE = ("embedding=spectral", "head.width=96")
OWN = SuperGFConfig(width=32, hidden=32, heads=2, layers=1, slots=16, slot_width=8, whitening_rank=64, max_keypoints=200)


def mapped(scene, path, preset, *changes):
    build_map(open_scene(scene), path, config=resolve_config(preset, (*CHEAP, *changes)))
    return path


def test_map_with_an_aggregator_of_a_file_needs_it_no_more(room, tmp_path):
    file = tmp_path / "own.aggregator"
    model = make_aggregator(OWN, 3)
    save_aggregator(model, Provenance("Apache-2.0", "nothing", "", {}), file)
    changes = (f"global_encoding.descriptor=supergf:{file}", "global_encoding.descriptor_dim=128", *RSCORE)
    path = mapped(room, tmp_path / "a.trig", "rscore-compact", *changes)
    file.unlink()
    localizer = Localizer.load(path)
    descriptor = localizer.map.sources["network"].encoding.descriptor
    assert isinstance(descriptor, SuperGF) and descriptor.config == OWN and descriptor.dim == 128
    for name, value in model.state_dict().items():
        torch.testing.assert_close(descriptor.model.state_dict()[name], value.half().float(), rtol=0, atol=0)
    image = open_scene(room).subset("test").frames[0]
    answer = localizer.localize(image.image_path, camera=image.camera)
    assert answer.status in ("ok", "rejected", "failed") and answer.points > 0
    sizes = map_bytes(path)
    assert sum(sizes.values()) == path.stat().st_size
    assert sum(size for name, size in sizes.items() if "descriptor.weight." in name) == 2 * sum(
        value.numel() for value in model.state_dict().values()
    )


def test_the_shipped_aggregator_in_a_map(room, tmp_path):
    path = mapped(room, tmp_path / "a.trig", "rscore-compact", "global_encoding.descriptor=supergf", *RSCORE)
    encoding = load_map(path).sources["network"].encoding
    own = sum(values.nbytes for values in encoding.descriptor.state().values())
    assert encoding.descriptor.dim == encoding.index.dim == 256
    assert abs(own - SHIPPED.stat().st_size) < 20_000 < own < path.stat().st_size


def test_reduced_descriptors_are_refused(room, tmp_path):
    with pytest.raises(MappingError) as caught:
        mapped(
            room, tmp_path / "a.trig", "rscore-compact", "global_encoding.descriptor=supergf", "features.pca_dim=32", *RSCORE
        )
    assert caught.value.code == "TP-641" and not (tmp_path / "a.trig").exists()


@pytest.mark.parametrize("damage", ["missing", "else", "length"])
def test_what_cannot_be_used(room, tmp_path, damage):
    file = tmp_path / "own.aggregator"
    if damage == "else":
        file.write_bytes((room / "transforms.json").read_bytes())
    if damage == "length":
        save_aggregator(make_aggregator(OWN, 3), Provenance("Apache-2.0", "nothing", "", {}), file)
    from support.retrieval_images import scenes

    with pytest.raises((MapFileError, MappingError)) as caught:
        fit_descriptor(f"supergf:{file}", scenes()[0], 100)
    assert caught.value.code in {"missing": ("TP-401",), "else": ("TP-402", "TP-403"), "length": ("TP-632",)}[damage]


def test_fine_tuning_on_the_scene(room, tmp_path, monkeypatch):
    start, output = tmp_path / "own.aggregator", tmp_path / "tuned.aggregator"
    save_aggregator(make_aggregator(OWN, 3), Provenance("Apache-2.0", "somewhere", "", {}), start)
    few = replace(config_module.FINE_TUNE, training=replace(config_module.FINE_TUNE.training, steps=2))
    monkeypatch.setattr(config_module, "FINE_TUNE", few)
    assert run(["retrieval", "train", str(room), "-o", str(output), "--from", str(start), "--quiet"]) == 0
    tuned, before = load_aggregator(output), load_aggregator(start)
    assert tuned.config == OWN and tuned.provenance is not None
    assert tuned.provenance.training["start"]["sha256"] == before.sha256
    assert tuned.provenance.training["start"]["data"] == "somewhere"
    centres, earlier = (model.model.state_dict()["codebook.centres"] for model in (tuned, before))
    assert 0 < float((centres - earlier).abs().max()) < 0.01
