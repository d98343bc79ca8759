"""Training an aggregator. Each step depends only on the state before it and its number, so it resumes exactly."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trigpoint.core.artifact import read_artifact, write_artifact
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

_CHECKPOINT_INTERVAL_S = 20.0
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


def fit_aggregator(
    images: Images,
    labels: GradedLabels,
    recipe: SuperGFRecipe,
    *,
    seed: int,
    folder: Path,
    device: torch.device,
    stop: StopRequest,
    start: Aggregator | None = None,
) -> AggregatorTraining:
    """Train on cached features, or continue from the checkpoint in ``folder``.

    Args:
        images: features of all images.
        labels: labels of the same images.
        recipe: how.
        seed: seed of every random number.
        folder: for the checkpoint.
        device: where.
        stop: asks to stop.
        start: trained aggregator to go on from; None: from the start, with slots at the centres of the images' descriptors.

    Raises:
        MappingError: nothing to learn from (TP-644), too few keypoints (TP-647), or the loss is not finite (TP-604).
        Interrupted: stopped on request, after a checkpoint.
    """
    run = _Run(images, ListSampler(labels, recipe.lists, seed), recipe, seed, device)
    if not run.load(folder / "aggregator.checkpoint"):
        run.begin(start)
    steps = recipe.training.steps
    saved = time.monotonic()
    with progress("training", steps, start=run.step) as advance:
        while run.step < steps:
            run.advance()
            note = f"loss {run.history[-1].ranking:.3f}" if run.history and run.step % _NOTE_STEPS == 0 else ""
            advance(1, note) if note else advance()
            if stop or time.monotonic() - saved > _CHECKPOINT_INTERVAL_S:
                run.save(folder / "aggregator.checkpoint")
                saved = time.monotonic()
            if stop:
                raise Interrupted
    return AggregatorTraining(run.model.cpu().eval(), tuple(run.history))


class _Run:
    """A training in progress: network, optimizer, loss, history and step."""

    def __init__(self, images: Images, sampler: ListSampler, recipe: SuperGFRecipe, seed: int, device: torch.device) -> None:
        self.images, self.sampler, self.recipe, self.seed = images, sampler, recipe, seed
        self.model = make_aggregator(recipe.aggregator, seed).to(device).train()
        self.parameters = dict(self.model.named_parameters())
        config = recipe.training
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=config.learning_rate, weight_decay=config.weight_decay
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

    def save(self, path: Path) -> None:
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"adamw.{key}.{name}"] = torch.as_tensor(value)
        state: dict[str, Any] = {"step": self.step, "sums": self._sums, "loss": self.loss.state()}
        state["history"] = [vars(point) for point in self.history]
        write_artifact(path, {name: value.detach().cpu().numpy() for name, value in tensors.items()}, state)

    def load(self, path: Path) -> bool:
        """Whether there was a checkpoint to continue from."""
        if not path.exists():
            return False
        artifact = read_artifact(path)
        tensors = {name: torch.from_numpy(array.copy()) for name, array in artifact.tensors.items()}
        self.model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        for name, parameter in self.parameters.items():
            # Files hold no scalars: the learned power comes back as a list of one.
            moments = {
                key: tensors[f"adamw.{key}.{name}"].reshape(parameter.shape).to(parameter.device)
                for key in ("exp_avg", "exp_avg_sq")
            }
            self.optimizer.state[parameter] = {"step": tensors[f"adamw.step.{name}"].reshape(()), **moments}
        state = artifact.metadata
        self.step, self._sums = state["step"], state["sums"]
        self.loss.load(state["loss"])
        self.history = [LossPoint(**point) for point in state["history"]]
        return True
