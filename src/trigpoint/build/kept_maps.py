"""Maps that are built once: one of the same images, recipe and seed is used again."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigpoint.build.context import BuildControl
from trigpoint.build.pipeline import build_map, mapping_frames, recipe_for
from trigpoint.build.provenance import built_from
from trigpoint.core.artifact import write_json
from trigpoint.core.device import pick_device
from trigpoint.core.errors import MapFileError
from trigpoint.core.scene import Scene
from trigpoint.features.encoders import load_encoder
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.scene_map import SceneMap, load_map

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptMap:
    """A map on disk.

    Attributes:
        path: the map file.
        bytes: its size.
        seconds: wall time of the mapping, None if it is not known.
        reused: whether it was there before.
    """

    path: Path
    bytes: int
    seconds: float | None
    reused: bool


def kept_map(
    scene: Scene,
    path: Path,
    *,
    config: MappingConfig,
    seed: int = 0,
    device: str | None = None,
    control: BuildControl | None = None,
) -> KeptMap:
    """The map of this name if it is the one that would be built, or else a new one in its place.

    How long the mapping took is kept in a JSON file beside the map, as maps hold no times.

    Args:
        scene: images with poses.
        path: map file.
        config, seed, device, control: as ``build_map``.

    Raises:
        TrigpointError: as ``build_map``.
        Interrupted: asked to stop; the work is saved, and the same call continues.
    """
    times = path.with_suffix(".json")
    if path.is_file():
        present = _same_map(path, scene, config, seed)
        if present is not None:
            _LOGGER.info("%s is there already", path.name)
            return KeptMap(path, path.stat().st_size, _remembered(times, present.map_id), True)
        _LOGGER.info("%s was made of other images or settings and is built anew", path.name)
    built = build_map(scene, path, config=config, seed=seed, device=device, control=control)
    # A build that was continued has not measured what went before.
    seconds = None if built.resumed else sum(built.seconds.values())
    write_json(times, {"map_id": built.map.map_id, "mapping_seconds": seconds, "stages": built.seconds})
    return KeptMap(path, built.bytes, seconds, False)


def _same_map(path: Path, scene: Scene, config: MappingConfig, seed: int) -> SceneMap | None:
    """The map if it has this recipe, these images and this seed; None also for one that cannot be read."""
    try:
        present = load_map(path)
    except MapFileError:
        return None
    frames = mapping_frames(scene)
    recipe = recipe_for(config, frames)
    encoder = load_encoder(recipe.features.encoder, pick_device("cpu"))
    if present.config != recipe or present.weights_sha256 != encoder.weights_sha256:
        return None
    wanted = built_from(scene, frames, recipe, seed)
    return present if {key: present.built_from.get(key) for key in wanted} == wanted else None


def _remembered(path: Path, map_id: str) -> float | None:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        seconds = document["mapping_seconds"] if document["map_id"] == map_id else None
        return None if seconds is None else float(seconds)
    except (OSError, ValueError, KeyError, TypeError):
        return None
