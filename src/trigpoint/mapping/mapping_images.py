"""The mapping images as the stages of a build see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from trigpoint.core.interrupt import StopRequest
from trigpoint.core.scene import Scene
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.features.cache import SizedFeatures


@dataclass(frozen=True, eq=False)
class MappingImages:
    """The images that a map is made of, and what is found out about them when it is first asked for.

    Attributes:
        scene: the mapping images, all with poses.
        features: gives their local features, in the same order.
        depths: gives the depths at which they see something, in units of the scene.
        seed: seed of the map.
        folder: work folder, which keeps what a stage has made.
        stop: asks to stop.
        device: of what is learned.
    """

    scene: Scene
    features: Callable[[], Sequence[SizedFeatures]]
    depths: Callable[[], DepthRange]
    seed: int
    folder: Path
    stop: StopRequest
    device: torch.device
