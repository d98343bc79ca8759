"""The training loop. Each step depends only on the weights, the optimizer's state and its number, so it resumes exactly."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.core.randomness import torch_generator
from trigpoint.mapping.buffer import SampleBuffer
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.head import Head, make_head
from trigpoint.mapping.optimizer import Optimizer
from trigpoint.mapping.reprojection import LossTerms, Targets, reprojection_loss

_CHECKPOINT_INTERVAL_S = 10.0
_HISTORY_POINTS = 40
_NOTE_STEPS = 25
_STANDARDIZED_ON = 50_000


@dataclass(frozen=True)
class HistoryPoint:
    """The state of the training at one step.

    Attributes:
        step: number of finished steps.
        loss: mean loss of the batch.
        inlier_share: share of the batch that reprojects within 10 px of its view.
    """

    step: int
    loss: float
    inlier_share: float


@dataclass(frozen=True, eq=False)
class Training:
    """The result of a training: the network and how it got there."""

    head: Head
    history: tuple[HistoryPoint, ...]


def train_head(
    buffer: SampleBuffer, config: MappingConfig, *, seed: int, folder: Path, device: torch.device, stop: StopRequest
) -> Training:
    """Train a head on the buffer, or continue from the checkpoint in ``folder``.

    Raises:
        MappingError: the loss became NaN or infinite (TP-604).
        Interrupted: stopped on request, after a checkpoint.
    """
    head = make_head(buffer.descriptors.shape[1], config.head, torch_generator(seed, "head"))
    if config.head.standardize:
        index = torch.randint(len(buffer), (_STANDARDIZED_ON,), generator=torch_generator(seed, "standardize"))
        head.standardize(buffer.descriptors[index].float())
    head.to(device)
    optimizer = Optimizer(head, config.optimizer)
    checkpoint = _Checkpoint(folder / "training.safetensors", head, optimizer)
    history = checkpoint.load()
    start, steps = checkpoint.step, config.optimizer.steps
    tables = (buffer.cam_from_world.to(device), buffer.focal_px.to(device))
    every = max(1, steps // _HISTORY_POINTS)
    saved = time.monotonic()
    with progress("training", steps, start=start) as advance:
        for step in range(start, steps):
            terms = _train_step(head, optimizer, buffer, tables, config, seed, step)
            note = ""
            if (step + 1) % every == 0 or step + 1 == steps:
                history.append(_history_point(step + 1, terms))
            if (step + 1) % _NOTE_STEPS == 0:
                note = f"loss {float(terms.loss.detach()):.2f}, within 10 px {float(terms.inlier_share):.0%}"
            advance(1, note) if note else advance()
            if stop or time.monotonic() - saved > _CHECKPOINT_INTERVAL_S:
                checkpoint.save(step + 1, history)
                saved = time.monotonic()
            if stop:
                raise Interrupted
    return Training(head.eval(), tuple(history))


def _train_step(
    head: Head,
    optimizer: Optimizer,
    buffer: SampleBuffer,
    tables: tuple[Tensor, Tensor],
    config: MappingConfig,
    seed: int,
    step: int,
) -> LossTerms:
    generator = torch_generator(seed, "batch", step)
    index = torch.randint(len(buffer), (config.optimizer.batch,), generator=generator)
    device = tables[0].device
    view = buffer.view[index].long().to(device)
    targets = Targets(buffer.rays[index].to(device), tables[0][view], tables[1][view])
    points = head(buffer.descriptors[index].to(device).float())
    terms = reprojection_loss(points, targets, config.loss, step / config.optimizer.steps)
    terms.loss.backward()
    optimizer.step(step)
    return terms


def _history_point(step: int, terms: LossTerms) -> HistoryPoint:
    loss = float(terms.loss.detach())
    if not math.isfinite(loss):
        raise MappingError(
            "TP-604",
            f"the training diverged at step {step} (loss {loss})",
            fix="Check the scene with 'trigpoint info'; smaller rates may help: --set optimizer.learning_rate=0.001.",
        )
    return HistoryPoint(step, round(loss, 4), round(float(terms.inlier_share), 4))


class _Checkpoint:
    """Weights, optimizer state, history and step in one file."""

    def __init__(self, path: Path, head: Head, optimizer: Optimizer) -> None:
        self.path, self.head, self.optimizer = path, head, optimizer
        self.step = 0

    def load(self) -> list[HistoryPoint]:
        if not self.path.exists():
            return []
        artifact = read_artifact(self.path)
        tensors = {name: torch.from_numpy(array.copy()) for name, array in artifact.tensors.items()}
        weights = {name.removeprefix("head."): value for name, value in tensors.items() if name.startswith("head.")}
        self.head.load_state_dict(weights)
        self.optimizer.load({name: value for name, value in tensors.items() if not name.startswith("head.")})
        self.step = artifact.metadata["step"]
        return [HistoryPoint(**point) for point in artifact.metadata["history"]]

    def save(self, step: int, history: list[HistoryPoint]) -> None:
        tensors = {f"head.{name}": value for name, value in self.head.state_dict().items()} | self.optimizer.state()
        arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        write_artifact(self.path, arrays, {"step": step, "history": [vars(point) for point in history]})
