"""Optimizer and learning-rate schedule, with a state that resumes exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trigpoint.core.checkpoint import AdamWState
from trigpoint.mapping.head import Head
from trigpoint.mapping.muon import Muon
from trigpoint.mapping.training_config import MuonConfig, OptimizerConfig

# torch's OneCycleLR: the rate starts at peak / 25 and ends at that / 10,000.
_START_DIVISOR, _END_DIVISOR = 25.0, 1e4


def one_cycle(step: int, steps: int, warmup_fraction: float) -> float:
    """Fraction of the peak rate at a step: cosine up from 1/25, cosine down to 4e-6 (Smith and Topin)."""
    start, end = 1 / _START_DIVISOR, 1 / _START_DIVISOR / _END_DIVISOR
    peak_step = max(warmup_fraction * steps - 1, 1.0)
    if step <= peak_step:
        return start + (1 - start) * (1 - math.cos(math.pi * step / peak_step)) / 2
    fraction = (step - peak_step) / max(steps - 1 - peak_step, 1.0)
    return end + (1 - end) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2


class Optimizer:
    """AdamW on everything, or Muon on all matrices but those of the outputs and AdamW on the rest."""

    def __init__(self, head: Head, config: OptimizerConfig) -> None:
        self.config = config
        matrices = inner_matrices(head) if isinstance(config, MuonConfig) else []
        chosen = {id(matrix) for matrix in matrices}
        self.muon = Muon(matrices) if matrices else None
        others = [parameter for parameter in head.parameters() if id(parameter) not in chosen]
        self.adamw = torch.optim.AdamW(others, lr=config.learning_rate, foreach=True)

    def step(self, step: int) -> None:
        """Apply the gradients; ``step`` counts from 0."""
        fraction = one_cycle(step, self.config.steps, self.config.warmup_fraction)
        for group in self.adamw.param_groups:
            group["lr"] = self.config.learning_rate * fraction
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
        if self.muon is not None and isinstance(self.config, MuonConfig):
            self.muon.step(self.config.matrix_rate * fraction)
            for group in self.muon.groups:
                for matrix in group:
                    matrix.grad = None

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on, by name: moments (m, n) or (n,) in the units of their weights."""
        return ({} if self.muon is None else self.muon.state()) | AdamWState(self.adamw).state()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the state of a checkpoint: moments (m, n) or (n,) in the units of their weights."""
        if self.muon is not None:
            self.muon.load(tensors)
        AdamWState(self.adamw).load(tensors)


def inner_matrices(head: Head) -> list[nn.Parameter]:
    """The weights of every layer but those that set coordinates: what Muon moves."""
    outputs = {id(layer.weight) for layer in head.output_layers()}
    return [parameter for parameter in head.parameters() if parameter.ndim == 2 and id(parameter) not in outputs]
