"""Measures which inlier ratios can be trusted in a map, when it is built.

Negatives (images that are not in the map) are of four kinds. Mapping images in a mirror show things of the scene, in its
light, but no pose of the camera can explain them. Scrambled mapping images keep every detail and lose the order. Images of
other scenes are synthetic, or photographs that come with a library. The kind that scores highest sets the bound; where all
score very low, a fraction of what the mapping images reach takes over. Scenes that look the same in a mirror, as facades do,
are measured without mirrored images.

Positives are mapping images, and validation images, which were held out of the training, where there are enough. Stronger
augmented views of the mapping images are no stand-in for those: between mild and strong they reached 91 to 23 % of what
mapping images do in one map where images that were not mapped reached 85 %. Landmarks need none: they can forget an image.
Where the map is sure of the poses of positives and they are wrong, it will be wrong about others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from trigpoint.core.evenly import evenly
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.negatives import mirrored, photographs, scrambled, synthetic_images
from trigpoint.localization.own_images import AS_THEY_ARE, check_own_images, read_query, wrong_distance
from trigpoint.mapping.acceptance import Acceptance, Negatives
from trigpoint.mapping.scene_map import SceneMap

MIRRORED, SCRAMBLED = "mirrored images", "scrambled images"
SYNTHETIC, PHOTOGRAPHS = "synthetic images", "photographs of other scenes"
_IMAGES = 24
# Inlier ratios of negatives are about log-normal; this many standard deviations leave fewer than 1 % of them above.
_DEVIATIONS = 2.5
# A few images that differ widely say little about how far others would reach: at most this factor beyond the largest.
_BEYOND = 1.3
_SMALLEST_RATIO = 1e-3
# Images of other scenes reached 6 % of the typical inlier ratio at most, held-out images of the scene 50 % and more.
_FRACTION_OF_TYPICAL = 0.1


def measure_acceptance(
    scene_map: SceneMap, encoder: LocalEncoder, frames: Sequence[Frame], validation: Sequence[Frame] = ()
) -> Acceptance:
    """Localize some mapping images as they are, mirrored and scrambled, images of other scenes, and validation images.

    Args:
        scene_map: a trained map.
        encoder: its local encoder.
        frames: the images that it learned, with poses.
        validation: images of the scene that it did not learn, with poses.
    """
    own = [(index, frames[index]) for index in evenly(len(frames), _IMAGES).tolist()]
    others = [(SYNTHETIC, query) for query in synthetic_images(scene_map.config.features.short_side_px)]
    others += [(PHOTOGRAPHS, query) for query in photographs()]
    positives: list[float] = []
    negatives: dict[str, list[float]] = {MIRRORED: [], SCRAMBLED: [], SYNTHETIC: [], PHOTOGRAPHS: []}
    with progress("measuring acceptance", 2 * len(own) + len(others) + len(validation)) as advance:
        for index, frame in own:
            image, camera = read_query(frame, scene_map), frame.camera
            # An image that finds itself in a map of landmarks would tell nothing about others.
            localizer = Localizer(scene_map.without_image(index), encoder, AS_THEY_ARE)
            order = numpy_generator(scene_map.built_from["seed"], "calibration", "scrambled", index)
            positives.append(localizer.localize(image, camera=camera).inlier_ratio)
            negatives[MIRRORED].append(localizer.localize(mirrored(image), camera=camera).inlier_ratio)
            negatives[SCRAMBLED].append(localizer.localize(scrambled(image, order), camera=camera).inlier_ratio)
            advance()
        localizer = Localizer(scene_map, encoder, AS_THEY_ARE)
        for kind, (image, camera) in others:
            negatives[kind].append(localizer.localize(image, camera=camera).inlier_ratio)
            advance()
        acceptance = acceptance_of(positives, negatives)
        acceptance = replace(acceptance, tolerance=wrong_distance(frames, metric=scene_map.metric))
        return check_own_images(replace(scene_map, acceptance=acceptance), encoder, own, validation, advance)


def acceptance_of(positives: Sequence[float], negatives: Mapping[str, Sequence[float]]) -> Acceptance:
    """What the inlier ratios of mapping images, and of each kind of negatives, come to."""
    kinds = [_kind(name, ratios) for name, ratios in negatives.items() if ratios]
    others = [kind.bound for kind in kinds if kind.kind != MIRRORED]
    # Symmetric facades are found in a mirror, too, and rightly: half of such images reach more than any other negative.
    kinds = [
        replace(kind, counted=kind.kind != MIRRORED or not others or kind.median_inlier_ratio <= max(others))
        for kind in kinds
    ]
    typical = float(np.median(positives))
    noise = max([kind.bound for kind in kinds if kind.counted] + [_FRACTION_OF_TYPICAL * typical])
    return Acceptance(round(min(noise, 1.0), 4), round(typical, 4), len(positives), tuple(kinds))


def _kind(name: str, ratios: Sequence[float]) -> Negatives:
    logs = np.log(np.maximum(ratios, _SMALLEST_RATIO))
    largest = max(max(ratios), _SMALLEST_RATIO)
    bound = min(1.0, _BEYOND * largest, float(np.exp(logs.mean() + _DEVIATIONS * logs.std())))
    return Negatives(name, len(ratios), round(float(np.median(ratios)), 4), round(max(ratios), 4), round(bound, 4))
