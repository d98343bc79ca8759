"""Global descriptors: the contract of every entry, and what each computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.retrieval_images import SIZE, image, scenes

from trigpoint.core.errors import MappingError
from trigpoint.retrieval import vlad
from trigpoint.retrieval.descriptor import DESCRIPTORS, describe_images, fit_descriptor, restore_descriptor
from trigpoint.retrieval.evaluation import recall_at
from trigpoint.retrieval.index import RetrievalIndex

pytestmark = pytest.mark.usefixtures("one_thread")
FITTED = [name for name in DESCRIPTORS if name in ("vlad", "mean", "gem")]


@pytest.fixture(scope="module")
def mapped():
    return scenes()


@pytest.mark.parametrize("name", FITTED)
def test_contract(name, mapped):
    images, _ = mapped
    descriptor = fit_descriptor(name, images, 0, seed=3)
    vector = descriptor.describe(*images[0])
    assert descriptor.name == name and vector.shape == (descriptor.dim,) and vector.dtype == torch.float32
    assert float(vector.norm()) == pytest.approx(1, abs=1e-5)
    state = descriptor.state()
    assert all(isinstance(values, np.ndarray) for values in state.values())
    again = restore_descriptor(name, descriptor.dim, state)
    assert torch.equal(describe_images(again, images), describe_images(descriptor, images))
    same = fit_descriptor(name, images, 0, seed=3).state()
    assert state.keys() == same.keys() and all(np.array_equal(state[key], same[key]) for key in state)


@pytest.mark.parametrize("name", FITTED)
def test_order_of_keypoints_does_not_matter(name, mapped):
    images, _ = mapped
    features, size = images[4]
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(features)))
    shuffled = replace(features, descriptors=features.descriptors[order], image_px=features.image_px[order.numpy()])
    descriptor = fit_descriptor(name, images)
    assert torch.allclose(descriptor.describe(shuffled, size), descriptor.describe(features, size), atol=1e-5)


@pytest.mark.parametrize("name", FITTED)
def test_an_image_without_keypoints_is_zeros(name, mapped):
    descriptor = fit_descriptor(name, mapped[0])
    assert torch.equal(descriptor.describe(*image(np.zeros((0, 32)))), torch.zeros(descriptor.dim))


@pytest.mark.parametrize(("name", "least"), [("vlad", 0.9), ("gem", 0.4), ("mean", 0.4)])
def test_images_of_a_scene_are_found(name, least, mapped):
    images, labels = mapped
    queries, gallery = labels == labels, np.arange(len(labels)) % 5 != 0
    queries = ~gallery
    vectors = describe_images(fit_descriptor(name, [images[i] for i in np.flatnonzero(gallery)]), images)
    found, _ = RetrievalIndex(vectors[gallery]).search(vectors[queries], 1)
    positives = labels[queries][:, None] == labels[gallery][None]
    assert recall_at(found.numpy(), positives, (1,))[1] >= least


def test_vlad_sums_differences_from_the_nearest_centre():
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    local = [[0.8, 0.6], [1.0, 0.0], [0.0, 1.0]]
    plain = vlad.VladDescriptor(centres, torch.eye(2), power=1.0)
    expected = torch.tensor([-0.2, 0.6, 0.0, 0.0])
    assert torch.allclose(plain.describe(*image(local)), expected / expected.norm(), atol=1e-6)
    rooted = vlad.VladDescriptor(centres, torch.eye(2)).describe(*image(local))
    expected = torch.tensor([-(0.2**0.5), 0.6**0.5, 0.0, 0.0])
    assert torch.allclose(rooted, expected / expected.norm(), atol=1e-6)


def test_intra_normalisation_makes_centres_equal():
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    local = [[0.6, 0.0], [0.0, 0.9]]
    vector = vlad.VladDescriptor(centres, torch.eye(2), intra=True, power=1.0).describe(*image(local))
    parts = vector.reshape(2, 2).norm(dim=1)
    assert torch.allclose(parts, torch.full((2,), 0.5**0.5), atol=1e-5)


def test_normalisation_is_restored(mapped):
    descriptor = vlad.fit(mapped[0], 128, 0, intra=True, power=0.3)
    again = restore_descriptor("vlad", 128, descriptor.state())
    assert torch.equal(again.describe(*mapped[0][0]), descriptor.describe(*mapped[0][0]))
    assert not torch.equal(fit_descriptor("vlad", mapped[0], 128).describe(*mapped[0][0]), again.describe(*mapped[0][0]))


def test_vlad_state_is_small(mapped):
    state = fit_descriptor("vlad", mapped[0]).state()
    assert state["centres"].shape == (64, 32) and state["basis"].shape == (32, 16)
    assert sum(values.nbytes for values in state.values()) < 12_000


@pytest.mark.parametrize("dim", [16, 256, 512, 1024, 2048])
def test_vlad_comes_in_several_lengths(mapped, dim):
    assert fit_descriptor("vlad", mapped[0], dim).describe(*mapped[0][0]).shape == (dim,)


@pytest.mark.parametrize(
    ("name", "dim"), [("vlad", 100), ("vlad", 8), ("vlad", 4096), ("vlad", 1040), ("mean", 64), ("gem", 32)]
)
def test_impossible_lengths(mapped, name, dim):
    with pytest.raises(MappingError, match="TP-632"):
        fit_descriptor(name, mapped[0], dim)


def test_nothing_to_fit_to():
    with pytest.raises(MappingError, match="TP-632"):
        fit_descriptor("mean", [image(np.zeros((0, 32)))])
    with pytest.raises(MappingError, match="TP-632"):
        fit_descriptor("vlad", [image(np.ones((50, 32)))])
    with pytest.raises(MappingError, match=r"TP-631.*vlad"):
        fit_descriptor("vald", scenes(1, 1)[0])


def test_gem_keeps_both_signs():
    vector = fit_descriptor("gem", [image([[1.0, -1.0]])]).describe(*image([[0.5, -1.0], [0.5, -1.0]]))
    expected = torch.tensor([0.5, 0.0, 0.0, 1.0])
    assert torch.allclose(vector, expected / expected.norm(), atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("basis"),
        lambda state: state.update(centres=state["centres"][:, :5]),
        lambda state: state.update(centres=state["centres"][:5]),
        lambda state: state.update(basis=state["basis"] * np.float16(np.nan)),
        lambda state: state.update(normalization=np.array([0, 7], np.float16)),
        lambda state: state.update(normalization=np.zeros((2, 2), np.float16)),
    ],
)
def test_damaged_states_are_refused(mapped, change):
    state = fit_descriptor("vlad", mapped[0]).state()
    change(state)
    with pytest.raises(MappingError, match="TP-633"):
        restore_descriptor("vlad", 1024, state)


def test_pooling_has_no_state():
    with pytest.raises(MappingError, match="TP-633"):
        restore_descriptor("mean", 32, {"centres": np.zeros(3)})
    assert restore_descriptor("gem", 4, {}).describe(*image([[1.0, 0.0]], size=SIZE)).shape == (4,)
