"""Evaluate a map on a scene: which images, which thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trigpoint.core.errors import ConfigError
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.evaluation.evaluate import Evaluation, FrameResult, evaluate
from trigpoint.evaluation.metrics import default_thresholds, parse_threshold
from trigpoint.formats.joint import scene_of
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer


@dataclass(frozen=True, eq=False)
class MapEvaluation:
    """An evaluation together with what its report shows."""

    evaluation: Evaluation
    localizer: Localizer
    scene: Scene
    map_path: Path


def evaluate_map(
    map_path: Path,
    folder: Path,
    *,
    split: str = TEST,
    holdout: str | None = None,
    thresholds: Sequence[str] = (),
    known_cameras: bool = True,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: bool = False,
) -> MapEvaluation:
    """Localize the images of one split of a scene and compare with their poses.

    Args:
        map_path: map file.
        folder: folder of the scene.
        split: ``"test"``, ``"train"`` or ``"all"``.
        holdout: which images are the test split; None: as kept in the map, or else the format's own.
        thresholds: ``"0.05,5"`` each; none: the defaults for the scene.
        known_cameras: whether the localizer is told the cameras.
        device: torch device.
        format: format of the scene; None finds out.
        skip_invalid: leave out images that cannot be used.

    Raises:
        ConfigError: the split has no images (TP-724), and as ``parse_threshold`` and ``open_scene``.
        SceneError, MapFileError, ...: as the readers.
    """
    localizer = Localizer.load(map_path, device=device)
    rule = holdout or localizer.map.built_from["holdout"] or None
    metric = localizer.map.metric
    scene = open_scene(folder, format=format, holdout=rule, skip_invalid=skip_invalid, metric=metric)
    frames = split_frames(scene, split)
    chosen = tuple(parse_threshold(text) for text in thresholds)
    evaluation = evaluate(
        localizer,
        frames,
        thresholds=chosen or default_thresholds(scene.metric, scene.centres()),
        units=localizer.units,
        scene_name=folder.resolve().name,
        known_cameras=known_cameras,
    )
    return MapEvaluation(evaluation, localizer, scene, map_path)


def scene_evaluations(run: MapEvaluation) -> dict[str, Evaluation]:
    """The evaluation of each scene of a joint scene by its name; empty for a single scene."""
    if run.scene.format != "joint":
        return {}
    found: dict[str, list[FrameResult]] = {}
    for result in run.evaluation.results:
        found.setdefault(scene_of(result.name), []).append(result)
    return {
        scene: replace(run.evaluation, scene_name=scene, results=tuple(results)) for scene, results in sorted(found.items())
    }


def split_frames(scene: Scene, split: str) -> tuple[Frame, ...]:
    """The posed images of one split.

    Raises:
        ConfigError: there are none (TP-724).
    """
    choices = {"train": scene.for_mapping(), TEST: tuple(frame for frame in scene.posed() if frame.split == TEST)}
    frames = choices.get(split, scene.posed())
    if not frames:
        raise ConfigError(
            "TP-724",
            f"the {split} split of this scene has no images",
            where=scene.root,
            fix="Give --holdout every:8:0, or --split all.",
        )
    return frames
