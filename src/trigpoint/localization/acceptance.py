"""Measures which inlier shares can be trusted in a map, when it is built.

Wrong photos are of four kinds. Mapping photos in a mirror show things of the place, in its light, but no pose of the camera
can explain them. Scrambled mapping photos keep every detail and lose the order. Photos of other places are synthetic, or
photographs that come with a library. The kind that scores highest sets the bound; where all score very low, a share of what
the mapping photos reach takes over. Places that look the same in a mirror, as facades do, are measured without mirrored
photos.

Right photos are mapping photos, and photos that were held out of the training, where there are enough. Stronger augmented
views of the mapping photos are no stand-in for those: between mild and strong they reached 91 to 23 % of what mapping photos
do in one map where photos that were not mapped reached 85 %. Landmarks need none: they can forget a photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.evenly import evenly
from trigpoint.core.image import Photo, read_photo
from trigpoint.core.localization import OK, Localization
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.negatives import mirrored, photographs, scrambled, synthetic_photos
from trigpoint.mapping.acceptance import Calibration, UnseenPhotos, WrongPhotos
from trigpoint.mapping.scene_map import SceneMap

MIRRORED, SCRAMBLED = "mirrored photos", "scrambled photos"
SYNTHETIC, PHOTOGRAPHS = "synthetic photos", "photographs of other places"
_PHOTOS = 24
# Shares of wrong photos are about log-normal; this many standard deviations leave fewer than 1 % of them above.
_DEVIATIONS = 2.5
# A few photos that differ widely say little about how far others would reach: at most this factor beyond the largest.
_BEYOND = 1.3
_SMALLEST_SHARE = 1e-3
# Photos of other places reached 6 % of the typical share at most, held-out photos of the place 50 % and more.
_SHARE_OF_TYPICAL = 0.1
# Quantile of held-out photos that must be sure of their pose: the worst fifth may be blurred or see a blank wall.
_LOW = 0.2


def calibrate(
    scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame], held_out: Sequence[Frame] = ()
) -> Calibration:
    """Localize some mapping photos as they are, mirrored and scrambled, photos of other places, and photos held out.

    Args:
        scene_map: a trained map.
        encoder: its local encoder.
        frames: the photos that it learned.
        held_out: photos of the place that it did not learn, with poses.
    """
    localizer = Localizer(scene_map, encoder)
    chosen = evenly(len(frames), _PHOTOS).tolist()
    unseen = [(None, frame) for frame in held_out]
    if scene_map.landmarks is not None:
        unseen += [(index, frames[index]) for index in chosen]
    elsewhere = [(SYNTHETIC, each) for each in synthetic_photos(scene_map.config.features.short_side_px)]
    elsewhere += [(PHOTOGRAPHS, each) for each in photographs()]
    right: list[float] = []
    wrong: dict[str, list[float]] = {MIRRORED: [], SCRAMBLED: [], SYNTHETIC: [], PHOTOGRAPHS: []}
    with progress("calibrating", len(chosen) + len(elsewhere) + len(unseen)) as advance:
        for index in chosen:
            frame = frames[index]
            photo = _read(localizer, frame)
            # A photo that finds itself in a map of landmarks would tell nothing about others.
            localizer.map = scene_map.without_photo(index)
            right.append(_inlier_share(localizer, photo, frame.camera))
            wrong[MIRRORED].append(_inlier_share(localizer, mirrored(photo), frame.camera))
            order = numpy_generator(scene_map.built_from["seed"], "calibration", "scrambled", index)
            wrong[SCRAMBLED].append(_inlier_share(localizer, scrambled(photo, order), frame.camera))
            advance()
        localizer.map = scene_map
        for kind, (photo, camera) in elsewhere:
            wrong[kind].append(_inlier_share(localizer, photo, camera))
            advance()
        measured = calibration_of(right, wrong)
        calibrated = replace(scene_map, calibration=measured)
        answers = []
        for learned_as, frame in unseen:
            localizer.map = calibrated if learned_as is None else calibrated.without_photo(learned_as)
            answers.append(localizer.localize_photo(_read(localizer, frame), camera=frame.camera))
            advance()
    return replace(measured, unseen=unseen_photos(answers, [frame.pose() for _, frame in unseen]) if unseen else None)


def calibration_of(right: Sequence[float], wrong: dict[str, list[float]]) -> Calibration:
    """What the inlier shares of mapping photos, and of each kind of wrong photos, come to."""
    kinds = [_kind(name, shares) for name, shares in wrong.items() if shares]
    others = [kind.bound for kind in kinds if kind.kind != MIRRORED]
    # Symmetric facades are found in a mirror, too, and rightly: half of such photos reach more than any other wrong photo.
    kinds = [
        replace(kind, counted=kind.kind != MIRRORED or not others or kind.median_share <= max(others)) for kind in kinds
    ]
    typical = float(np.median(right))
    noise = max([kind.bound for kind in kinds if kind.counted] + [_SHARE_OF_TYPICAL * typical])
    return Calibration(round(min(noise, 1.0), 4), round(typical, 4), len(right), tuple(kinds))


def unseen_photos(answers: Sequence[Localization], poses: Sequence[Pose]) -> UnseenPhotos:
    """What the answers for photos that were not learned come to.

    Args:
        answers: at least one, with the verdicts of the calibrated map.
        poses: their true poses.
    """
    shares = [_share(answer) for answer in answers]
    trusted = [_share(answer) for answer in answers if answer.status == OK]
    found = [
        (centre_distance(answer.cam_from_world, pose), rotation_angle_deg(answer.cam_from_world, pose))
        if answer.cam_from_world is not None
        else (np.inf, np.inf)
        for answer, pose in zip(answers, poses, strict=True)
    ]
    error, angle = np.median(found, axis=0).tolist()
    known = bool(np.isfinite(error))
    return UnseenPhotos(
        photos=len(answers),
        accepted=len(trusted),
        median_share=round(float(np.median(shares)), 4),
        low_share=round(float(np.quantile(trusted, _LOW)), 4) if trusted else 0.0,
        error=float(f"{error:.4g}") if known else None,
        rotation_error_deg=float(f"{angle:.4g}") if known else None,
    )


def _kind(name: str, shares: Sequence[float]) -> WrongPhotos:
    logs = np.log(np.maximum(shares, _SMALLEST_SHARE))
    largest = max(max(shares), _SMALLEST_SHARE)
    bound = min(1.0, _BEYOND * largest, float(np.exp(logs.mean() + _DEVIATIONS * logs.std())))
    return WrongPhotos(name, len(shares), round(float(np.median(shares)), 4), round(max(shares), 4), round(bound, 4))


def _read(localizer: Localizer, frame: Frame) -> Photo:
    return read_photo(frame.image_path, short_side_px=localizer.map.config.features.short_side_px)


def _inlier_share(localizer: Localizer, photo: Photo, camera: Camera) -> float:
    return _share(localizer.localize_photo(photo, camera=camera))


def _share(answer: Localization) -> float:
    return answer.inliers / max(answer.points, 1)
