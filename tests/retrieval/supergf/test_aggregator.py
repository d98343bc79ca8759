"""The aggregator: what its result does and does not depend on, its cost, its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.supergf_images import SMALL, SMALL_DENSE, tokens
from torch.utils.flop_counter import FlopCounterMode

from trigpoint.core.artifact import write_artifact
from trigpoint.core.errors import ConfigError, MapFileError, MappingError
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.supergf.attention import sine_positions
from trigpoint.retrieval.supergf.config import COMPACT, COMPACT_GEM, PAPER
from trigpoint.retrieval.supergf.descriptor import SuperGF, load_aggregator
from trigpoint.retrieval.supergf.inputs import ImageTokens, image_tokens, score_ranks
from trigpoint.retrieval.supergf.model_file import Provenance, save_aggregator
from trigpoint.retrieval.supergf.slots import make_aggregator

PROVENANCE = Provenance("Apache-2.0", "nothing", "", {"seed": 0})
SIZE = (64, 48)


def features(count, dim=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 2, generator=generator, dtype=torch.float64).numpy() * SIZE
    return ImageFeatures(points, torch.randn(count, dim, generator=generator), torch.rand(count, generator=generator), 1.0)


def grid_features(rows, columns, seed=0):
    y, x = np.mgrid[:rows, :columns]
    points = np.stack([x, y], axis=-1).reshape(-1, 2) * 8.0 + 4
    return replace(features(rows * columns, seed=seed), image_px=points)


def reordered(found, order):
    return ImageFeatures(found.image_px[order], found.descriptors[order], found.scores[order], found.scale)


@pytest.fixture(scope="module")
def sparse():
    return make_aggregator(SMALL, 1).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def dense():
    return make_aggregator(SMALL_DENSE, 1).eval().requires_grad_(False)


@pytest.mark.parametrize("count", [3, 30, 90])
def test_order_of_keypoints_does_not_matter(sparse, count):
    found, descriptor = features(count), SuperGF(sparse)
    shuffled = reordered(found, np.random.default_rng(0).permutation(count))
    torch.testing.assert_close(descriptor.describe(found, SIZE), descriptor.describe(shuffled, SIZE), atol=1e-5, rtol=0)


@pytest.mark.parametrize("company", [(1,), (40,), (2, 39, 11), (40, 0)])
def test_padding_does_not_matter(sparse, company):
    alone = sparse([tokens(9)])
    together = sparse([tokens(9), *(tokens(count, seed=5) for count in company)])
    torch.testing.assert_close(alone.descriptors[0], together.descriptors[0], atol=1e-5, rtol=0)
    assert not together.attention[0, :, 9:].any()
    torch.testing.assert_close(together.attention[0].sum(dim=1), torch.ones(SMALL.slots))


def test_descriptors_tell_images_apart_and_have_unit_length(sparse):
    result = sparse([tokens(20, seed=seed) for seed in range(4)]).descriptors
    torch.testing.assert_close(result.norm(dim=1), torch.ones(4))
    assert (result @ result.T)[~torch.eye(4, dtype=torch.bool)].max() < 1 - 1e-4
    assert (result > 0).all()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_scene_and_score_count(sparse, which):
    image = tokens(15)
    where = image.where.clone()
    where[:, which] = where[:, which].flip(0)
    moved = sparse([replace(image, where=where)]).descriptors
    assert (moved - sparse([image]).descriptors).abs().max() > 1e-4


def test_image_without_keypoints_has_no_descriptor_and_one_keypoint_is_enough(sparse):
    descriptor = SuperGF(sparse)
    assert not descriptor.describe(features(0), SIZE).any()
    assert float(descriptor.describe(features(1), SIZE).norm()) == pytest.approx(1, abs=1e-5)


def test_only_the_best_keypoints_are_used(sparse):
    found = features(60)
    best = reordered(found, found.scores.argsort(descending=True)[: SMALL.max_keypoints].numpy())
    torch.testing.assert_close(SuperGF(sparse).describe(found, SIZE), SuperGF(sparse).describe(best, SIZE))


def test_dense_images_of_different_sizes_share_a_batch(dense):
    images = [tokens(12, grid=(3, 4)), tokens(20, grid=(4, 5)), tokens(12, seed=3, grid=(3, 4)), tokens(1, grid=(1, 1))]
    together = dense(images).descriptors
    for index, image in enumerate(images):
        torch.testing.assert_close(together[index], dense([image]).descriptors[0], atol=1e-5, rtol=0)


def test_dense_grid_is_found_from_keypoints_in_any_order(dense):
    found, descriptor = grid_features(6, 8), SuperGF(dense)
    shuffled = reordered(found, np.random.default_rng(0).permutation(48))
    torch.testing.assert_close(descriptor.describe(found, SIZE), descriptor.describe(shuffled, SIZE))
    assert image_tokens(shuffled, SIZE, SMALL_DENSE).grid == (6, 8)
    turned = reordered(found, np.arange(48).reshape(6, 8)[::-1].reshape(-1))
    moved = replace(turned, image_px=found.image_px)
    assert (descriptor.describe(moved, SIZE) - descriptor.describe(found, SIZE)).abs().max() > 1e-4


def test_dense_tokens_are_strided():
    model = make_aggregator(SMALL_DENSE)
    assert model.tokenizer([tokens(48, grid=(6, 8))]).shape == (1, 12, SMALL_DENSE.width)


def test_scattered_keypoints_are_no_grid(dense):
    with pytest.raises(MappingError) as caught:
        SuperGF(dense).describe(features(20), SIZE)
    assert caught.value.code == "TP-642"


def test_descriptors_of_another_encoder_are_refused(sparse):
    with pytest.raises(MappingError) as caught:
        SuperGF(sparse).describe(features(20, dim=9), SIZE)
    assert caught.value.code == "TP-641"


def test_score_ranks_do_not_depend_on_scale_or_order():
    scores = torch.tensor([0.1, 5.0, 5.0, -2.0])
    assert score_ranks(scores).tolist() == pytest.approx([0.375, 0.75, 0.75, 0.125])
    torch.testing.assert_close(score_ranks(scores.flip(0)).flip(0), score_ranks(scores))
    torch.testing.assert_close(score_ranks(scores * 100), score_ranks(scores))
    assert len(score_ranks(torch.zeros(0))) == 0


def test_positions_are_normalised_and_distinct():
    small, large = sine_positions(2, 2, 16), sine_positions(6, 6, 16)
    assert small.shape == (4, 16)
    torch.testing.assert_close(small[0], large[7])
    assert torch.cdist(large, large)[~torch.eye(36, dtype=torch.bool)].min() > 0.1


@pytest.mark.parametrize(
    "change", [{"variant": "both"}, {"slots": 1}, {"width": 20}, {"gem_power": 0.0}, {"position_hidden": ()}]
)
def test_impossible_settings(change):
    with pytest.raises(ConfigError) as caught:
        replace(SMALL, **change)
    assert caught.value.code == "TP-702"


def macs(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("recipe", [COMPACT, COMPACT_GEM], ids=["slots", "gem"])
def test_sparse_variant_costs_at_most_a_tenth_of_the_front_end(recipe):
    from kornia.feature.xfeat import XFeatModel

    config = recipe.aggregator
    front_end = XFeatModel().eval().requires_grad_(False)
    model = make_aggregator(config).requires_grad_(False)
    image = tokens(config.max_keypoints, config.input_dim)
    assert macs(lambda: model([image])) <= 0.1 * macs(lambda: front_end(torch.zeros(1, 1, 480, 640)))


def test_paper_size_costs_what_it_should():
    """2.2 GMAC and 7.7 million parameters for 1,024 keypoints and 128 slots of 512; SuperPoint takes 26 GMAC."""
    config = replace(PAPER.aggregator, input_dim=256)
    model = make_aggregator(config).requires_grad_(False)
    cost = macs(lambda: model([ImageTokens(torch.zeros(1024, 256), torch.zeros(1024, 3))]))
    assert cost == pytest.approx(2.2e9, rel=0.1)
    assert sum(value.numel() for value in model.parameters()) == pytest.approx(7.7e6, rel=0.05)


@pytest.mark.parametrize("recipe", [COMPACT, COMPACT_GEM], ids=["slots", "gem"])
def test_file_is_small_and_reads_back(tmp_path, recipe):
    config = recipe.aggregator
    model = make_aggregator(config, 4).eval()
    path = tmp_path / "model.safetensors"
    save_aggregator(model, PROVENANCE, path)
    assert path.stat().st_size <= 8e6
    descriptor, found = load_aggregator(path), features(30, config.input_dim)
    assert descriptor.config == config and descriptor.provenance == PROVENANCE
    assert len(descriptor.sha256) == 64
    assert float(descriptor.describe(found, SIZE) @ SuperGF(model).describe(found, SIZE)) > 0.9995
    save_aggregator(model, PROVENANCE, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("settings", [SMALL, SMALL_DENSE], ids=["sparse", "dense"])
@pytest.mark.parametrize("damage", ["format", "version", "config", "tensor", "nan", "licence"])
def test_files_that_are_no_aggregator(tmp_path, settings, damage):
    model, path = make_aggregator(settings), tmp_path / "model"
    save_aggregator(model, PROVENANCE, path)
    from trigpoint.core.artifact import read_artifact

    artifact = read_artifact(path)
    tensors, metadata = dict(artifact.tensors), dict(artifact.metadata)
    if damage == "tensor":
        del tensors["norm.weight"]
    elif damage == "nan":
        tensors["norm.weight"] = np.full_like(tensors["norm.weight"], np.nan)
    elif damage == "licence":
        del metadata["licence"]
    else:
        metadata[damage] = {"format": "else", "version": 99, "config": {"wings": 2}}[damage]
    write_artifact(path, tensors, metadata)
    with pytest.raises(MappingError) as caught:
        load_aggregator(path)
    assert caught.value.code == "TP-648"


def test_missing_and_cut_files(tmp_path):
    with pytest.raises(MapFileError, match="TP-401"):
        load_aggregator(tmp_path / "none")
    save_aggregator(make_aggregator(SMALL), PROVENANCE, tmp_path / "cut")
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-50])
    with pytest.raises(MapFileError, match=r"TP-40[23]"):
        load_aggregator(tmp_path / "cut")
