"""Measures which inlier shares can be trusted in a map, when it is built.

Wrong photos are of four kinds. Mapping photos in a mirror show things of the place, in its light, but no pose of the camera
can explain them. Scrambled mapping photos keep every detail and lose the order. Photos of other places are synthetic, or
photographs that come with a library. The kind that scores highest sets the bound; where all score very low, a share of what
the mapping photos reach takes over. Places that look the same in a mirror, as facades do, are measured without mirrored
photos.

Stronger augmented views of the mapping photos are no stand-in for photos that were not mapped: between mild and strong they
reached 91 to 23 % of what mapping photos do in one map where photos that were not mapped reached 85 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.image import Photo, read_photo
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.wrong_photos import mirrored, photographs, scrambled, synthetic_photos
from trigpoint.mapping.calibration import Calibration, WrongPhotos
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


def calibrate(scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame]) -> Calibration:
    """Localize some mapping photos as they are, mirrored and scrambled, and photos of other places.

    Args:
        scene_map: a trained map.
        encoder: its local encoder.
        frames: its mapping photos.
    """
    localizer = Localizer(scene_map, encoder)
    short_side_px = scene_map.config.features.short_side_px
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _PHOTOS)).astype(int))
    right: list[float] = []
    wrong: dict[str, list[float]] = {MIRRORED: [], SCRAMBLED: [], SYNTHETIC: [], PHOTOGRAPHS: []}
    elsewhere = [(SYNTHETIC, each) for each in synthetic_photos(short_side_px)]
    elsewhere += [(PHOTOGRAPHS, each) for each in photographs()]
    with progress("calibrating", len(chosen) + len(elsewhere)) as advance:
        for index in chosen:
            frame = frames[index]
            photo = read_photo(frame.image_path, short_side_px=short_side_px)
            # A photo that finds itself in a map of landmarks would tell nothing about others.
            localizer.map = scene_map.without_photo(int(index))
            right.append(_inlier_share(localizer, photo, frame.camera))
            wrong[MIRRORED].append(_inlier_share(localizer, mirrored(photo), frame.camera))
            order = numpy_generator(scene_map.built_from["seed"], "calibration", "scrambled", int(index))
            wrong[SCRAMBLED].append(_inlier_share(localizer, scrambled(photo, order), frame.camera))
            advance()
        localizer.map = scene_map
        for kind, (photo, camera) in elsewhere:
            wrong[kind].append(_inlier_share(localizer, photo, camera))
            advance()
    return calibration_of(right, wrong)


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


def _kind(name: str, shares: Sequence[float]) -> WrongPhotos:
    logs = np.log(np.maximum(shares, _SMALLEST_SHARE))
    largest = max(max(shares), _SMALLEST_SHARE)
    bound = min(1.0, _BEYOND * largest, float(np.exp(logs.mean() + _DEVIATIONS * logs.std())))
    return WrongPhotos(name, len(shares), round(float(np.median(shares)), 4), round(max(shares), 4), round(bound, 4))


def _inlier_share(localizer: Localizer, photo: Photo, camera: Camera) -> float:
    answer = localizer.localize_photo(photo, camera=camera)
    return answer.inliers / max(answer.points, 1)
