"""Measures which inlier ratios can be trusted in a map, when it is built.

Wrong images are of four kinds. Mapping images in a mirror show things of the scene, in its light, but no pose of the camera
can explain them. Scrambled mapping images keep every detail and lose the order. Images of other scenes are synthetic, or
photographs that come with a library. The kind that scores highest sets the bound; where all score very low, a fraction of
what the mapping images reach takes over. Scenes that look the same in a mirror, as facades do, are measured without mirrored
images.

Right images are mapping images, and images that were held out of the training, where there are enough. Stronger augmented
views of the mapping images are no stand-in for those: between mild and strong they reached 91 to 23 % of what mapping images
do in one map where images that were not mapped reached 85 %. Landmarks need none: they can forget an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.evenly import evenly
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.localization import OK, Localization
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.negatives import mirrored, photographs, scrambled, synthetic_images
from trigpoint.mapping.acceptance import Acceptance, Negatives, ValidationImages
from trigpoint.mapping.scene_map import SceneMap

MIRRORED, SCRAMBLED = "mirrored images", "scrambled images"
SYNTHETIC, PHOTOGRAPHS = "synthetic images", "photographs of other scenes"
_IMAGES = 24
# Fractions of wrong images are about log-normal; this many standard deviations leave fewer than 1 % of them above.
_DEVIATIONS = 2.5
# A few images that differ widely say little about how far others would reach: at most this factor beyond the largest.
_BEYOND = 1.3
_SMALLEST_FRACTION = 1e-3
# Images of other scenes reached 6 % of the typical share at most, held-out images of the scene 50 % and more.
_FRACTION_OF_TYPICAL = 0.1
# Quantile of held-out images that must be sure of their pose: the worst fifth may be blurred or see a blank wall.
_LOW = 0.2


def measure_acceptance(
    scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame], held_out: Sequence[Frame] = ()
) -> Acceptance:
    """Localize some mapping images as they are, mirrored and scrambled, images of other scenes, and images held out.

    Args:
        scene_map: a trained map.
        encoder: its local encoder.
        frames: the images that it learned.
        held_out: images of the scene that it did not learn, with poses.
    """
    localizer = Localizer(scene_map, encoder)
    chosen = evenly(len(frames), _IMAGES).tolist()
    validation = [(None, frame) for frame in held_out]
    if scene_map.landmarks is not None:
        validation += [(index, frames[index]) for index in chosen]
    elsewhere = [(SYNTHETIC, each) for each in synthetic_images(scene_map.config.features.short_side_px)]
    elsewhere += [(PHOTOGRAPHS, each) for each in photographs()]
    right: list[float] = []
    wrong: dict[str, list[float]] = {MIRRORED: [], SCRAMBLED: [], SYNTHETIC: [], PHOTOGRAPHS: []}
    with progress("measuring acceptance", len(chosen) + len(elsewhere) + len(validation)) as advance:
        for index in chosen:
            frame = frames[index]
            image = _read(localizer, frame)
            # An image that finds itself in a map of landmarks would tell nothing about others.
            localizer.map = scene_map.without_image(index)
            right.append(_inlier_ratio(localizer, image, frame.camera))
            wrong[MIRRORED].append(_inlier_ratio(localizer, mirrored(image), frame.camera))
            order = numpy_generator(scene_map.built_from["seed"], "calibration", "scrambled", index)
            wrong[SCRAMBLED].append(_inlier_ratio(localizer, scrambled(image, order), frame.camera))
            advance()
        localizer.map = scene_map
        for kind, (image, camera) in elsewhere:
            wrong[kind].append(_inlier_ratio(localizer, image, camera))
            advance()
        measured = acceptance_of(right, wrong)
        measured_map = replace(scene_map, acceptance=measured)
        answers = []
        for learned_as, frame in validation:
            localizer.map = measured_map if learned_as is None else measured_map.without_image(learned_as)
            answers.append(localizer.localize_image(_read(localizer, frame), camera=frame.camera))
            advance()
    return replace(
        measured, validation=validation_images(answers, [frame.pose() for _, frame in validation]) if validation else None
    )


def acceptance_of(right: Sequence[float], wrong: dict[str, list[float]]) -> Acceptance:
    """What the inlier ratios of mapping images, and of each kind of wrong images, come to."""
    kinds = [_kind(name, fractions) for name, fractions in wrong.items() if fractions]
    others = [kind.bound for kind in kinds if kind.kind != MIRRORED]
    # Symmetric facades are found in a mirror, too, and rightly: half of such images reach more than any other wrong image.
    kinds = [
        replace(kind, counted=kind.kind != MIRRORED or not others or kind.median_inlier_ratio <= max(others))
        for kind in kinds
    ]
    typical = float(np.median(right))
    noise = max([kind.bound for kind in kinds if kind.counted] + [_FRACTION_OF_TYPICAL * typical])
    return Acceptance(round(min(noise, 1.0), 4), round(typical, 4), len(right), tuple(kinds))


def validation_images(answers: Sequence[Localization], poses: Sequence[Pose]) -> ValidationImages:
    """What the answers for images that were not learned come to.

    Args:
        answers: at least one, with the verdicts of the calibrated map.
        poses: their true poses.
    """
    fractions = [_fraction(answer) for answer in answers]
    trusted = [_fraction(answer) for answer in answers if answer.status == OK]
    found = [
        (centre_distance(answer.cam_from_world, pose), rotation_angle_deg(answer.cam_from_world, pose))
        if answer.cam_from_world is not None
        else (np.inf, np.inf)
        for answer, pose in zip(answers, poses, strict=True)
    ]
    error, angle = np.median(found, axis=0).tolist()
    known = bool(np.isfinite(error))
    return ValidationImages(
        images=len(answers),
        accepted=len(trusted),
        median_inlier_ratio=round(float(np.median(fractions)), 4),
        low_inlier_ratio=round(float(np.quantile(trusted, _LOW)), 4) if trusted else 0.0,
        error=float(f"{error:.4g}") if known else None,
        rotation_error_deg=float(f"{angle:.4g}") if known else None,
    )


def _kind(name: str, fractions: Sequence[float]) -> Negatives:
    logs = np.log(np.maximum(fractions, _SMALLEST_FRACTION))
    largest = max(max(fractions), _SMALLEST_FRACTION)
    bound = min(1.0, _BEYOND * largest, float(np.exp(logs.mean() + _DEVIATIONS * logs.std())))
    return Negatives(name, len(fractions), round(float(np.median(fractions)), 4), round(max(fractions), 4), round(bound, 4))


def _read(localizer: Localizer, frame: Frame) -> DecodedImage:
    return read_image(frame.image_path, short_side_px=localizer.map.config.features.short_side_px)


def _inlier_ratio(localizer: Localizer, image: DecodedImage, camera: Camera) -> float:
    return _fraction(localizer.localize_image(image, camera=camera))


def _fraction(answer: Localization) -> float:
    return answer.inliers / max(answer.points, 1)
