"""Localization of images whose poses are known, and comparison with these poses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, ImageError
from trigpoint.core.localization import Localization
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.evaluation.learned import learned_names, refuse_learned
from trigpoint.evaluation.metrics import Threshold, default_thresholds, gross_error_threshold, pose_errors
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.evaluation.splits import no_images, read_as_map, split_as_map, split_frames
from trigpoint.formats.joint import scene_of
from trigpoint.formats.readers import open_scene
from trigpoint.formats.splits import Split
from trigpoint.localization.localizer import Localizer


class Localizes(Protocol):
    """A method that localizes images, and says in which unit."""

    @property
    def units(self) -> str:
        """``"m"`` or ``"units"``, the unit of its poses."""
        ...

    def localize(self, path: Path, /, *, camera: Camera | None = None, name: str | None = None) -> Localization:
        """The pose of one image, as ``cam_from_world`` in the frame of the scene."""
        ...


def evaluate(
    localizer: Localizer | Path | str,
    scene: Scene | Path | str,
    *,
    thresholds: Sequence[Threshold] = (),
    split: Split = "test",
    known_cameras: bool = True,
) -> Evaluation:
    """Localize the images of one split of a scene and compare with their poses.

    Args:
        localizer: a localizer, or the path of a map file.
        scene: a scene, or the path of its folder. Unless it was opened with a hold-out rule, that of the map decides which
            images are the test split, so that no image the map was made from is taken for a test image.
        thresholds: for the recall, in the unit of the scene and degrees; none: ``metrics.default_thresholds``.
        split: ``"test"``, ``"train"`` or ``"all"``. Test images must be new to the map; the images that it learned among the
            others are named by ``Evaluation.learned``.
        known_cameras: whether the localizer is told the cameras; otherwise it takes them from EXIF or estimates them.

    Raises:
        ConfigError: the split has no images (TP-724); the map learned some of the test images (TP-765); no default
            thresholds (TP-722); the map's hold-out rule does not fit the scene (TP-717 to TP-719).
        SceneError, MapFileError, ...: as ``open_scene`` and ``Localizer.load``.
    """
    if isinstance(localizer, (str, Path)):
        localizer = Localizer.load(localizer)
    if not isinstance(scene, Scene):
        scene = read_as_map(open_scene(scene, metric=localizer.map.metric), localizer.map)
    scene = split_as_map(scene, localizer.map)
    frames = _frames_to_judge(scene, split, localizer)
    learned = frozenset() if split == "test" else learned_names(frames, localizer.map.learned)
    limits = tuple(thresholds) or default_thresholds(localizer.map.metric, scene.centres())
    name = scene.root.resolve().name
    # The time of an image is not that of the first, which waits for libraries to load.
    localizer.warm_up()
    evaluation = evaluate_frames(localizer, frames, thresholds=limits, scene_name=name, known_cameras=known_cameras)
    return replace(evaluation, learned=learned)


def _frames_to_judge(scene: Scene, split: Split, localizer: Localizer) -> tuple[Frame, ...]:
    """The images of a split, if they are there, and for a test new to the map. Raises ConfigError (TP-724, TP-765)."""
    learned = localizer.map.learned
    if split == "test" and scene.posed() and not scene.subset(TEST).posed():
        some = learned_names(scene.posed(), learned)
        fix = "Make a map that leaves some out: 'trigpoint map SCENE --holdout every:8:0', and evaluate that one."
        if not some:
            fix = "The map learned none of these images: give --split all."
        raise no_images(scene, split, fix)
    frames = split_frames(scene, split)
    if split == "test":
        refuse_learned(frames, learned, scene.root)
    return frames


def evaluate_frames(
    localizer: Localizes,
    frames: Sequence[Frame],
    *,
    thresholds: Sequence[Threshold],
    scene_name: str,
    known_cameras: bool = True,
) -> Evaluation:
    """Localize images with any method and compare with their poses.

    An image that cannot be read counts as failed, with the error as the reason.

    Args:
        localizer: the method.
        frames: images with poses in the frame and the unit of the localizer.
        thresholds: for the recall, in that unit and degrees.
        scene_name: for the reports.
        known_cameras: whether the localizer is told the frames' cameras.

    Raises:
        ConfigError: no frames (TP-723).
        SceneError: a frame without a pose (TP-204).
    """
    if not frames:
        raise ConfigError("TP-723", "there are no images to evaluate", where=scene_name, fix="Choose another split.")
    centres = np.array([frame.pose().centre() for frame in frames])
    results: list[FrameResult] = []
    with progress("Evaluating", len(frames)) as advance:
        for frame in frames:
            results.append(_evaluate_frame(localizer, frame, known_cameras))
            advance()
    map_id = next((result.localization.map_id for result in results if result.localization.map_id), "")
    units = localizer.units
    # By the extent of the images evaluated: of a scene of unknown scale nothing else says what is large.
    gross_error = gross_error_threshold(units == "m", centres)
    return Evaluation(scene_name, units, map_id, tuple(thresholds), gross_error, tuple(results))


def evaluations_by_scene(evaluation: Evaluation) -> dict[str, Evaluation]:
    """The evaluation of each scene of a joint scene by its name; empty if the images are those of a single scene."""
    results: dict[str, list[FrameResult]] = {}
    for result in evaluation.results:
        results.setdefault(scene_of(result.name), []).append(result)
    return {name: replace(evaluation, scene_name=name, results=tuple(part)) for name, part in sorted(results.items())}


def localize_frame(localizer: Localizes, frame: Frame, *, known_camera: bool = True) -> Localization:
    """Localize an image of a scene; one that cannot be read is a failed answer with the reason."""
    camera = frame.camera if known_camera else None
    try:
        return localizer.localize(frame.image_path, camera=camera, name=frame.name)
    except ImageError as error:
        return Localization.failure(frame.name, str(error), units=localizer.units, map_id="")


def _evaluate_frame(localizer: Localizes, frame: Frame, known_camera: bool) -> FrameResult:
    true_pose = frame.pose()
    start = time.perf_counter()
    answer = localize_frame(localizer, frame, known_camera=known_camera)
    total_ms = (time.perf_counter() - start) * 1000
    pose = answer.cam_from_world
    return FrameResult(frame.name, answer, true_pose, None if pose is None else pose_errors(pose, true_pose), total_ms)
