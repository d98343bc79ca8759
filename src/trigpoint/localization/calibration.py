"""Measures which inlier shares can be trusted in a map, when it is built.

Wrong photos are made from the mapping photos themselves: mirrored, they show things of the place, in its light, but no
pose of the camera can explain them. In most places they score higher than photos of other places do, which keeps the rule
on the safe side without needing any other data. Where mirroring changes so much that they score lower, a share of what the
mapping photos reach takes over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigpoint.core.image import Photo, read_photo
from trigpoint.core.progress import progress
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.calibration import Calibration
from trigpoint.mapping.scene_map import SceneMap

_PHOTOS = 24
# Shares of wrong photos are about log-normal; this many standard deviations leave fewer than 1 % of them above.
_DEVIATIONS = 2.5
_SMALLEST_SHARE = 1e-3
# Photos of other places reached 6 % of the typical share at most, held-out photos of the place 50 % and more.
_SHARE_OF_TYPICAL = 0.1


def calibrate(scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame]) -> Calibration:
    """Localize some mapping photos as they are, and mirrored.

    Args:
        scene_map: a trained map.
        encoder: its local encoder.
        frames: its mapping photos.
    """
    localizer = Localizer(scene_map, encoder)
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _PHOTOS)).astype(int))
    right, wrong = [], []
    with progress("calibrating", len(chosen)) as advance:
        for index in chosen:
            frame = frames[index]
            photo = read_photo(frame.image_path, short_side_px=scene_map.config.features.short_side_px)
            mirrored = Photo(np.ascontiguousarray(photo.gray[:, ::-1]), None, photo.width, photo.height)
            # A photo that finds itself in a map of landmarks would tell nothing about others.
            localizer.map = scene_map.without_photo(int(index))
            right.append(_inlier_share(localizer, photo, frame))
            wrong.append(_inlier_share(localizer, mirrored, frame))
            advance()
    logs = np.log(np.maximum(wrong, _SMALLEST_SHARE))
    typical = float(np.median(right))
    noise = max(float(np.exp(logs.mean() + _DEVIATIONS * logs.std())), _SHARE_OF_TYPICAL * typical)
    return Calibration(noise_share=round(min(noise, 1.0), 4), typical_share=round(typical, 4))


def _inlier_share(localizer: Localizer, photo: Photo, frame: Frame) -> float:
    answer = localizer.localize_photo(photo, camera=frame.camera, name=frame.name)
    return answer.inliers / max(answer.points, 1)
