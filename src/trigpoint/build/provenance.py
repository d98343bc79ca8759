"""What the bytes of a map depend on, as JSON: written into the map, and compared before earlier work is used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trigpoint._version import __version__
from trigpoint.core.config import to_json
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.features.cache import file_digest
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.network_config import GivenSupervision
from trigpoint.mapping.scene_map import FORMAT_VERSION
from trigpoint.retrieval.descriptor import AGGREGATOR


def built_from(scene: Scene, frames: Sequence[Frame], config: MappingConfig, seed: int) -> dict[str, Any]:
    """What a map is made of beside its recipe, as the map file keeps it.

    Args:
        scene: images with poses, split.
        frames: its mapping images.
        config: the recipe: it decides which files beside the images count.
        seed: seed of every random number.

    Raises:
        ImageError: an image cannot be read (TP-101).
    """
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(json.dumps([frame.name, frame.camera.to_json(), frame.pose().matrix().tolist()]).encode())
        digest.update(file_digest(frame.image_path).encode())
    digest.update(_digest_of_extras(scene, frames, config).encode())
    return {
        "scene": scene.root.resolve().name,
        "format": scene.format,
        "images": len(frames),
        "held_out": sum(frame.split == TEST for frame in scene.frames),
        "holdout": scene.holdout,
        "poses": scene.poses,
        "seed": seed,
        "digest": digest.hexdigest(),
    }


def job_record(config: MappingConfig, origin: dict[str, Any], weights_sha256: str, where: dict[str, Any]) -> dict[str, Any]:
    """Everything that the map's bytes depend on. Builds whose records are equal may share their work.

    Args:
        config: the recipe, fitted to the images.
        origin: from ``built_from``.
        weights_sha256: of the local encoder.
        where: kind of the device and number of processes.
    """
    program = {"trigpoint": __version__, "map_format": FORMAT_VERSION, "torch": torch.__version__}
    # Sums of floating-point numbers depend on how many threads share them.
    program["threads"] = torch.get_num_threads()
    return {"config": to_json(config), "built_from": origin, **program, **where, "weights": weights_sha256}


def _digest_of_extras(scene: Scene, frames: Sequence[Frame], config: MappingConfig) -> str:
    """What the map depends on beside images and poses: the unit, and the files that its recipe reads."""
    # Triangulated points that came with the poses tell how far away things are.
    files = [] if scene.track_source is None else list(scene.track_source.files)
    if config.network is not None and config.network.supervision == GivenSupervision("depth"):
        files += [frame.depth_path for frame in frames if frame.depth_path]
    files += [Path(name.removeprefix(AGGREGATOR)) for name in config.descriptors if name.startswith(AGGREGATOR)]
    units = [frame.depth_unit for frame in frames]
    # What is missing is reported, better than here, by the stage that needs it.
    return json.dumps([scene.metric, units, [file_digest(path) for path in files if path.is_file()]])
