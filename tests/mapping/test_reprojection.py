"""The reprojection loss against numbers worked out by hand."""

import math

import pytest
import torch

from trigpoint.mapping.losses import Losses, tie_weight, total_loss
from trigpoint.mapping.presets import PRESETS
from trigpoint.mapping.reprojection import Targets, reprojection_loss, robust, soft_clamp_px
from trigpoint.mapping.training_config import LossConfig, RobustTerm

pytestmark = pytest.mark.usefixtures("one_thread")
IDENTITY = torch.eye(3, 4, dtype=torch.float64)


def targets_for(rays, focal=(100.0, 200.0), pose=IDENTITY):
    rays = torch.tensor(rays, dtype=torch.float64)
    return Targets(rays, pose.expand(len(rays), 3, 4).clone(), torch.tensor(focal, dtype=torch.float64).expand(len(rays), 2))


def points_at(*points):
    return torch.tensor(points, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("progress", "tau"), [(0.0, 51.0), (0.5, 50 * math.sqrt(0.75) + 1), (0.6, 41.0), (0.8, 31.0), (1.0, 1.0), (1.2, 1.0)]
)
def test_the_circle_schedule(progress, tau):
    assert soft_clamp_px(RobustTerm(), progress) == pytest.approx(tau, abs=1e-12)
    assert soft_clamp_px(RobustTerm(), 0.5) == pytest.approx(44.30, abs=0.005)


# The point (0.1, 0.2, 2) projects to (0.05, 0.1); seen at (0.02, 0.06): residual (3, 8) px with focal lengths 100 and 200.
@pytest.mark.parametrize(("norm", "distance"), [(1, 11.0), (2, math.sqrt(73))])
@pytest.mark.parametrize("progress", [0.0, 0.5, 0.99])
def test_a_valid_point(norm, distance, progress):
    terms = reprojection_loss(points_at((0.1, 0.2, 2.0)), targets_for([(0.02, 0.06)]), LossConfig(norm=norm), progress)
    tau = 50 * math.sqrt(1 - progress**2) + 1
    assert float(terms.loss.detach()) == pytest.approx(tau * math.tanh(distance / tau), rel=1e-12)
    assert float(terms.valid_fraction) == 1
    # Inliers are counted by the Euclidean distance whatever the norm of the loss.
    assert float(terms.inlier_ratio) == 1


# Behind the camera: pulled to 10 units along the ray (0.2, -0.1): (2, -1, 10), from (1, 1, -5).
@pytest.mark.parametrize(("norm", "pull"), [(1, 1 + 2 + 15.0), (2, math.sqrt(1 + 4 + 225))])
@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_an_invalid_point(norm, pull, weight):
    config = LossConfig(norm=norm, pull_weight=weight)
    terms = reprojection_loss(points_at((1.0, 1.0, -5.0)), targets_for([(0.2, -0.1)]), config, 0.3)
    assert float(terms.loss.detach()) == pytest.approx(weight * pull, rel=1e-12)
    assert float(terms.valid_fraction) == float(terms.inlier_ratio) == 0


def test_a_batch_is_the_mean_of_both_kinds():
    points, rays = [(0.1, 0.2, 2.0), (1.0, 1.0, -5.0)], [(0.02, 0.06), (0.2, -0.1)]
    terms = reprojection_loss(points_at(*points), targets_for(rays), LossConfig(), 0.0)
    assert float(terms.loss.detach()) == pytest.approx((51 * math.tanh(11 / 51) + 18) / 2, rel=1e-12)
    assert float(terms.valid_fraction) == float(terms.inlier_ratio) == 0.5


@pytest.mark.parametrize(
    ("point", "valid"),
    [
        ((0.0, 0.0, 0.11), True),
        ((0.0, 0.0, 0.09), False),
        ((0.0, 0.0, 0.0), False),
        ((0.0, 0.0, 999.0), True),
        ((0.0, 0.0, 1001.0), False),
        ((9.9, 0.0, 1.0), True),
        ((10.1, 0.0, 1.0), False),
    ],
)
def test_limits_of_validity(point, valid):
    terms = reprojection_loss(points_at(point), targets_for([(0.0, 0.0)]), LossConfig(), 0.5)
    assert float(terms.valid_fraction) == valid


def test_poses_are_applied():
    turn = torch.tensor([[0.0, -1, 0, 0.5], [1, 0, 0, -0.5], [0, 0, 1, 3]], dtype=torch.float64)
    # (1, 2, 1) in world is (-1.5, 0.5, 4) in the camera: exactly on this ray.
    rays = [(-1.5 / 4, 0.5 / 4)]
    terms = reprojection_loss(points_at((1.0, 2.0, 1.0)), targets_for(rays, pose=turn), LossConfig(), 0.5)
    assert float(terms.loss.detach()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize(
    "point", [(0.0, 0.0, 0.0), (0.0, 0.0, -1.0), (1e6, 1e6, 1e-9), (1e15, -1e15, 1e15), (0.0, 0.0, 1e7), (5.0, -3.0, -1e-30)]
)
def test_batches_without_a_valid_point_are_finite(norm, point):
    points = torch.tensor([point] * 3, requires_grad=True)
    targets = Targets(torch.zeros(3, 2), torch.eye(3, 4).repeat(3, 1, 1), torch.full((3, 2), 500.0))
    terms = reprojection_loss(points, targets, LossConfig(norm=norm), 1.0)
    assert float(terms.valid_fraction) == 0
    assert torch.isfinite(terms.loss)
    terms.loss.backward()
    assert points.grad is not None and torch.isfinite(points.grad).all()


@pytest.mark.parametrize("norm", [1, 2])
def test_perfect_points_have_finite_gradients(norm):
    points = torch.tensor([[0.0, 0.0, 2.0]], requires_grad=True)
    targets = Targets(torch.zeros(1, 2), torch.eye(3, 4)[None], torch.full((1, 2), 500.0))
    terms = reprojection_loss(points, targets, LossConfig(norm=norm), 0.0)
    terms.loss.backward()
    assert float(terms.loss.detach()) == 0
    assert points.grad is not None and torch.isfinite(points.grad).all()


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_gradients_against_finite_differences(norm, progress):
    generator = torch.Generator().manual_seed(norm)
    points = torch.randn(20, 3, generator=generator, dtype=torch.float64) + torch.tensor([0, 0, 2.0])
    rays = torch.randn(20, 2, generator=generator, dtype=torch.float64) * 0.1
    targets = Targets(rays, IDENTITY.repeat(20, 1, 1), torch.full((20, 2), 50.0, dtype=torch.float64))
    config = LossConfig(norm=norm)
    valid = float(reprojection_loss(points, targets, config, progress).valid_fraction)
    assert 0.3 < valid < 1
    assert torch.autograd.gradcheck(
        lambda moved: reprojection_loss(moved, targets, config, progress).loss, points.requires_grad_(), eps=1e-7, atol=1e-5
    )


@pytest.mark.parametrize(
    ("schedule", "start", "end", "progress", "tau"),
    [
        ("blend", 50, 1, 0.0, 50.0),
        ("blend", 50, 1, 1.0, 1.0),
        # w(0.6) = 0.2
        ("blend", 25, 1, 0.6, 20.2),
        ("log-circle", 200, 1, 0.0, 200.0),
        ("log-circle", 200, 2, 1.0, 2.0),
        ("log-circle", 100, 1, 0.6, 100**0.8),
    ],
)
def test_the_other_schedules(schedule, start, end, progress, tau):
    term = RobustTerm(schedule=schedule, tau_start_px=start, tau_end_px=end)
    assert soft_clamp_px(term, progress) == pytest.approx(tau, rel=1e-12)


# tau 9q / (9q + 4), q = (r / tau)^2: half of tau at two thirds of it.
@pytest.mark.parametrize(
    ("distance", "tau", "value"), [(20.0, 30.0, 15.0), (0.0, 30.0, 0.0), (30.0, 30.0, 30 * 9 / 13), (1e6, 5.0, 5.0)]
)
def test_geman_mcclure(distance, tau, value):
    assert float(robust(torch.tensor(distance, dtype=torch.float64), tau, "geman-mcclure")) == pytest.approx(value, rel=1e-8)


# sigma = 3: 0.16 at 0.5 m, 0.32 at 1 m, 0.71 at 3 m, 0.86 at 5 m, 0.96 at 10 m.
@pytest.mark.parametrize(("depth", "factor"), [(0.5, 0.164), (1.0, 0.316), (3.0, 0.707), (5.0, 0.857), (10.0, 0.958)])
def test_the_depth_adjustment(depth, factor):
    term = RobustTerm(depth_sigma=3.0, depth_fades=False, schedule="blend", tau_start_px=1e6, tau_end_px=1e6)
    targets = targets_for([(0.0, 0.0)])
    terms = reprojection_loss(points_at((0.01 * depth, 0.0, depth)), targets, LossConfig(norm=2), 0.5, term)
    assert float(terms.loss.detach()) == pytest.approx(factor, abs=5e-4)
    faded = RobustTerm(depth_sigma=3.0, schedule="blend", tau_start_px=1e6, tau_end_px=1e6)
    assert float(
        reprojection_loss(points_at((0.01 * depth, 0.0, depth)), targets, LossConfig(norm=2), 1.0, faded).loss.detach()
    ) == (pytest.approx(1.0, abs=1e-6))


@pytest.mark.parametrize(
    ("progress", "weight"), [(0.0, 1.0), (0.25, 0.5), (0.125, (1 + math.sqrt(0.5)) / 2), (0.5, 0.0), (1.0, 0.0)]
)
def test_the_weight_of_the_tie(progress, weight):
    assert tie_weight(progress) == pytest.approx(weight, abs=1e-12)


def stages():
    return points_at((0.0, 0.0, 2.0), (0.0, 0.0, 2.0)), points_at((0.0, 0.0, 2.05), (0.0, 0.0, 2.5))


def test_the_refinement_is_tied_to_the_coarse_point():
    coarse, fine = stages()
    targets = targets_for([(0.0, 0.0)] * 2)
    config = Losses(LossConfig(norm=2), RobustTerm())
    # Both points are seen exactly where they should be, so only the movement of 0.5 beyond the tolerance costs.
    loss = total_loss((coarse, fine), targets, config, 0.25).loss
    assert float(loss.detach()) == pytest.approx(0.5 * 0.5 / 2, rel=1e-9)
    assert float(total_loss((coarse, fine), targets, config, 0.6).loss.detach()) == pytest.approx(0, abs=1e-9)


def test_known_points_count_as_pixels_seen_from_the_side():
    coarse, fine = stages()
    known = torch.tensor([[0.0, 0, 2.1], [math.nan] * 3], dtype=torch.float64)
    config = Losses(LossConfig(norm=2), RobustTerm())
    # Both outputs are seen where they should be; the known one is 0.1 and 0.05 too near, at a depth of 2.1.
    loss = total_loss((coarse, fine), targets_for([(0.0, 0.0)] * 2), config, 0.5, known).loss
    off, tau = [100 * distance / 2.1 for distance in (0.1, 0.05)], 50 * math.sqrt(0.75) + 1
    assert float(loss.detach()) == pytest.approx(sum(tau * math.tanh(value / tau) for value in off) / 2, rel=1e-9)
    loss.backward()
    assert torch.isfinite(coarse.grad).all() and torch.isfinite(fine.grad).all()
    assert coarse.grad[0, 2] < 0 and (coarse.grad[1] == 0).all()


def test_both_outputs_are_judged_by_their_own_terms():
    coarse, fine = points_at((0.02, 0.0, 2.0)), points_at((0.04, 0.0, 2.0))
    config = Losses(LossConfig(norm=2), RobustTerm(robust="geman-mcclure"))
    terms = total_loss((coarse, fine), targets_for([(0.0, 0.0)]), config, 0.0)
    q = (1 / 51) ** 2
    assert float(terms.loss.detach()) == pytest.approx(51 * math.tanh(2 / 51) + 51 * 9 * q / (9 * q + 4), rel=1e-9)


# What presets minimise, and of how many outputs.
RECIPES = {
    Losses(config.network.loss, config.network.refinement and config.network.refinement.term): name
    for name, config in PRESETS.items()
    if config.network
}


def recipes():
    return pytest.mark.parametrize("config", list(RECIPES), ids=list(RECIPES.values()))


# On the plane of the camera, barely and far behind it, and as far as only a network that diverges would say.
BEHIND = [(0.0, 0.0, 0.0), (0.3, -0.2, 0.0), (0.1, 0.1, -1e-30), (1.0, 2.0, -3.0), (1e6, -1e6, -1e3), (1e12, 1e12, -1e12)]


@recipes()
@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_everything_behind_the_camera_can_still_be_learned_from(config, progress):
    """Also where given points lie on the plane of the camera, and where the refinement has not moved a point."""
    for truth in (None, "given", "unknown"):
        for moved in (0.0, 0.05, 5.0):
            check_gradients_behind_the_camera(config, progress, truth, moved)


def check_gradients_behind_the_camera(config, progress, truth, moved):
    coarse = torch.tensor(BEHIND, requires_grad=True)
    final = (torch.tensor(BEHIND) - moved).requires_grad_()
    stages = (coarse, final) if config.coarse else (final,)
    count = len(BEHIND)
    rays = torch.tensor([(0.1, -0.2)] * count)
    targets = Targets(rays, torch.eye(3, 4).repeat(count, 1, 1), torch.full((count, 2), 500.0))
    points = torch.tensor([[0.2, -0.4, 2.0], [0.0, 0.0, 0.0]] * (count // 2))
    given = {None: None, "given": points, "unknown": torch.full((count, 3), math.nan)}[truth]
    terms = total_loss(stages, targets, config, progress, given)
    assert float(terms.valid_fraction) == float(terms.inlier_ratio) == 0
    assert torch.isfinite(terms.loss) and terms.loss > 0
    terms.loss.backward()
    for stage in stages:
        assert torch.isfinite(stage.grad).all()
        # All but the furthest are pulled forwards.
        assert (stage.grad[:4, 2] < 0).all()


ADJUSTED = [
    RobustTerm(depth_sigma=1.0),
    RobustTerm(depth_sigma=3.0, depth_fades=False),
    RobustTerm(robust="geman-mcclure", schedule="blend", depth_sigma=3.0, depth_fades=False),
    RobustTerm(schedule="log-circle", tau_start_px=200.0, depth_sigma=1.0),
]


@pytest.mark.parametrize("term", ADJUSTED)
@pytest.mark.parametrize("progress", [0.0, 0.6])
def test_gradients_of_the_depth_adjustment_against_finite_differences(term, progress):
    generator = torch.Generator().manual_seed(0)
    rays = torch.randn(20, 2, generator=generator, dtype=torch.float64) * 0.1
    depth = torch.rand(20, 1, generator=generator, dtype=torch.float64) * 3 + 0.3
    off = torch.randn(20, 2, generator=generator, dtype=torch.float64) * 0.05
    points = torch.cat([rays + off, torch.ones_like(depth)], dim=1) * depth
    targets = Targets(rays, IDENTITY.repeat(20, 1, 1), torch.full((20, 2), 50.0, dtype=torch.float64))
    config = LossConfig(norm=2)
    assert float(reprojection_loss(points, targets, config, progress, term).valid_fraction) == 1
    assert torch.autograd.gradcheck(
        lambda moved: reprojection_loss(moved, targets, config, progress, term).loss,
        points.requires_grad_(),
        eps=1e-7,
        atol=1e-6,
    )


@pytest.mark.parametrize("depth", [0.5, 1.0, 4.0])
def test_the_depth_adjustment_has_a_gradient_of_its_own(depth):
    """100 x / z times z / sqrt(z^2 + 9) is 100 x / sqrt(z^2 + 9), which falls by 100 x z / (z^2 + 9)^1.5 with depth."""
    term = RobustTerm(depth_sigma=3.0, depth_fades=False, tau_start_px=1e6, tau_end_px=1e6)
    points = points_at((0.02, 0.0, depth))
    reprojection_loss(points, targets_for([(0.0, 0.0)]), LossConfig(norm=2), 0.5, term).loss.backward()
    square = depth**2 + 9
    expected = [100 / math.sqrt(square), 0, -2 * depth / square**1.5]
    assert points.grad[0].tolist() == pytest.approx(expected, rel=1e-6)
