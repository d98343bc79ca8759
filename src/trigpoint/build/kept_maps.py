"""Maps that are built once: one of the same images, recipe and seed is used again."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigpoint.build.job import Job
from trigpoint.build.pipeline import build_map, mapping_frames, recipe_for
from trigpoint.core.artifact import write_json
from trigpoint.core.device import pick_device
from trigpoint.core.errors import MapFileError
from trigpoint.core.scene import Scene
from trigpoint.features.encoders import load_encoder
from trigpoint.formats.splits import apply_holdout, parse_holdout
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.parallel import join_workers
from trigpoint.mapping.presets import preset_config
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
    preset: str,
    overrides: Sequence[str] = (),
    holdout: str | None = None,
    seed: int = 0,
    device: str | None = None,
) -> KeptMap:
    """The map of this name if it is the one that would be built, or else a new one in its place.

    How long the mapping took is kept in a JSON file beside the map, as maps hold no times.

    Args:
        scene: images with poses.
        path: map file.
        preset, overrides, holdout, seed, device: as ``build_map``.

    Raises:
        TrigpointError: as ``build_map``.
        Interrupted: stopped on request; the work is saved, and the same call continues.
    """
    config = preset_config(preset, overrides)
    times = path.with_suffix(".json")
    if path.is_file():
        found = _same_map(path, scene, config, holdout, seed)
        if found is not None:
            _LOGGER.info(f"{path.name} is there already")
            return KeptMap(path, path.stat().st_size, _remembered(times, found.map_id), True)
        _LOGGER.info(f"{path.name} was made of other images or settings and is built anew")
    built = build_map(scene, path, preset=preset, overrides=overrides, holdout=holdout, seed=seed, device=device)
    # A build that was continued has not measured what went before.
    seconds = None if built.resumed else sum(built.seconds.values())
    write_json(times, {"map_id": built.map.map_id, "mapping_seconds": seconds, "stages": built.seconds})
    return KeptMap(path, built.bytes, seconds, False)


def _same_map(path: Path, scene: Scene, config: MappingConfig, holdout: str | None, seed: int) -> SceneMap | None:
    """The map if it has this recipe, these images and this seed; None also for one that cannot be read."""
    try:
        found = load_map(path)
    except MapFileError:
        return None
    if holdout is None:
        holdout = scene.holdout
    else:
        scene = apply_holdout(scene, parse_holdout(holdout))
    frames = mapping_frames(scene)
    encoder = load_encoder(config.features.encoder, pick_device("cpu"))
    fitted = recipe_for(config, frames)
    wanted = Job(scene, frames, fitted, holdout, seed, pick_device("cpu"), encoder, join_workers()).record()
    built_from = {key: found.built_from.get(key) for key in wanted["built_from"]}
    same = found.config == fitted and built_from == wanted["built_from"] and found.weights_sha256 == encoder.weights_sha256
    return found if same else None


def _remembered(path: Path, map_id: str) -> float | None:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        seconds = document["mapping_seconds"] if document["map_id"] == map_id else None
        return None if seconds is None else float(seconds)
    except (OSError, ValueError, KeyError, TypeError):
        return None
