"""What every stage of a build may use: the images, the recipe, the process, and what follows from those on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.build.provenance import built_from, job_record
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.job import Job, JobControl
from trigpoint.core.scene import Frame, Scene
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.features.cache import SizedFeatures, ViewPolicy, image_features
from trigpoint.features.local import LocalEncoder
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.parallel import ALONE, Workers

# Folder in the work folder with the local features of mapping images as they are, before any PCA.
FEATURES = "features"


@dataclass(frozen=True)
class BuildControl(JobControl):
    """How a map is built, as ``JobControl``, with the processes that share the work.

    Attributes:
        workers: this process among them, from ``join_workers``. Their number has an effect on the map.
    """

    workers: Workers = ALONE


@dataclass(frozen=True, eq=False)
class BuildContext:
    """One build of a map.

    Attributes:
        scene: images with poses, split.
        frames: the mapping images.
        config: the recipe, fitted to the images.
        seed: seed of every random number.
        device: of the training.
        encoder: local encoder, without PCA.
        workers: the processes that share the work.
        job: work folder, request to stop, times.
        pose_warning: in what way the poses do not fit the images; ``""`` if they do.
    """

    scene: Scene
    frames: tuple[Frame, ...]
    config: MappingConfig
    seed: int
    device: torch.device
    encoder: LocalEncoder
    workers: Workers
    job: Job
    pose_warning: str = ""

    @property
    def stop(self) -> StopRequest:
        """The request to stop."""
        return self.job.stop

    def record(self) -> dict[str, Any]:
        """All that the map's bytes depend on."""
        where = {"device": self.device.type, "workers": self.workers.count}
        return job_record(self.config, self.built_from, self.encoder.weights_sha256, where)

    @cached_property
    def built_from(self) -> dict[str, Any]:
        """What the map is made of; hashes all images, once."""
        return built_from(self.scene, self.frames, self.config, self.seed)

    @cached_property
    def learned(self) -> Scene:
        """The mapping images that are learned: all but the validation images."""
        validation = set(self._validation_indices)
        return self.scene.with_frames(frame for index, frame in enumerate(self.frames) if index not in validation)

    @property
    def validation_frames(self) -> list[Frame]:
        """The mapping images that are held out of the training, to measure acceptance with."""
        return [self.frames[index] for index in self._validation_indices]

    @property
    def _validation_indices(self) -> list[int]:
        """Indices of the validation images, in the middle of as many equal parts of the walk."""
        network = self.config.network
        count = 0 if network is None else network.acceptance.validation_images
        return [len(self.frames) * (2 * part + 1) // (2 * count) for part in range(count)]

    @cached_property
    def depths(self) -> DepthRange:
        """How far the learned images see, found out when it is first asked for."""
        return depth_range(self.learned.frames, self.scene.tracks, self.seed)

    @cached_property
    def normalization(self) -> Normalization:
        """From the world frame to the frame in which networks work, around the learned cameras."""
        return Normalization.of_cameras(self.learned.centres(), self.scene.metric, self._near())

    def _near(self) -> float | None:
        """Depth from which the images of a scene of unknown scale see something, where its points or poses tell."""
        if self.scene.metric:
            return None
        return None if self.depths.source == "extent" else self.depths.near

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """(F, 3) camera centres of the learned images in the normalised frame."""
        return self.normalization.to_normalized(self.learned.centres())

    @property
    def policy(self) -> ViewPolicy:
        """How images are looked at as they are."""
        return ViewPolicy(self.config.features.short_side_px, self.config.features.query_keypoints)

    def features(self, frames: Sequence[Frame], encoder: LocalEncoder) -> list[SizedFeatures]:
        """Local features of images as they are, from the cache in the work folder or extracted and cached there, raw.

        Args:
            frames: some of the learned images.
            encoder: the encoder of this build, with or without a PCA behind it.

        Raises:
            Interrupted: stopped on request; what is cached stays there.
        """
        paths, cache = [frame.image_path for frame in frames], self.job.folder / FEATURES
        return image_features(paths, encoder, self.policy, cache=cache, title="describing images", stop=self.stop)
