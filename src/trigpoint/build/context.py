"""What a map is built from, and what follows from that without any learning."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trigpoint._version import __version__
from trigpoint.core.artifact import sha256_of
from trigpoint.core.config import to_json
from trigpoint.core.errors import ImageError
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.features.cache import ViewPolicy
from trigpoint.features.local import LocalEncoder
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.parallel import Workers
from trigpoint.mapping.scene_map import FORMAT_VERSION
from trigpoint.retrieval.descriptor import AGGREGATOR


@dataclass(frozen=True, eq=False)
class BuildContext:
    """What a map is built from.

    Attributes:
        scene: where the images come from.
        frames: the mapping images.
        config: the recipe.
        holdout: the rule by which images were left out, or None.
        seed: seed of every random number.
        device: of the training.
        encoder: local encoder, as it is loaded.
        workers: the processes that share the work.
    """

    scene: Scene
    frames: tuple[Frame, ...]
    config: MappingConfig
    holdout: str | None
    seed: int
    device: torch.device
    encoder: LocalEncoder
    workers: Workers

    def record(self) -> dict[str, Any]:
        """Everything that the map's bytes depend on. Builds whose records are equal may share their work."""
        program = {"trigpoint": __version__, "map_format": FORMAT_VERSION, "torch": torch.__version__}
        where = {"device": self.device.type, "threads": torch.get_num_threads(), "workers": self.workers.count}
        weights = self.encoder.weights_sha256
        return {"config": to_json(self.config), "built_from": self.built_from, **program, **where, "weights": weights}

    @cached_property
    def built_from(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for frame in self.frames:
            digest.update(json.dumps([frame.name, frame.camera.to_json(), frame.pose().matrix().tolist()]).encode())
            digest.update(_content(frame.image_path).encode())
        digest.update(self._digest_of_extras().encode())
        return {
            "scene": self.scene.root.resolve().name,
            "format": self.scene.format,
            "images": len(self.frames),
            "held_out": sum(frame.split == TEST for frame in self.scene.frames),
            "holdout": self.holdout,
            "seed": self.seed,
            "digest": digest.hexdigest(),
        }

    def _digest_of_extras(self) -> str:
        """What the map depends on beside images and poses: the unit, and the files that its recipe reads."""
        config, scene = self.config, self.scene
        # Its points tell how far away things are.
        files = [] if scene.track_source is None else list(scene.track_source.files)
        if config.loss.supervision == "depth":
            files += [frame.depth_path for frame in self.frames if frame.depth_path]
        descriptor = config.landmarks.descriptor if config.method == "hierarchical" else config.global_encoding.descriptor
        if descriptor.startswith(AGGREGATOR):
            files.append(Path(descriptor.removeprefix(AGGREGATOR)))
        units = [frame.depth_unit for frame in self.frames]
        # What is missing is reported, better than here, by the stage that needs it.
        return json.dumps([scene.metric, units, [_content(path) for path in files if path.is_file()]])

    @cached_property
    def learned(self) -> tuple[Frame, ...]:
        """The mapping images without those that are held out for the calibration."""
        apart = set(self._apart)
        return tuple(frame for index, frame in enumerate(self.frames) if index not in apart)

    @property
    def held_out(self) -> list[Frame]:
        return [self.frames[index] for index in self._apart]

    @property
    def _apart(self) -> list[int]:
        """Indices of the images held out, in the middle of as many equal parts of the walk."""
        count = self.config.acceptance.validation_images
        return [len(self.frames) * (2 * part + 1) // (2 * count) for part in range(count)]

    @cached_property
    def centres(self) -> np.ndarray:
        return self.scene.with_frames(self.learned).centres()

    def near(self) -> float | None:
        """Depth from which the images of a scene of unknown scale see something, where its points or poses tell."""
        if self.scene.metric:
            return None
        depths = self.depths()
        return None if depths.source == "spread" else depths.near

    @cached_property
    def depths(self) -> Callable[[], DepthRange]:
        """Gives how far the learned images see, found out when it is first asked for."""
        return functools.cache(lambda: depth_range(self.learned, self.scene.tracks, self.seed))

    @property
    def policy(self) -> ViewPolicy:
        """How images are looked at as they are."""
        return ViewPolicy(self.config.features.short_side_px, self.config.features.query_keypoints)


def _content(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        raise ImageError("TP-101", what, where=path, fix="Check that it is there, and its permissions.") from error
