"""Muon: orthogonal steps, the same batched and one by one."""

import numpy as np
import pytest
import torch
from torch import nn

from trigpoint.mapping.muon import _POLYNOMIALS, Muon, orthogonalize

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPES = [(96, 96), (128, 32), (32, 128), (512, 4), (3, 3)]


def random_matrices(count, shape, seed=0):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_singular_values_end_near_one(shape, scale):
    result = orthogonalize(scale * random_matrices(3, shape))
    assert result.shape == (3, *shape)
    values = torch.linalg.svdvals(result)
    # A square random matrix has a few singular values so small that three polynomials do not lift them.
    assert values.max() < 1.3
    assert values.quantile(0.1) > 0.6
    if max(shape) >= 4 * min(shape):
        assert values.min() > 0.6


def test_the_polynomials_are_the_best_for_their_ranges():
    """Each has its largest error, with alternating signs, at four points of its range: the mark of the best one."""
    low, high = 0.01, 1.0
    for polynomial in _POLYNOMIALS:
        x = np.geomspace(low, high, 20_001)
        error = polynomial[0] * x + polynomial[1] * x**3 + polynomial[2] * x**5 - 1
        largest = np.abs(error).max()
        at_most = np.sign(error[np.abs(error) > 0.99 * largest])
        assert 1 + (np.diff(at_most) != 0).sum() == 4
        low, high = 1 - largest, 1 + largest
    assert largest < 0.28


def test_the_direction_is_kept():
    """The result is the orthogonal factor of the matrix up to the spread of its singular values."""
    matrix = random_matrices(1, (32, 128))
    left, _, right = torch.linalg.svd(matrix[0], full_matrices=False)
    result = orthogonalize(matrix)[0]
    fraction = (result * (left @ right)).sum() / (result.norm() * (left @ right).norm())
    assert fraction > 0.98


@pytest.mark.parametrize("shape", SHAPES)
def test_batched_is_one_by_one(shape):
    matrices = random_matrices(4, shape)
    single = torch.cat([orthogonalize(matrix[None]) for matrix in matrices])
    assert (orthogonalize(matrices) - single).abs().max() < 1e-5


def test_a_zero_gradient_is_no_step():
    assert (orthogonalize(torch.zeros(2, 8, 16)) == 0).all()


def test_parameters_move_alike_together_and_alone():
    shapes = [(32, 16), (32, 32), (32, 32), (16, 32)]
    together = [nn.Parameter(random_matrices(1, shape, seed)[0]) for seed, shape in enumerate(shapes)]
    alone = [nn.Parameter(parameter.detach().clone()) for parameter in together]
    optimizers = [Muon(together), *(Muon([parameter]) for parameter in alone)]
    for step in range(4):
        for seed, (a, b) in enumerate(zip(together, alone, strict=True)):
            a.grad = random_matrices(1, tuple(a.shape), 100 * step + seed)[0]
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step(0.05)
    for a, b in zip(together, alone, strict=True):
        assert (a - b).abs().max() < 1e-5


@pytest.mark.parametrize(("shape", "size"), [((32, 32), 1.0), ((16, 64), 1.0), ((64, 16), 2.0)])
def test_the_size_of_a_step(shape, size):
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = random_matrices(1, shape)[0]
    Muon([parameter]).step(0.1)
    largest = float(torch.linalg.matrix_norm(parameter.detach(), 2))
    assert 0.06 * size < largest < 0.13 * size
    # Against the gradient.
    assert (parameter * parameter.grad).sum() < 0


def test_nesterov_momentum():
    parameter = nn.Parameter(torch.zeros(4, 4))
    optimizer = Muon([parameter], momentum=0.5)
    velocity = torch.zeros(4, 4)
    expected = torch.zeros(4, 4)
    for seed in range(3):
        gradient = random_matrices(1, (4, 4), seed)[0]
        parameter.grad = gradient.clone()
        optimizer.step(0.1)
        velocity = 0.5 * velocity + gradient
        expected = expected - 0.1 * orthogonalize((gradient + 0.5 * velocity)[None])[0]
        assert torch.equal(parameter.grad, gradient)
    assert torch.allclose(parameter, expected, atol=1e-6)


def test_the_state_continues_exactly():
    def run(steps, optimizer, parameter, first=0):
        for step in range(first, steps):
            parameter.grad = random_matrices(1, (8, 8), step)[0]
            optimizer.step(0.1)

    whole = nn.Parameter(torch.zeros(8, 8))
    run(6, Muon([whole]), whole)
    part = nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([part])
    run(3, optimizer, part)
    resumed = nn.Parameter(part.detach().clone())
    second = Muon([resumed])
    second.load({name: value.clone() for name, value in optimizer.state().items()})
    run(6, second, resumed, first=3)
    assert torch.equal(whole, resumed)
