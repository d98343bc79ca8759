"""Training an aggregator. Each step depends only on the state before it and its number, so it resumes exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trigpoint.core.checkpoint import AdamWState, Checkpoint
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.retrieval.supergf.aggregator import Aggregator
from trigpoint.retrieval.supergf.augment import augmented
from trigpoint.retrieval.supergf.config import AggregatorTrainingConfig, SuperGFRecipe
from trigpoint.retrieval.supergf.images import Images
from trigpoint.retrieval.supergf.labels import GradedLabels
from trigpoint.retrieval.supergf.losses import ListLoss, attention_decorrelation
from trigpoint.retrieval.supergf.sampling import ListSampler, RankedLists
from trigpoint.retrieval.supergf.slots import make_aggregator
from trigpoint.retrieval.supergf.start import start_from_images

_HISTORY_POINTS = 40
_NOTE_STEPS = 5


@dataclass(frozen=True)
class LossPoint:
    """The training at one step: ranking loss and attention decorrelation, means over the steps since the last point."""

    step: int
    ranking: float
    decorrelation: float


@dataclass(frozen=True, eq=False)
class AggregatorTraining:
    """The result of a training: the network and how it got there."""

    model: Aggregator
    history: tuple[LossPoint, ...]


def learning_rate(step: int, config: AggregatorTrainingConfig) -> float:
    """The rate of a step: linear warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    fraction = max(0, step - config.warmup_steps) / max(config.steps - 1 - config.warmup_steps, 1)
    cosine = (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
    return warm * (config.final_rate + (config.learning_rate - config.final_rate) * cosine)


_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class TrainingStart:
    """Where a training starts from.

    Attributes:
        seed: seed of every random number.
        device: where the network is trained.
        model: trained aggregator to go on from; None: a new one, with slots at the centres of the images' descriptors.
    """

    seed: int = 0
    device: torch.device = _CPU
    model: Aggregator | None = None


def fit_aggregator(
    images: Images, labels: GradedLabels, recipe: SuperGFRecipe, start: TrainingStart, *, folder: Path, stop: StopRequest
) -> AggregatorTraining:
    """Train on cached features, or continue from the checkpoint in ``folder``.

    Args:
        images: features of all images.
        labels: labels of the same images.
        recipe: network, lists, loss and training.
        start: seed, device, and the aggregator to go on from.
        folder: for the checkpoint.
        stop: asks to stop.

    Raises:
        MappingError: nothing to learn from (TP-644), too few keypoints (TP-647), or the loss is not finite (TP-604).
        Interrupted: stopped on request, after a checkpoint.
    """
    run = _Run(images, ListSampler(labels, recipe.lists, start.seed), recipe, start)
    checkpoint = Checkpoint(folder / "aggregator.checkpoint", run.model, AdamWState(run.optimizer))
    earlier = checkpoint.load()
    if earlier:
        run.restore(earlier)
    else:
        run.begin(start.model)
    steps = recipe.training.steps
    with progress("training", steps, start=run.step) as advance:
        while run.step < steps:
            run.advance()
            note = f"loss {run.history[-1].ranking:.3f}" if run.history and run.step % _NOTE_STEPS == 0 else ""
            advance(1, note) if note else advance()
            stopping = bool(stop)
            if stopping or checkpoint.due:
                checkpoint.save(run.progress())
            if stopping:
                raise Interrupted
    return AggregatorTraining(run.model.cpu().eval(), tuple(run.history))


class _Run:
    """A training in progress: network, optimizer, loss, history and step."""

    def __init__(self, images: Images, sampler: ListSampler, recipe: SuperGFRecipe, start: TrainingStart) -> None:
        self.images, self.sampler, self.recipe, self.seed = images, sampler, recipe, start.seed
        self.model = make_aggregator(recipe.aggregator, start.seed).to(start.device).train()
        config = recipe.training
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.loss = ListLoss(recipe.ap)
        self.history: list[LossPoint] = []
        self.step = 0
        self._sums = [0.0, 0.0, 0.0]

    def begin(self, start: Aggregator | None) -> None:
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        else:
            start_from_images(self.model, self.images, self.seed)

    def advance(self) -> None:
        config = self.recipe.training
        lists = self.sampler.draw(self.step)
        drawn = augmented([self.images[int(index)] for index in lists.images], config, self.seed, self.step)
        result = self.model(drawn)
        if not bool(torch.isfinite(result.descriptors).all()):
            raise self._diverged()
        ranking = self._ranking(result.descriptors, lists)
        total = ranking
        decorrelation = ranking.new_zeros(())
        if result.attention is not None and self.recipe.ap.decorrelation:
            decorrelation = attention_decorrelation(result.attention)
            total = total + self.recipe.ap.decorrelation * decorrelation
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        total.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._record(float(ranking.detach()), float(decorrelation.detach()))

    def _ranking(self, descriptors: Tensor, lists: RankedLists) -> Tensor:
        device = descriptors.device
        queries = torch.from_numpy(lists.queries).to(device)
        labels, member = torch.from_numpy(lists.labels).to(device), torch.from_numpy(lists.member).to(device)
        return self.loss(descriptors[queries] @ descriptors.T, labels, member)

    def _record(self, ranking: float, decorrelation: float) -> None:
        self._sums = [self._sums[0] + 1, self._sums[1] + ranking, self._sums[2] + decorrelation]
        steps = self.recipe.training.steps
        if self.step % max(1, steps // _HISTORY_POINTS) == 0 or self.step == steps:
            count, first, second = self._sums
            self.history.append(LossPoint(self.step, round(first / count, 5), round(second / count, 5)))
            self._sums = [0.0, 0.0, 0.0]

    def _diverged(self) -> MappingError:
        what = f"the training diverged at step {self.step}: its descriptors are not finite"
        return MappingError("TP-604", what, fix="Try a smaller training.learning_rate.")

    def progress(self) -> dict[str, Any]:
        """All that the next step depends on beside weights and optimizer."""
        history = [vars(point) for point in self.history]
        return {"step": self.step, "sums": self._sums, "loss": self.loss.state(), "history": history}

    def restore(self, progress: dict[str, Any]) -> None:
        """Take over the progress of a checkpoint."""
        self.step, self._sums = progress["step"], progress["sums"]
        self.loss.load(progress["loss"])
        self.history = [LossPoint(**point) for point in progress["history"]]
