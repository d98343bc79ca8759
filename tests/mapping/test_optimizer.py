"""The optimizers of the presets: schedule, who moves what, and an exact state."""

import pytest
import torch

from trigpoint.mapping.head import make_head
from trigpoint.mapping.optimizer import Optimizer, inner_matrices, one_cycle
from trigpoint.mapping.presets import PRESETS
from trigpoint.mapping.training_config import AdamWConfig, HeadConfig, MuonConfig

pytestmark = pytest.mark.usefixtures("one_thread")
ADAMW = AdamWConfig(steps=20, learning_rate=1e-2)
MUON = MuonConfig(steps=20, learning_rate=1e-2, matrix_rate=0.05, warmup_fraction=0.1)


@pytest.mark.parametrize("name", [name for name, config in PRESETS.items() if config.network])
def test_presets_follow_torchs_schedule(name):
    config = PRESETS[name].network.optimizer
    check_schedule(min(config.steps, 5000), config.warmup_fraction, config.learning_rate)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.3), (1000, 0.04), (777, 0.123), (50, 0.9)])
def test_the_schedule_is_torchs_one_cycle(steps, warmup):
    check_schedule(steps, warmup, 5e-3)


def check_schedule(steps, warmup, peak):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=peak, total_steps=steps, pct_start=warmup, anneal_strategy="cos", cycle_momentum=False
    )
    for step in range(steps):
        assert abs(peak * one_cycle(step, steps, warmup) - optimizer.param_groups[0]["lr"]) < 1e-9
        if step + 1 < steps:
            optimizer.step()
            schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("warmup", [0.0, 0.04, 0.5, 1.0])
def test_very_short_trainings_have_rates_too(steps, warmup):
    assert all(0 < one_cycle(step, steps, warmup) <= 1 for step in range(steps))


def small_head(seed=0):
    return make_head(16, HeadConfig(width=24), torch.Generator().manual_seed(seed))


def train(head, optimizer, first, last):
    for step in range(first, last):
        descriptors = torch.randn(32, 16, generator=torch.Generator().manual_seed(step))
        (head(descriptors) - descriptors[:, :3]).square().mean().backward()
        optimizer.step(step)


@pytest.mark.parametrize("config", [ADAMW, MUON], ids=["adamw", "muon"])
def test_the_loss_falls_and_gradients_are_cleared(config):
    head = small_head()
    descriptors = torch.randn(256, 16, generator=torch.Generator().manual_seed(99))

    def loss():
        return float((head(descriptors) - descriptors[:, :3]).square().mean().detach())

    before = loss()
    train(head, Optimizer(head, config), 0, 20)
    assert loss() < 0.7 * before
    assert all(parameter.grad is None for parameter in head.parameters())


@pytest.mark.parametrize("config", [ADAMW, MUON], ids=["adamw", "muon"])
def test_a_resumed_training_ends_in_the_same_weights(config):
    whole = small_head()
    train(whole, Optimizer(whole, config), 0, 12)
    first = small_head()
    optimizer = Optimizer(first, config)
    train(first, optimizer, 0, 5)
    state = {name: value.clone() for name, value in optimizer.state().items()}
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    second = small_head(seed=1)
    second.load_state_dict(first.state_dict())
    resumed = Optimizer(second, config)
    resumed.load(state)
    train(second, resumed, 5, 12)
    for (name, a), b in zip(whole.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_muon_moves_the_inner_matrices_only():
    head = small_head()
    inner = {id(matrix) for matrix in inner_matrices(head)}
    names = {name for name, parameter in head.named_parameters() if id(parameter) in inner}
    assert names == {name for name, _ in head.named_parameters() if name.endswith("weight")} - {"decoder.output.weight"}
    optimizer = Optimizer(head, MUON)
    moved = [id(matrix) for group in (optimizer.muon.groups if optimizer.muon else []) for matrix in group]
    rest = [id(parameter) for group in optimizer.adamw.param_groups for parameter in group["params"]]
    assert sorted(moved + rest) == sorted(id(parameter) for parameter in head.parameters())
    assert set(moved) == inner


def test_adamw_alone_is_torchs():
    ours, reference = small_head(), small_head()
    optimizer = Optimizer(ours, ADAMW)
    other = torch.optim.AdamW(reference.parameters(), lr=1e-2)
    for step in range(5):
        for group in other.param_groups:
            group["lr"] = ADAMW.learning_rate * one_cycle(step, ADAMW.steps, ADAMW.warmup_fraction)
        descriptors = torch.randn(32, 16, generator=torch.Generator().manual_seed(step))
        other.zero_grad()
        (reference(descriptors) - descriptors[:, :3]).square().mean().backward()
        other.step()
    train(ours, optimizer, 0, 5)
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


@pytest.mark.parametrize("config", [ADAMW, MUON], ids=["adamw", "muon"])
def test_a_checkpoint_is_loaded_onto_the_device_of_the_network(config):
    """Checkpoints are read on the CPU. 'meta' stands in for a GPU: it refuses to compute with tensors of the CPU, too."""
    head = small_head()
    optimizer = Optimizer(head, config)
    train(head, optimizer, 0, 2)
    state = optimizer.state()
    elsewhere = small_head().to("meta")
    other = Optimizer(elsewhere, config)
    other.load(state)
    moments = [value for values in other.adamw.state.values() for name, value in values.items() if name != "step"]
    assert len(moments) == 2 * sum(len(group["params"]) for group in other.adamw.param_groups)
    assert all(value.device.type == "meta" for value in moments)
