"""From images and labels to the file of an aggregator: extract, train, write; interrupted, the same call continues."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trigpoint.core.config import to_json
from trigpoint.core.device import pick_device
from trigpoint.core.errors import ConfigError, MappingError, OutputError
from trigpoint.core.job import Job, JobControl, open_job
from trigpoint.features.cache import file_digest
from trigpoint.features.encoders import load_encoder
from trigpoint.features.local import LocalEncoder
from trigpoint.retrieval.supergf.config import COMPACT, SuperGFRecipe
from trigpoint.retrieval.supergf.descriptor import SuperGF, load_aggregator
from trigpoint.retrieval.supergf.images import CachedImages
from trigpoint.retrieval.supergf.labels import GradedLabels, check_labels
from trigpoint.retrieval.supergf.model_file import Provenance, save_aggregator
from trigpoint.retrieval.supergf.training import LossPoint, TrainingStart, fit_aggregator

UNKNOWN_LICENCE = "not stated"


@dataclass(frozen=True, eq=False)
class TrainedAggregator:
    """A finished training.

    Attributes:
        descriptor: the aggregator as it reads back from the file.
        path: the file.
        bytes: its size.
        history: the losses on the way.
        seconds: wall time of this run by stage; a resumed run only counts what it did itself.
        resumed: whether an interrupted training was continued.
    """

    descriptor: SuperGF
    path: Path
    bytes: int
    history: tuple[LossPoint, ...]
    seconds: dict[str, float]
    resumed: bool


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Images of one or several scenes to learn from.

    Attributes:
        paths: N image files, scene after scene as in ``labels``.
        labels: which images show the same, see ``labels_from_overlaps``.
        description: what the images are and under which terms; kept in the file.
        licence: licence of the result; kept in the file.
    """

    paths: Sequence[Path]
    labels: GradedLabels
    description: str = ""
    licence: str = UNKNOWN_LICENCE


@dataclass(frozen=True)
class TrainingControl(JobControl):
    """How an aggregator is trained, as ``JobControl``, and where.

    Attributes:
        device: torch device; None: CUDA if there is one. Bytes may differ from device to device.
    """

    device: str | None = None


def train_aggregator(
    data: TrainingData,
    output: Path,
    *,
    recipe: SuperGFRecipe = COMPACT,
    start: SuperGF | None = None,
    seed: int = 0,
    control: TrainingControl | None = None,
) -> TrainedAggregator:
    """Train an aggregator on images of one or several scenes.

    Interrupted at any moment, the same call continues from ``OUTPUT.work`` and ends, on the CPU, in the same bytes.

    Args:
        data: images with labels.
        output: file to write.
        recipe: network, lists, loss and training.
        start: trained aggregator to go on from; its network is used instead of the recipe's.
        seed: seed of every random number.
        control: whether to start afresh, the request to stop, and the device; None: continue what was interrupted.

    Raises:
        TrigpointError: see docs/errors.md; TP-641 to TP-649 are about this.
        Interrupted: asked to stop; the work is saved.
    """
    control, paths = control or TrainingControl(), data.paths
    if len(paths) != len(data.labels):
        what = f"{len(paths)} images, but labels for {len(data.labels)}"
        raise MappingError("TP-643", what, fix="Give the images that the labels are for.")
    check_labels(data.labels, recipe.lists.positive_label)
    if start is not None:
        recipe = replace(recipe, aggregator=start.config)
    chosen = pick_device(control.device)
    encoder = load_encoder(recipe.aggregator.encoder, chosen)
    if encoder.dim != recipe.aggregator.input_dim:
        raise ConfigError(
            "TP-702",
            f"aggregator.input_dim is {recipe.aggregator.input_dim}, but '{encoder.name}' gives {encoder.dim}",
            fix=f"Set aggregator.input_dim={encoder.dim}.",
        )
    inputs = _Inputs(data, recipe, start, encoder, seed, chosen)
    if output.is_dir():
        raise OutputError("TP-804", "the output is a folder", where=output, fix="Name a file, such as rooms.aggregator.")
    busy = MappingError(
        "TP-649", "another training is writing this file", where=output, fix="Wait for it, or name another output."
    )
    with open_job(output, control, busy) as job:
        job.begin(inputs.record())
        history = inputs.train(job)
        job.publish(job.folder / "finished")
    descriptor, size = load_aggregator(output), output.stat().st_size
    return TrainedAggregator(descriptor, output, size, history, job.times.seconds, job.resumed)


@dataclass(frozen=True, eq=False)
class _Inputs:
    data: TrainingData
    recipe: SuperGFRecipe
    start: SuperGF | None
    encoder: LocalEncoder
    seed: int
    device: torch.device

    def record(self) -> dict[str, Any]:
        """Everything that the file's bytes depend on. Raises ImageError TP-101 if an image cannot be read."""
        digest = hashlib.sha256()
        for path in self.data.paths:
            digest.update(file_digest(path).encode())
        pairs = self.data.labels.pairs
        for array in (pairs.indptr, pairs.indices, pairs.data, self.data.labels.scene):
            digest.update(np.ascontiguousarray(array).tobytes())
        program = {"torch": torch.__version__, "device": self.device.type, "threads": torch.get_num_threads()}
        asked = {"recipe": to_json(self.recipe), "seed": self.seed}
        asked |= {"data": self.data.description, "licence": self.data.licence}
        asked["start"] = "" if self.start is None else self.start.sha256
        return {**asked, **program, "weights": self.encoder.weights_sha256, "digest": digest.hexdigest()}

    def train(self, job: Job) -> tuple[LossPoint, ...]:
        """Extract, train, and write ``finished`` in the work folder; gives the history."""
        with job.times.measure("features"):
            images = CachedImages(self.data.paths, self.encoder, self.recipe.aggregator, job.folder / "features", job.stop)
        with job.times.measure("training"):
            training = fit_aggregator(
                images,
                self.data.labels,
                self.recipe,
                TrainingStart(self.seed, self.device, None if self.start is None else self.start.model),
                folder=job.folder,
                stop=job.stop,
            )
        scenes = len(np.unique(self.data.labels.scene))
        story = {
            "recipe": to_json(self.recipe),
            "seed": self.seed,
            "images": len(self.data.paths),
            "scenes": scenes,
            "history": [vars(point) for point in training.history],
        }
        if self.start is not None:
            earlier = self.start.provenance
            story["start"] = {"sha256": self.start.sha256, **({} if earlier is None else vars(earlier))}
        provenance = Provenance(self.data.licence, self.data.description, self.encoder.weights_sha256, story)
        save_aggregator(training.model, provenance, job.folder / "finished")
        return training.history
