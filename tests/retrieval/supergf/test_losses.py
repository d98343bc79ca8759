"""The listwise loss against its definition, and the decorrelation of attention."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trigpoint.retrieval.supergf.config import APConfig
from trigpoint.retrieval.supergf.losses import (
    ListLoss,
    attention_decorrelation,
    ideal_average_precision,
    soft_average_precision,
)


def plain_average_precision(similarity, labels):
    """O(n^2), from the definition: mean over the relevant of the precision down to their rank."""
    total = 0.0
    for own, label in zip(similarity, labels, strict=True):
        above = similarity >= own
        total += label * labels[above].sum() / above.sum()
    return total / labels.sum()


def graded_average_precision(labels):
    found = np.cumsum(labels)
    return float((found / np.arange(1, len(labels) + 1) * labels).sum() / found[-1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("graded", [False, True])
def test_many_bins_give_the_plain_average_precision(seed, graded):
    rng = np.random.default_rng(seed)
    # Multiples of the spacing, so that no two values share a bin unless they are equal.
    similarity = rng.choice(1000, 40, replace=False) / 999
    labels = rng.uniform(size=40) if graded else (rng.uniform(size=40) < 0.3).astype(float)
    labels[0] = 1.0
    value = soft_average_precision(torch.tensor(similarity)[None], torch.tensor(labels)[None], bins=1000)
    assert float(value) == pytest.approx(plain_average_precision(similarity, labels), abs=1e-6)


def test_binned_definition():
    """The triangular weights, written out."""
    rng = np.random.default_rng(3)
    similarity, labels = rng.uniform(-0.2, 1.2, 30), rng.uniform(size=30)
    centres, spacing = np.linspace(1, 0, 20), 1 / 19
    weight = np.maximum(1 - np.abs(similarity.clip(0, 1)[None] - centres[:, None]) / spacing, 0)
    count, found = weight.sum(1), weight @ labels
    precision = np.cumsum(found) / np.maximum(np.cumsum(count), 1e-12)
    expected = (precision * found).sum() / labels.sum()
    value = soft_average_precision(torch.tensor(similarity)[None], torch.tensor(labels)[None])
    assert float(value) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("labels", [(0.9, 0.6, 0.3, 0.1, 0.0, 0.0), (1.0, 1.0, 0.5, 0.5, 0.0), (0.2, 0.7, 0.71, 0.05)])
def test_descending_labels_are_the_best_order(labels):
    values = {order: graded_average_precision(np.array(order)) for order in set(permutations(labels))}
    best = max(values, key=lambda order: values[order])
    assert list(best) == sorted(labels, reverse=True)
    assert float(ideal_average_precision(torch.tensor([labels]))) == pytest.approx(values[best], abs=1e-6)


def test_ideal_value_of_graded_labels_is_below_one():
    labels = [0.9, 0.6, 0.3, 0.1, 0, 0, 0]
    by_hand = (0.9 * 0.9 + 0.6 * 1.5 / 2 + 0.3 * 1.8 / 3 + 0.1 * 1.9 / 4) / 1.9
    assert float(ideal_average_precision(torch.tensor([labels]))) == pytest.approx(by_hand, abs=1e-6) and by_hand < 0.8


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(0, 1000))
def test_no_order_beats_the_ideal(labels, seed):
    target = torch.tensor([labels], dtype=torch.float64)
    order = torch.tensor(np.random.default_rng(seed).permutation(len(labels)) / (len(labels) - 1))[None]
    # On the centres of the bins: between two of them an entry counts as a little earlier than it is.
    value = float(soft_average_precision(order, target, bins=len(labels)))
    assert 0 <= value <= float(ideal_average_precision(target)) + 1e-6


@settings(max_examples=50, deadline=None)
@given(st.floats(-0.9, 0.8), st.floats(0.01, 0.15), st.integers(0, 1000))
def test_value_is_a_fraction_wherever_the_bins_are(low, width, seed):
    """Also where all similarities are beyond the last bin, by more than rounding or by less."""
    rng = np.random.default_rng(seed)
    labels = torch.tensor(rng.uniform(size=(1, 7)), dtype=torch.float32)
    for similarity in (rng.uniform(-1, 1, (1, 7)), np.full((1, 7), low), np.full((1, 7), -1.0), np.ones((1, 7))):
        values = torch.tensor(similarity, dtype=torch.float32)
        value = float(soft_average_precision(values, labels, low=low, high=low + width))
        assert 0 <= value <= 1 + 1e-6
        if len(np.unique(similarity)) == 1:
            assert value == pytest.approx(float(labels.mean()), abs=0.3 if similarity[0, 0] == low else 1e-5)


def test_entries_outside_the_list_do_not_matter():
    similarity, labels = torch.tensor([[0.9, 0.8, 0.2]]), torch.tensor([[0.0, 1.0, 0.3]])
    member = torch.tensor([[False, True, True]])
    assert soft_average_precision(similarity, labels, member) == soft_average_precision(similarity[:, 1:], labels[:, 1:])
    assert ideal_average_precision(labels, member) == ideal_average_precision(labels[:, 1:])


def test_gradient_raises_relevant_similarities():
    similarity = torch.tensor([[0.52, 0.55, 0.41, 0.61]], requires_grad=True)
    soft_average_precision(similarity, torch.tensor([[1.0, 0.0, 0.0, 0.0]])).sum().backward()
    assert similarity.grad is not None and float(similarity.grad[0, 0]) > 0


def test_queries_without_labels_are_skipped():
    loss = ListLoss(APConfig())
    similarity, labels = torch.rand(3, 5, requires_grad=True), torch.tensor([[0.0] * 5, [1.0, 0, 0, 0, 0.5], [0.0] * 5])
    member = torch.ones(3, 5, dtype=torch.bool)
    assert loss(similarity, labels, member) == loss(similarity[1:2], labels[1:2], member[1:2])
    nothing = loss(similarity, torch.zeros(3, 5), member)
    nothing.backward()
    assert float(nothing.detach()) == 0 and similarity.grad is not None and not similarity.grad.any()


def test_normalized_loss_reaches_zero():
    similarity, labels = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[0.9, 0.5, 0.1]])
    member = torch.ones(1, 3, dtype=torch.bool)
    assert float(ListLoss(APConfig(bins=3, normalized=True))(similarity, labels, member)) == pytest.approx(0, abs=1e-6)
    assert float(ListLoss(APConfig(bins=3))(similarity, labels, member)) > 0.1


def test_running_percentile_follows_and_resumes():
    config = APConfig(running_percentile=True)
    labels, member = torch.ones(1, 200), torch.ones(1, 200, dtype=torch.bool)
    loss = ListLoss(config)
    loss(torch.linspace(0.8, 0.9, 200)[None], labels, member)
    assert loss.range == pytest.approx((0.8, 0.9), abs=2e-3)
    again = ListLoss(config)
    again.load(loss.state())
    for item in (loss, again):
        item(torch.linspace(0.2, 0.9, 200)[None], labels, member)
    assert loss.range == again.range and loss.range[0] == pytest.approx(0.74, abs=3e-3)
    loss(torch.full((1, 200), 0.5), labels, member)
    assert loss.range[1] > loss.range[0]


def test_decorrelation_is_zero_for_disjoint_and_one_for_equal_maps():
    disjoint = torch.eye(5)[None].repeat(2, 1, 1)
    assert float(attention_decorrelation(disjoint)) == pytest.approx(0, abs=1e-6)
    equal = torch.rand(1, 1, 9).repeat(3, 4, 1)
    assert float(attention_decorrelation(equal)) == pytest.approx(1, abs=1e-5)


def test_decorrelation_is_the_mean_over_pairs():
    maps = torch.rand(2, 4, 7)
    unit = maps / maps.norm(dim=2, keepdim=True)
    pairs = unit @ unit.transpose(1, 2)
    expected = (pairs.sum(dim=(1, 2)) - 4) / 12
    assert float(attention_decorrelation(maps)) == pytest.approx(float(expected.mean()), abs=1e-5)
