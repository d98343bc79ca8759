"""The real posed sets, their splits and thresholds, and images of other scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import trigpoint
from trigpoint.core.image import image_size
from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.localization import OK, Localization
from trigpoint.evaluation.reliability import expected_calibration_error
from trigpoint.evaluation.results import Evaluation
from trigpoint.formats.joint import JointPart, scene_of, write_joint
from trigpoint.formats.readers import open_scene
from trigpoint.localization.intrinsics import guess_focal_px
from trigpoint.localization.localizer import Localizer


@dataclass(frozen=True)
class PosedSet:
    """A set with the split and the threshold that its results are reported at.

    Attributes:
        name: folder below the data.
        holdout: rule of the split; None: the set's own.
        distance: threshold of the recall, in the unit of the set.
        angle_deg: threshold of the recall.
    """

    name: str
    holdout: str | None
    distance: float
    angle_deg: float


# Those of the integrated scene, 5 m apart.
TOGETHER = (
    PosedSet("redkitchen_ace", None, 0.05, 5.0),
    PosedSet("fox_nerfstudio", "every:5:2", 0.1, 2.0),
    PosedSet("bonsai_colmap", "every:8:0", 0.32, 3.0),
)
SINGLE = (
    *TOGETHER,
    PosedSet("office_ace", None, 0.05, 5.0),
    PosedSet("south_building", None, 0.02, 1.0),
    PosedSet("strecha_castle", None, 0.1, 1.0),
    PosedSet("strecha_herzjesu", None, 0.1, 1.0),
    # A twentieth of the extent of its cameras.
    PosedSet("liberty48", None, 0.44, 10.0),
)
INTEGRATED = "integrated"
NAMES = (*(posed.name for posed in SINGLE), INTEGRATED)
OTHER_SCENES = (*(posed.name for posed in TOGETHER), "ie_tower_retrieval", "sacre_coeur_unposed")
# Cameras of a scene of unknown scale have this extent (root mean square) in the integrated scene, metres.
_EXTENT_M = 1.0


def scene_of_set(data: Path, name: str, folder: Path) -> tuple[Path, str | None]:
    """The scene to map and its hold-out rule; the integrated scene is written to ``folder``."""
    if name != INTEGRATED:
        return data / name, next(posed.holdout for posed in SINGLE if posed.name == name)
    path = folder / "integrated.joint.json"
    scenes = [
        JointPart(path=(data / posed.name).resolve(), name=posed.name, scale=scale_of(data, posed), holdout=posed.holdout)
        for posed in TOGETHER
    ]
    write_joint(path, scenes)
    return path, None


def scale_of(data: Path, posed: PosedSet) -> float | None:
    """Metres of one unit in the integrated scene; None for metric sets."""
    scene = open_scene(data / posed.name)
    if scene.metric:
        return None
    centres = scene.centres()
    return _EXTENT_M / float(np.sqrt(((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean()))


def recalls(data: Path, name: str, evaluation: Evaluation) -> dict[str, float]:
    """Recall of each set at its own thresholds; on the integrated scene with distances scaled as the set was."""
    fractions = {}
    for posed in TOGETHER if name == INTEGRATED else SINGLE:
        if name not in (posed.name, INTEGRATED):
            continue
        scale = 1.0 if name != INTEGRATED else scale_of(data, posed) or 1.0
        errors = [result.error for result in evaluation.results if name != INTEGRATED or scene_of(result.name) == posed.name]
        good = [
            error is not None and error.translation < posed.distance * scale and error.rotation_deg < posed.angle_deg
            for error in errors
        ]
        fractions[posed.name] = float(np.mean(good))
    return fractions


def negatives_of(localizer: Localizer, data: Path, name: str, count: int) -> list[Localization]:
    """Answers about images of all other scenes, ``count`` evenly chosen of each, with a guessed focal length."""
    mapped = {posed.name for posed in TOGETHER} if name == INTEGRATED else {name}
    answers = []
    for other in OTHER_SCENES:
        images = [path for path in sorted((data / other).rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
        chosen = np.unique(np.linspace(0, len(images) - 1, count).astype(int)) if other not in mapped and images else []
        for index in chosen:
            width, height = image_size(images[index])
            camera = trigpoint.Camera.pinhole(width, height, guess_focal_px(width, height))
            answers.append(localizer.localize(images[index], camera=camera))
    return answers


def trust(evaluation: Evaluation, others: list[Localization]) -> dict[str, Any]:
    """How far the verdicts can be trusted, over the test images and the images of other scenes together.

    ``true_accepts`` is the fraction of test images with more confidence than all but 0.1 % of the images of other scenes.
    ``wrong_ok`` counts poses called ok that are off by more than the evaluation's gross error (0.5 m or 10 deg if metric).
    """
    bound = evaluation.gross_error
    right = [
        error is not None and error.translation <= bound.translation and error.rotation_deg <= bound.rotation_deg
        for error in evaluation.errors()
    ]
    confidences = [result.localization.confidence for result in evaluation.results]
    of_negatives = [answer.confidence for answer in others]
    bar = float(np.quantile(of_negatives, 0.999)) if of_negatives else 0.0
    return {
        "negatives": len(others),
        "false_accepts": sum(answer.status == OK for answer in others),
        "negatives_median_ms": float(np.median([sum(answer.timings_ms.values()) for answer in others])) if others else 0.0,
        "true_accepts": float(np.mean([value > bar for value in confidences])),
        "expected_calibration_error": expected_calibration_error(
            confidences + of_negatives, right + [False] * len(of_negatives)
        ),
        "wrong_ok": sum(result.status == OK and not good for result, good in zip(evaluation.results, right, strict=True)),
    }
