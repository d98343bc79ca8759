"""Slots that start as a vocabulary: what they equal at the start, what they may depend on, how they travel in a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.supergf_images import LISTS, SLOTS, SLOTS_DENSE, SMALL, MemoryCache, tokens, walk_images, walks
from torch.nn import functional

from trigpoint.core.errors import ConfigError, MappingError
from trigpoint.core.interrupt import StopRequest
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.supergf.config import AggregatorTrainingConfig, APConfig, SuperGFRecipe
from trigpoint.retrieval.supergf.descriptor import SuperGF, restore
from trigpoint.retrieval.supergf.slots import make_aggregator
from trigpoint.retrieval.supergf.start import start_from_images
from trigpoint.retrieval.supergf.training import TrainingStart, fit_aggregator
from trigpoint.retrieval.supergf.whitening import Whitening

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SIZE = (64, 48)
RECIPE = SuperGFRecipe(
    aggregator=SLOTS,
    lists=replace(LISTS, shared=True),
    ap=APConfig(running_percentile=True, decorrelation=0.0),
    training=AggregatorTrainingConfig(steps=4, learning_rate=1e-3, keypoints=16, flip=0.5),
)


def features(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 2, generator=generator, dtype=torch.float64).numpy() * SIZE
    return ImageFeatures(points, torch.randn(count, 8, generator=generator), torch.rand(count, generator=generator), 1.0)


def started(config, images=None):
    model = make_aggregator(config, 1)
    start_from_images(model, MemoryCache(images or walk_images((12, 12))), 3)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model():
    return started(SLOTS)


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_start_is_vlad_with_a_basis_for_each_centre(power):
    model = started(replace(SLOTS, sharpness=1e5, residual_power=power))
    image = walk_images((3,), seed=9)[1]
    centres, bases = model.codebook.centres, model.codebook.bases
    parts = torch.zeros(SLOTS.slots, SLOTS.slot_width)
    for descriptor in image.descriptors:
        nearest = int((centres - descriptor).norm(dim=1).argmin())
        apart = descriptor - centres[nearest]
        parts[nearest] += apart / apart.norm() ** power @ bases[nearest]
    expected = functional.normalize((parts.sign() * parts.abs().sqrt()).flatten(), dim=0)
    torch.testing.assert_close(model.gather([image]).descriptors[0], expected, atol=1e-4, rtol=0)


def test_start_takes_the_main_directions_of_each_slot(model):
    bases = model.codebook.bases
    torch.testing.assert_close(bases.transpose(1, 2) @ bases, torch.eye(4).expand(6, 4, 4), atol=1e-5, rtol=0)
    assert not torch.allclose(bases[0], bases[1], atol=0.1)
    assert torch.equal(bases, started(SLOTS).codebook.bases)


def test_dense_start_is_every_other_cell():
    grid = tokens(20, grid=(4, 5))
    unit = replace(grid, descriptors=functional.normalize(grid.descriptors, dim=1))
    dense = started(SLOTS_DENSE, [tokens(20, seed=seed, grid=(4, 5)) for seed in range(6)])
    found, where, mask = dense.tokens([unit])
    kept = torch.arange(20).reshape(4, 5)[::2, ::2].flatten()
    torch.testing.assert_close(found[0], unit.descriptors[kept])
    assert torch.equal(where[0], unit.where[kept]) and bool(mask.all())


@pytest.mark.parametrize("company", [(1,), (40,), (2, 39, 11), (40, 0)])
def test_neither_padding_nor_order_matters(model, company):
    alone = model([tokens(9)])
    together = model([tokens(9), *(tokens(count, seed=5) for count in company)])
    torch.testing.assert_close(alone.descriptors[0], together.descriptors[0], atol=1e-5, rtol=0)
    assert not together.attention[0, :, 9:].any()
    sums = together.attention[0].sum(dim=1)
    assert sums.max() == pytest.approx(1, abs=1e-5) and sums.min() >= 0
    found = features(30)
    order = torch.from_numpy(np.random.default_rng(0).permutation(30))
    shuffled = ImageFeatures(found.image_px[order.numpy()], found.descriptors[order], found.scores[order], 1.0)
    first, second = SuperGF(model).describe(found, SIZE), SuperGF(model).describe(shuffled, SIZE)
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", [SLOTS, SLOTS_DENSE], ids=["sparse", "dense"])
def test_every_part_learns(tmp_path, settings):
    grid = (4, 5) if settings.variant == "dense" else (0, 0)
    images = MemoryCache([replace(image, grid=grid) for image in walk_images((8, 8))])
    recipe = replace(RECIPE, aggregator=settings)
    trained = fit_aggregator(images, walks(8, 8), recipe, TrainingStart(3), folder=tmp_path, stop=StopRequest()).model
    before = make_aggregator(settings, 3)
    start_from_images(before, images, 3)
    after = trained.state_dict()
    still = [name for name, value in before.state_dict().items() if torch.equal(value, after[name])]
    assert not still and torch.isfinite(trained([images[0]]).descriptors).all()


def test_training_goes_on_from_another_aggregator(tmp_path, model):
    one_tiny_step = replace(RECIPE, training=AggregatorTrainingConfig(steps=1, learning_rate=1e-9))
    images = MemoryCache(walk_images((8, 8), seed=7))
    result = fit_aggregator(
        images, walks(8, 8), one_tiny_step, TrainingStart(5, model=model), folder=tmp_path, stop=StopRequest()
    )
    for name, value in model.state_dict().items():
        torch.testing.assert_close(result.model.state_dict()[name], value, atol=1e-6, rtol=0)


def test_too_few_keypoints_for_the_slots(tmp_path):
    with pytest.raises(MappingError) as caught:
        started(SLOTS, [tokens(5)])
    assert caught.value.code == "TP-647"


def test_shorter_descriptors(model):
    found = features(30)
    full, short = SuperGF(model).describe(found, SIZE), SuperGF(model, dim=12).describe(found, SIZE)
    torch.testing.assert_close(short, functional.normalize(full.view(6, 4)[:, :2].flatten(), dim=0))
    directions = SuperGF(model, dim=4).describe(found, SIZE)
    along = functional.normalize((full @ model.whitening.directions)[:4], dim=0)
    torch.testing.assert_close(directions, along, atol=1e-4, rtol=0)
    for dim in (3, 12):
        assert torch.equal(SuperGF(model, dim=dim).describe(features(0), SIZE), torch.zeros(dim))


@pytest.mark.parametrize(("config", "dim"), [(SLOTS, 13), (SLOTS, 30), (SLOTS, -1), (SMALL, 16)])
def test_lengths_that_cannot_be_had(config, dim):
    with pytest.raises(MappingError) as caught:
        SuperGF(make_aggregator(config), dim=dim)
    assert caught.value.code == "TP-632"


def test_all_directions_can_be_whitened():
    descriptors = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 4.0, 2.0, 1.0])
    whitening = Whitening(4, 4).requires_grad_(False)
    whitening.start(descriptors)
    deviations = ((descriptors - whitening.mean) @ whitening.directions * (1 + whitening.change)).std(dim=0)
    assert deviations.tolist() == pytest.approx([float(deviations[-1])] * 4, rel=1e-3)


@pytest.mark.parametrize(("count", "rank"), [(200, 3), (9, 2), (2, 0)])
def test_whitening_levels_the_deviations(count, rank):
    generator = torch.Generator().manual_seed(0)
    descriptors = torch.randn(count, 6, generator=generator) * torch.tensor([9.0, 4.0, 2.0, 1.0, 1.0, 1.0]) + 5
    whitening = Whitening(6, 3).requires_grad_(False)
    whitening.start(descriptors)
    assert int((whitening.change != 0).sum()) == rank
    if rank == 3:
        centred = descriptors - whitening.mean
        levelled = centred + centred @ whitening.directions * whitening.change @ whitening.directions.T
        values = torch.linalg.eigvalsh(torch.cov(levelled.T))
        assert values.max() / values.min() < 2 < 50 < float(torch.linalg.cond(torch.cov(descriptors.T)))
    assert torch.isfinite(whitening(descriptors)).all()


@pytest.mark.parametrize(("config", "dim"), [(SLOTS, 24), (SLOTS, 12), (SMALL, 32)])
def test_state_is_the_whole_aggregator(config, dim):
    saved = SuperGF(started(config), dim=dim).state()
    again = restore(saved, dim)
    assert again.config == config and again.dim == dim
    found = features(30)
    twice = restore(again.state(), dim)
    assert torch.equal(twice.describe(found, SIZE), again.describe(found, SIZE))
    torch.testing.assert_close(
        again.describe(found, SIZE), SuperGF(started(config), dim=dim).describe(found, SIZE), atol=5e-3, rtol=0
    )
    assert {values.dtype.name for name, values in saved.items() if name != "config"} == {"float16"}


@pytest.mark.parametrize("damage", ["config", "weight", "shape", "text"])
def test_damaged_states(model, damage):
    state = SuperGF(model).state()
    if damage in ("config", "weight"):
        del state["config" if damage == "config" else "weight.codebook.centres"]
    elif damage == "shape":
        state["weight.codebook.centres"] = state["weight.codebook.centres"][:2]
    else:
        state["config"] = np.frombuffer(b"\xff{", dtype=np.uint8)
    with pytest.raises(MappingError) as caught:
        restore(state, 24)
    assert caught.value.code == "TP-633"


@pytest.mark.parametrize("change", [{"pooling": "max"}, {"slot_width": 9}, {"sharpness": 0.0}, {"residual_power": 2.0}])
def test_impossible_settings(change):
    with pytest.raises(ConfigError) as caught:
        replace(SLOTS, **change)
    assert caught.value.code == "TP-702"
