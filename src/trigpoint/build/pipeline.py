"""The whole build on one screen: scene -> samples -> network -> map file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigpoint.build.job import Job
from trigpoint.core.device import pick_device
from trigpoint.core.errors import MappingError, OutputError
from trigpoint.core.interrupt import stop_request
from trigpoint.core.scene import Frame, Scene
from trigpoint.core.terminal import set_quiet
from trigpoint.core.work import continues, work_folder, work_path
from trigpoint.diagnosis.inspect import MIN_POSED
from trigpoint.features.encoders import load_encoder
from trigpoint.formats.splits import apply_holdout, parse_holdout
from trigpoint.mapping.config import MappingConfig, fitted_to
from trigpoint.mapping.parallel import join_workers
from trigpoint.mapping.presets import DEFAULT_PRESET, preset_config
from trigpoint.mapping.scene_map import SceneMap, load_map, save_map

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildResult:
    """A finished build.

    Attributes:
        map: the map as it reads back from the file.
        path: the map file.
        bytes: size of the file.
        seconds: wall time of each stage of this run; a resumed build only counts what it did itself.
        resumed: whether an interrupted build was continued.
    """

    map: SceneMap
    path: Path
    bytes: int
    seconds: dict[str, float]
    resumed: bool


def build_map(
    scene: Scene,
    output: str | Path,
    *,
    preset: str = DEFAULT_PRESET,
    fast: bool = False,
    overrides: Sequence[str] = (),
    holdout: str | None = None,
    seed: int = 0,
    device: str | None = None,
    fresh: bool = False,
) -> BuildResult:
    """Make a map file from posed images.

    Interrupted at any moment, the same call continues from ``OUTPUT.work`` and ends, on the CPU, in the same bytes.

    Args:
        scene: images with poses; those of the test split are left out.
        output: the map file to write.
        preset: key in ``PRESETS``.
        fast: a less accurate map in less than half of the time.
        overrides: changed settings, ``"section.setting=value"`` each.
        holdout: which images to leave out for evaluation, such as ``"every:5:2"``; None: the scene's own split.
        seed: seed of every random number.
        device: torch device; None: CUDA if there is one.
        fresh: discard the work of an interrupted build.

    Raises:
        TrigpointError: see docs/errors.md.
        Interrupted: stopped by Ctrl-C or SIGTERM; the work is saved.
    """
    output = Path(output)
    config = preset_config(preset, overrides, fast=fast)
    if holdout is None:
        holdout = scene.holdout
    else:
        scene = apply_holdout(scene, parse_holdout(holdout))
    chosen = pick_device(device)
    workers = join_workers()
    frames = mapping_frames(scene)
    encoder = load_encoder(config.features.encoder, chosen)
    job = Job(scene, frames, recipe_for(config, frames), holdout, seed, chosen, encoder, workers)
    if workers.count > len(job.learned):
        raise MappingError(
            "TP-664",
            f"{workers.count} processes for {len(job.learned)} images",
            where=scene.root,
            fix="Use fewer processes.",
        )
    if not workers.first:
        return _assist(job, output)
    if output.is_dir():
        raise OutputError("TP-804", "the output is a folder", where=output, fix="Name a file, such as kitchen.trig.")
    busy = MappingError(
        "TP-608", "another build is writing this map", where=output, fix="Wait for it, or name another output."
    )
    with work_folder(output, busy) as work:
        resumed = continues(work, job.record(), fresh)
        _LOGGER.info(f"{len(job.frames)} images, preset {preset}{', continuing an interrupted build' if resumed else ''}")
        workers.wait()
        with stop_request() as stop:
            scene_map, seconds = job.run(work, stop)
        assert scene_map is not None  # the first process gets it
        # Written inside the work folder first: a kill at any moment leaves nothing half-done beside the output.
        save_map(scene_map, work / "finished.trig")
        (work / "finished.trig").replace(output)
        workers.wait()
    return BuildResult(load_map(output), output, output.stat().st_size, seconds, resumed)


def _assist(job: Job, output: Path) -> BuildResult:
    """What the processes beside the first do: their fraction of the samples and of the training."""
    set_quiet(True)
    job.workers.wait()
    with stop_request() as stop:
        _, seconds = job.run(work_path(output), stop)
    job.workers.wait()
    return BuildResult(load_map(output), output, output.stat().st_size, seconds, False)


def recipe_for(config: MappingConfig, frames: Sequence[Frame]) -> MappingConfig:
    """The recipe, fitted to the images that are mapped."""
    spots = len(np.unique([frame.pose().centre() for frame in frames], axis=0))
    return fitted_to(config, len(frames), spots)


def mapping_frames(scene: Scene) -> tuple[Frame, ...]:
    """The images to map: ``Scene.for_mapping``, if a map can be made from them.

    Raises:
        MappingError: too few (TP-606), or all from one spot (TP-607).
    """
    frames = scene.for_mapping()
    if len(frames) < MIN_POSED:
        raise MappingError(
            "TP-606",
            f"only {len(frames)} images with poses to map, at least {MIN_POSED} are needed",
            where=scene.root,
            fix="See 'trigpoint info' for what was found.",
        )
    centres = scene.with_frames(frames).centres()
    # Relative, as coordinates may be those of the whole earth, whose last digits are noise.
    if float(centres.std(axis=0).max()) < 1e-9 * max(1.0, float(np.abs(centres).max())):
        raise MappingError(
            "TP-607",
            "all images were taken from the same spot, so distances cannot be learned",
            where=scene.root,
            fix="Walk around: depth comes from seeing things from several scenes.",
        )
    return frames
