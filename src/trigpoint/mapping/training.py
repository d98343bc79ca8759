"""The training loop. Each step depends only on the weights, the optimizer's state and its number, so it resumes exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trigpoint.core.checkpoint import Checkpoint
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.core.randomness import torch_generator
from trigpoint.mapping.buffer import SampleBuffer
from trigpoint.mapping.head import Head, make_head
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.losses import Losses, total_loss
from trigpoint.mapping.network_config import NetworkConfig
from trigpoint.mapping.optimizer import Optimizer
from trigpoint.mapping.parallel import ALONE, Workers
from trigpoint.mapping.reprojection import LossTerms, Targets

_HISTORY_POINTS = 40
_NOTE_STEPS = 25
_STANDARDIZED_ON = 50_000
# Larger batches are computed in parts of at most so many samples, which bounds the memory and changes nothing else.
_PART_SAMPLES = 40_960


@dataclass(frozen=True)
class HistoryPoint:
    """The state of the training at one step.

    Attributes:
        step: number of finished steps.
        loss: mean loss of the batch.
        inlier_ratio: fraction of the batch that reprojects within 10 px of its view.
    """

    step: int
    loss: float
    inlier_ratio: float


@dataclass(frozen=True, eq=False)
class Training:
    """The result of a training: the network and how it got there."""

    head: Head
    history: tuple[HistoryPoint, ...]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one network is trained on.

    Attributes:
        buffer: samples.
        encodings: global encodings of the images, or None.
        centres: (k, 3) cluster centres of the cameras in the normalised world frame, or None for one at the origin.
        samples: (M,) int64 indices into the buffer: the part of the scene that this network is for; None for all.
        name: names the random numbers, the checkpoint and the progress of this network.
    """

    buffer: SampleBuffer
    encodings: ImageEncodings | None = None
    centres: Tensor | None = None
    samples: Tensor | None = None
    name: str = "training"

    def __len__(self) -> int:
        return len(self.buffer) if self.samples is None else len(self.samples)

    @property
    def dim(self) -> int:
        """Length of the network's input."""
        return self.buffer.descriptors.shape[1] + (0 if self.encodings is None else self.encodings.dim)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs (B, C) of a random batch and the (B,) indices of its samples. The global encoding comes first (GLACE)."""
        index = torch.randint(len(self), (count,), generator=generator)
        if self.samples is not None:
            index = self.samples[index]
        local = self.buffer.descriptors[index].float()
        if self.encodings is None:
            return local, index
        image = self.buffer.image[self.buffer.view[index].long()].long()
        return torch.cat([self.encodings.draw(image, generator), local], dim=1), index


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Where and with whom a training runs.

    Attributes:
        seed: seed of the map.
        folder: for the checkpoint.
        device: of the network.
        stop: checked after each step.
        workers: the processes that share the work.
    """

    seed: int
    folder: Path
    device: torch.device
    stop: StopRequest
    workers: Workers = ALONE


def train_head(data: TrainingSet, config: NetworkConfig, run: TrainingRun, until: int | None = None) -> Training:
    """Train a head, or continue from the checkpoint in the folder of the run.

    Args:
        data: samples and encodings.
        config: the recipe.
        run: seed, folder, device, stop request and workers.
        until: step to stop at, with a checkpoint; None: the last one.

    Raises:
        MappingError: the loss became NaN or infinite (TP-604).
        Interrupted: stopped on request, after a checkpoint.
    """
    seed, workers, refinement = run.seed, run.workers, config.refinement
    generator = torch_generator(seed, f"{data.name} head")
    head = make_head(data.dim, config.head, generator, data.centres, 0 if refinement is None else refinement.blocks)
    head.to(run.device)
    optimizer = Optimizer(head, config.optimizer)
    checkpoint = Checkpoint(run.folder / f"{data.name}.safetensors", head, optimizer)
    earlier = checkpoint.load()
    history = [HistoryPoint(**point) for point in earlier.get("history", [])]
    start, steps = earlier.get("step", 0), config.optimizer.steps
    end = steps if until is None else until
    # A checkpoint brings the mean and deviation that its training began with.
    if config.head.standardize and start == 0:
        inputs, _ = data.draw(_STANDARDIZED_ON, torch_generator(seed, f"{data.name} standardize"))
        # All processes must start alike: the first one's samples count.
        head.standardize(workers.from_first(inputs))
    trainer = _Trainer(head, optimizer, data, config, workers)
    every = max(1, steps // _HISTORY_POINTS)
    with progress(data.name, steps, start=start) as advance:
        for step in range(start, end):
            terms = trainer.step(step, torch_generator(seed, f"{data.name} batch", step * workers.count + workers.rank))
            note = ""
            if (step + 1) % every == 0 or step + 1 == steps:
                history.append(_history_point(step + 1, terms))
            if (step + 1) % _NOTE_STEPS == 0:
                note = f"loss {float(terms.loss.detach()):.2f}, within 10 px {float(terms.inlier_ratio):.0%}"
            advance(1, note) if note else advance()
            stopping = workers.any(bool(run.stop))
            if workers.first and (stopping or checkpoint.due):
                checkpoint.save(_progress(step + 1, history))
            if stopping:
                raise Interrupted
    if workers.first and start < end < steps:
        checkpoint.save(_progress(end, history))
    return Training(head.eval(), tuple(history))


class _Trainer:
    """Optimizer steps of one network."""

    def __init__(self, head: Head, optimizer: Optimizer, data: TrainingSet, config: NetworkConfig, workers: Workers) -> None:
        self.head, self.optimizer, self.data, self.workers = head, optimizer, data, workers
        self.losses = Losses(config.loss, None if config.refinement is None else config.refinement.term)
        self.device = next(head.parameters()).device
        # Small tables, looked up in every step; the samples themselves may not fit on the device.
        self.cam_from_world = data.buffer.cam_from_world.to(self.device)
        self.focal_px = data.buffer.focal_px.to(self.device)

    def step(self, step: int, generator: torch.Generator) -> LossTerms:
        """Draw a batch, add up the gradients of its parts, apply their mean over all processes; ``step`` counts from 0."""
        config = self.optimizer.config
        inputs, index = self.data.draw(config.batch, generator)
        parts = -(-config.batch // _PART_SAMPLES)
        terms = []
        for some, which in zip(inputs.chunk(parts), index.chunk(parts), strict=True):
            fraction = len(which) / len(index)
            part = self._loss(some, which, step / config.steps)
            (part.loss * fraction).backward()
            terms.append((fraction, part))
        self.workers.average_gradients(self.head)
        self.optimizer.step(step)
        return _joined(terms)

    def _loss(self, inputs: Tensor, index: Tensor, done: float) -> LossTerms:
        """The loss of (B, C) inputs, whose samples have the (B,) indices, when a fraction of the training is done."""
        buffer, device = self.data.buffer, self.device
        view = buffer.view[index].long().to(device)
        targets = Targets(buffer.rays[index].to(device), self.cam_from_world[view], self.focal_px[view])
        truth = None if buffer.truth is None else buffer.truth[index].to(device)
        return total_loss(self.head.stages(inputs.to(device)), targets, self.losses, done, truth)


def _joined(terms: list[tuple[float, LossTerms]]) -> LossTerms:
    """The terms of a whole batch from those of its parts, each with its fraction of the samples."""

    def mean(values: list[Tensor]) -> Tensor:
        """The mean of the scalar values of the parts, weighted by their numbers of samples, dimensionless or px."""
        fractions = torch.tensor([fraction for fraction, _ in terms], device=values[0].device)
        return (torch.stack(values).detach() * fractions).sum()

    return LossTerms(
        loss=mean([part.loss for _, part in terms]),
        inlier_ratio=mean([part.inlier_ratio for _, part in terms]),
        valid_fraction=mean([part.valid_fraction for _, part in terms]),
    )


def _history_point(step: int, terms: LossTerms) -> HistoryPoint:
    loss = float(terms.loss.detach())
    if not math.isfinite(loss):
        raise MappingError(
            "TP-604",
            f"the training diverged at step {step} (loss {loss})",
            fix="Check the scene with 'trigpoint info'; smaller rates may help: --set optimizer.learning_rate=0.001.",
        )
    return HistoryPoint(step, round(loss, 4), round(float(terms.inlier_ratio), 4))


def _progress(step: int, history: list[HistoryPoint]) -> dict[str, Any]:
    return {"step": step, "history": [vars(point) for point in history]}
