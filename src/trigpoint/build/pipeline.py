"""The build of a map: a scene goes through the stages of ``STAGES``, and the finished map gets its name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigpoint.build.context import BuildContext, BuildControl
from trigpoint.build.stages import STAGES, MapDraft
from trigpoint.core.device import pick_device
from trigpoint.core.errors import MappingError, OutputError
from trigpoint.core.fork import require_torch_threads
from trigpoint.core.job import Job, open_job, work_path
from trigpoint.core.scene import Frame, Scene
from trigpoint.diagnosis.inspect import MIN_POSED
from trigpoint.diagnosis.neighbours import from_one_spot
from trigpoint.diagnosis.pose_verdict import require_fitting_poses
from trigpoint.features.encoders import load_encoder
from trigpoint.mapping.config import MappingConfig, fitted_to
from trigpoint.mapping.presets import DEFAULT_PRESET, resolve_config
from trigpoint.mapping.scene_map import SOURCES, SceneMap, load_map, save_map

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
    config: str | MappingConfig = DEFAULT_PRESET,
    seed: int = 0,
    device: str | None = None,
    control: BuildControl | None = None,
) -> BuildResult:
    """Make a map file from posed images.

    Interrupted at any moment, the same call continues from ``OUTPUT.work`` and ends, on the CPU, in the same bytes.

    Args:
        scene: images with poses; those of the test split are left out, and the map keeps the rule that chose them. Poses
            that do not fit the images are refused (TP-241), unless ``read_poses_as(scene, "as-they-are")`` says to go on.
        output: the map file to write.
        config: the recipe, or its name, a key in ``PRESETS``.
        seed: seed of every random number.
        device: torch device; None: CUDA if there is one.
        control: whether to start afresh, the request to stop, and the processes that share the work; None: continue what
            was interrupted, alone.

    Raises:
        TrigpointError: see docs/errors.md.
        Interrupted: asked to stop; the work is saved.
    """
    output, control = Path(output), control or BuildControl()
    require_torch_threads(output)
    if output.is_dir():
        raise OutputError("TP-804", "the output is a folder", where=output, fix="Name a file, such as kitchen.trig.")
    frames = mapping_frames(scene)
    recipe = recipe_for(resolve_config(config), frames)
    chosen, workers = pick_device(device), control.workers
    validation_images = 0 if recipe.network is None else recipe.network.acceptance.validation_images
    _check_workers(workers.count, len(frames) - validation_images, scene.root)
    encoder = load_encoder(recipe.features.encoder, chosen)
    # Every process looks, as what one refuses all must.
    pose_warning = require_fitting_poses(scene, frames)

    def context_of(job: Job) -> BuildContext:
        return BuildContext(scene, frames, recipe, seed, chosen, encoder, workers, job, pose_warning)

    if not workers.first:
        return _assist(context_of(Job(output, work_path(output), control)))
    busy = MappingError(
        "TP-608", "another build is writing this map", where=output, fix="Wait for it, or name another output."
    )
    with open_job(output, control, busy) as job:
        context = context_of(job)
        resumed = ", continuing an interrupted build" if job.begin(context.record()) else ""
        sources = " and ".join(section for section in SOURCES if getattr(recipe, section) is not None)
        _LOGGER.info("%d images, preset %s (%s)%s", len(frames), recipe.preset, sources, resumed)
        workers.wait()
        scene_map = _run(context)
        assert scene_map is not None  # the first process gets it
        save_map(scene_map, job.folder / "finished.trig")
        job.publish(job.folder / "finished.trig")
        workers.wait()
        # Before the work is removed, so that the same command need not begin anew if the map cannot be read.
        return BuildResult(load_map(output), output, output.stat().st_size, job.times.seconds, job.resumed)


def _run(context: BuildContext) -> SceneMap | None:
    """Make the map, or finish it from what is in the work folder. Of several processes only the first gets it."""
    draft = MapDraft(context)
    for stage in STAGES:
        if stage.needed(context.config) and (stage.shared or context.workers.first):
            with context.job.times.measure(stage.name):
                stage.run(draft)
    return draft.scene_map


def _check_workers(processes: int, images: int, scene: Path) -> None:
    if processes > images:
        raise MappingError("TP-664", f"{processes} processes for {images} images", where=scene, fix="Use fewer processes.")


def _assist(context: BuildContext) -> BuildResult:
    """What the processes beside the first do: their part of the samples and of the training."""
    workers, output = context.workers, context.job.output
    workers.wait()
    _run(context)
    workers.wait()
    return BuildResult(load_map(output), output, output.stat().st_size, context.job.times.seconds, False)


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
    if from_one_spot(scene.with_frames(frames).centres()):
        raise MappingError(
            "TP-607",
            "all images were taken from the same spot, so distances cannot be learned",
            where=scene.root,
            fix="Walk around: depth comes from seeing things from several positions.",
        )
    return frames
