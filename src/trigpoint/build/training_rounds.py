"""The part of a build that learns: buffers of samples are filled and trained on, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.build.context import FEATURES, BuildContext
from trigpoint.core.errors import MappingError
from trigpoint.features.cache import features_of_image
from trigpoint.features.extract import ImageFeatures
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.mapping.buffer import SampleBuffer, SamplePlan, ViewReader, fill_buffer
from trigpoint.mapping.clusters import cluster_centres, split_cameras
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.network_config import LandmarkSupervision, NetworkConfig
from trigpoint.mapping.supervision import Supervision
from trigpoint.mapping.training import Training, TrainingRun, TrainingSet, train_head


@dataclass(frozen=True, eq=False)
class TrainingRounds:
    """The training of all networks of a map.

    Attributes:
        context: what the map is built from.
        config: the recipe of the networks.
        encoder: local encoder, with its PCA.
        encodings: global encodings of the learned images, or None.
        supervision: source of known scene coordinates, or None.
    """

    context: BuildContext
    config: NetworkConfig
    encoder: LocalEncoder
    encodings: ImageEncodings | None
    supervision: Supervision | None

    @cached_property
    def network_of_image(self) -> NDArray[np.int64]:
        """(F,) index of the network that learns each learned image."""
        return split_cameras(self.context.positions, self.config.ensemble, self.context.seed)

    def run(self) -> tuple[tuple[Training, ...], int]:
        """Fill a buffer and train on it, as often as the recipe says, or continue where an earlier run stopped.

        Returns:
            The networks, and the number of samples of the last buffer in all processes.

        Raises:
            MappingError: no image has any keypoint (TP-603), or none of a part in some process (TP-664).
            Interrupted: stopped on request; the work is saved.
        """
        rounds, workers, work = self.config.buffer.rounds, self.context.workers, self.context.job.folder
        folders = [work] if rounds == 1 else [work / f"round{number}" for number in range(rounds)]
        # The folder of a round is made when those before are finished.
        first = max((number for number, folder in enumerate(folders) if folder.exists()), default=0)
        trainings, samples = [], 0
        for number in range(first, rounds):
            trainings, samples = self._round(folders[number], number)
            workers.wait()
            if workers.first and number + 1 < rounds:
                folders[number + 1].mkdir()
                shutil.rmtree(folders[number])
            workers.wait()
        return tuple(trainings), samples

    def _round(self, folder: Path, number: int) -> tuple[list[Training], int]:
        """The networks after a round, and the number of its samples in all processes."""
        config, times = self.config, self.context.job.times
        with times.measure("samples"):
            buffer = self._buffer(folder, number)
        with times.measure("training"):
            samples = self.context.workers.total(len(buffer))
            until = config.optimizer.steps * (number + 1) // config.buffer.rounds
            return self._train(self._parts(buffer, samples), until), samples

    def _buffer(self, folder: Path, number: int) -> SampleBuffer:
        context, workers, supervision = self.context, self.context.workers, self.config.supervision
        frames = context.learned.frames
        folder = folder if workers.count == 1 else folder / f"worker{workers.rank}"
        folder.mkdir(exist_ok=True, parents=True)
        plan = SamplePlan(
            frames=frames,
            shard=range(workers.rank, len(frames), workers.count),
            normalization=context.normalization,
            seed=context.seed,
            number=number,
            supervision=self.supervision,
            min_samples=supervision.min_samples if isinstance(supervision, LandmarkSupervision) else 0,
        )
        reader = ViewReader(self.encoder, context.config.features, self.config.buffer, self._described)
        return fill_buffer(plan, reader, folder, context.stop)

    @property
    def _described(self) -> Callable[[Path], ImageFeatures] | None:
        """Gives the features of an image as it is, if the samples are those, and encodings or landmarks have cached them."""
        context, buffer = self.context, self.config.buffer
        plain = buffer.augmentation == NO_AUGMENTATION and not self.encoder.dense
        # With another number of keypoints an image's samples would not be its best.
        same = buffer.sampling == "uniform" and buffer.keypoints_per_view == context.config.features.query_keypoints
        cached = self.config.global_encoding is not None or self.config.learns_landmarks
        if not (plain and same and cached):
            return None
        return lambda image: features_of_image(image, self.encoder, context.policy, context.job.folder / FEATURES)[0]

    def _train(self, parts: list[TrainingSet], until: int) -> list[Training]:
        context = self.context
        run = TrainingRun(context.seed, context.job.folder, context.device, context.stop, context.workers)
        return [train_head(part, self.config, run, until) for part in parts]

    def _parts(self, buffer: SampleBuffer, samples: int) -> list[TrainingSet]:
        """What each network is trained on: everything, or one part of the scene each, around the centre of its cameras.

        Args:
            buffer: samples of this process.
            samples: number of them in all processes.

        Raises:
            MappingError: no image has any keypoint (TP-603), or none of a part in some process (TP-664).
        """
        if samples == 0:
            raise MappingError(
                "TP-603",
                f"the local encoder found no keypoint in any of {len(self.context.learned.frames)} images",
                where=self.context.scene.root,
                fix="Are the images black, blank or out of focus?",
            )
        parts = self._split(buffer)
        empty = sum(len(part) == 0 for part in parts)
        # All processes must stop, or some would wait for the others.
        if self.context.workers.any(empty > 0):
            raise MappingError(
                "TP-664",
                f"{empty} of {len(parts)} networks have nothing to learn from in this process",
                where=self.context.scene.root,
                fix="Use fewer processes or a smaller ensemble. Some images may be black, blank or out of focus.",
            )
        return parts

    def _split(self, buffer: SampleBuffer) -> list[TrainingSet]:
        context, config = self.context, self.config
        if config.ensemble == 1:
            clusters = config.head.clusters
            centres = cluster_centres(context.positions, clusters, context.seed) if clusters > 1 else None
            return [TrainingSet(buffer, self.encodings, centres)]
        of_sample = torch.from_numpy(self.network_of_image)[buffer.image.long()][buffer.view.long()]
        return [
            TrainingSet(
                buffer,
                self.encodings,
                self._centres_of(part),
                torch.nonzero(of_sample == part)[:, 0],
                f"training {part + 1}",
            )
            for part in range(config.ensemble)
        ]

    def _centres_of(self, part: int) -> Tensor:
        """(k, 3) cluster centres of one part; some stand twice where it has fewer images than clusters."""
        clusters = self.config.head.clusters
        centres = cluster_centres(self.context.positions[self.network_of_image == part], clusters, self.context.seed)
        return centres[torch.arange(clusters) % len(centres)]
