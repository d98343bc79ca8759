"""The regression head: its size, its output layer, its initialisation."""

import math

import pytest
import torch
from torch import nn

from trigpoint.mapping.config import HeadConfig
from trigpoint.mapping.head import Head, homogeneous_offset, make_head

pytestmark = pytest.mark.usefixtures("one_thread")


def count(head):
    return sum(parameter.numel() for parameter in head.parameters())


@pytest.mark.parametrize(
    ("inputs", "config", "parameters"),
    [
        (512, HeadConfig(), 2_103_300),
        # ACE without the second block: three layers fewer.
        (512, HeadConfig(blocks=0), 2_103_300 - 3 * (512 * 512 + 512)),
        # 64-d descriptors: the first layer and a projection around the block.
        (64, HeadConfig(), 2 * (64 * 512 + 512) + 7 * (512 * 512 + 512) + 512 * 4 + 4),
        (64, HeadConfig(width=256), 2 * (64 * 256 + 256) + 7 * (256 * 256 + 256) + 256 * 4 + 4),
        (256, HeadConfig(width=256, blocks=3), 14 * (256 * 256 + 256) + 256 * 4 + 4),
    ],
)
def test_parameter_counts(inputs, config, parameters):
    assert count(Head(inputs, config)) == parameters


def offset_of(w, d=(1.0, -2.0, 3.0)):
    return homogeneous_offset(torch.tensor([[*d, w]], dtype=torch.float64))[0]


def test_a_raw_scale_of_zero_changes_nothing():
    assert torch.allclose(offset_of(0.0), torch.tensor([1.0, -2, 3], dtype=torch.float64), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("w", "scale"),
    [
        (-1e4, 0.25),
        (-50.0, 0.25),
        (0.0, 1.0),
        # softplus with beta = ln 2 / 0.75: (1 / beta) ln(1 + exp(beta w)).
        (1.0, 0.25 + 0.75 / math.log(2) * math.log1p(2 ** (1 / 0.75))),
        (-1.0, 0.25 + 0.75 / math.log(2) * math.log1p(2 ** (-1 / 0.75))),
        (50.0, 50.25),
        (99.0, 99.25),
        (200.0, 100.0),
        (1e6, 100.0),
    ],
)
def test_golden_values_of_the_scale(w, scale):
    assert offset_of(w).tolist() == pytest.approx([1 / scale, -2 / scale, 3 / scale], rel=1e-8)


def test_the_scale_rises_and_stays_in_its_range():
    w = torch.linspace(-200, 200, 4001, dtype=torch.float64)
    offset = homogeneous_offset(torch.stack([torch.ones_like(w), w, w, w], dim=1))[:, 0]
    assert (offset.diff() <= 0).all()
    assert offset.max() <= 4 and offset.min() == pytest.approx(0.01)


def test_output_shape_and_gradients():
    head = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(0))
    descriptors = torch.randn(7, 64)
    points = head(descriptors)
    assert points.shape == (7, 3)
    points.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    assert head(torch.zeros(0, 64)).shape == (0, 3)


def test_samples_do_not_see_each_other():
    head = make_head(16, HeadConfig(width=32), torch.Generator().manual_seed(0))
    descriptors = torch.randn(5, 16)
    assert torch.allclose(head(descriptors)[2:3], head(descriptors[2:3]), atol=1e-6)


def test_initialisation_depends_on_the_generator_alone():
    torch.manual_seed(1)
    first = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    second = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(5))
    other = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(6))
    for (name, a), b, c in zip(first.named_parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert not torch.equal(a, c), name


def test_initialisation_is_torchs_default():
    head = make_head(512, HeadConfig(), torch.Generator().manual_seed(5))
    reference = nn.Linear(512, 512)
    for layer in (module for module in head.modules() if isinstance(module, nn.Linear)):
        assert layer.weight.abs().max() <= 1 / math.sqrt(512)
        assert float(layer.weight.detach().std()) == pytest.approx(float(reference.weight.detach().std()), rel=0.05)
