"""A training that goes on from its checkpoint ends in the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trigpoint.core.checkpoint import AdamWState, Checkpoint


class Scaled(nn.Module):
    """A layer and a learned scalar, which files hold as an array of one."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.power = nn.Parameter(torch.tensor(2.0))

    def forward(self, values):
        return self.layer(values) * self.power


def begun():
    torch.manual_seed(0)
    model = Scaled()
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def train(model, optimizer, steps):
    for step in steps:
        values = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        model(values).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def test_a_training_goes_on_exactly(tmp_path):
    model, optimizer = begun()
    checkpoint = Checkpoint(tmp_path / "checkpoint", model, AdamWState(optimizer))
    assert checkpoint.load() == {}
    train(model, optimizer, range(3))
    checkpoint.save({"step": 3, "history": [{"step": 2, "loss": 0.5}]})
    train(model, optimizer, range(3, 6))
    again, optimizer = begun()
    progress = Checkpoint(tmp_path / "checkpoint", again, AdamWState(optimizer)).load()
    assert progress == {"step": 3, "history": [{"step": 2, "loss": 0.5}]}
    train(again, optimizer, range(progress["step"], 6))
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value) and again.state_dict()[name].shape == value.shape


def test_a_checkpoint_before_the_first_step_has_no_moments(tmp_path):
    model, optimizer = begun()
    Checkpoint(tmp_path / "checkpoint", model, AdamWState(optimizer)).save({"step": 0})
    Checkpoint(tmp_path / "checkpoint", model, AdamWState(optimizer)).load()
    train(model, optimizer, range(2))
    other, optimizer = begun()
    train(other, optimizer, range(2))
    assert torch.equal(model.layer.weight, other.layer.weight)


@pytest.mark.parametrize(("interval_s", "due"), [(-1.0, True), (1000.0, False)])
def test_a_checkpoint_is_due_after_its_interval(tmp_path, monkeypatch, interval_s, due):
    monkeypatch.setattr(Checkpoint, "INTERVAL_S", interval_s)
    model, optimizer = begun()
    assert Checkpoint(tmp_path / "checkpoint", model, AdamWState(optimizer)).due is due
