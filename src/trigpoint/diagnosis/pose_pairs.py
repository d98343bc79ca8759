"""Which images to compare so that wrong poses show, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.evenly import evenly
from trigpoint.core.pose import Pose

Array = NDArray[np.float64]

# Images that are turned further against each other share too little.
_MAX_ANGLE_DEG = 25.0
_NEAR = 6
# A turn by this angle counts as much as a move across the scene.
_ANGLE_OF_SCENE_DEG = 60.0


def pairs_to_compare(poses: Sequence[Pose], anchors: int) -> list[tuple[int, int]]:
    """Pairs of images that may see the same, the most telling ones first, spread over the scene.

    If the poses are read in a wrong convention, positions may be wrong, so an image is paired with those that are near by
    its position, by its translation (which is the position in some conventions), and by its name. Angles between images are
    the same in all conventions. The more two images are turned against each other, the more a pair tells.

    Args:
        poses: N of them, ``cam_from_world``, sorted by the names of their images.
        anchors: number of evenly chosen images to find partners for.

    Returns:
        Ascending pairs of indices, each once.
    """
    rotations = np.array([pose.rotation for pose in poses]).reshape(-1, 9)
    centres = np.array([pose.centre() for pose in poses])
    translations = np.array([pose.translation for pose in poses])
    rounds: list[list[tuple[int, int]]] = []
    for anchor in evenly(len(poses), anchors):
        angle_deg = np.rad2deg(np.arccos(((rotations @ rotations[anchor] - 1) / 2).clip(-1, 1)))
        names = np.abs(np.arange(len(poses)) - anchor) / _NEAR
        by_position, by_translation = (_distance(points, anchor, angle_deg) for points in (centres, translations))
        partners: list[int | None] = []
        for distance in (by_position, names, by_translation):
            near = _nearest(distance, anchor, angle_deg)
            partners.append(near[int(angle_deg[near].argmax())] if near else None)
        for distance in (by_position, names):
            near = _nearest(distance, anchor, angle_deg)
            partners.append(near[0] if near else None)
        rounds.append([(int(anchor), partner) for partner in partners if partner is not None])
    ordered = [
        found[number] for number in range(max(map(len, rounds), default=0)) for found in rounds if number < len(found)
    ]
    return list(dict.fromkeys((min(pair), max(pair)) for pair in ordered))


def partners_of(poses: Sequence[Pose], image: int, count: int) -> list[int]:
    """The images nearest to one by position and angle, at most ``count``."""
    rotations = np.array([pose.rotation for pose in poses]).reshape(-1, 9)
    angle_deg = np.rad2deg(np.arccos(((rotations @ rotations[image] - 1) / 2).clip(-1, 1)))
    centres = np.array([pose.centre() for pose in poses])
    return _nearest(_distance(centres, image, angle_deg), image, angle_deg)[:count]


def _distance(points: Array, anchor: int, angle_deg: Array) -> Array:
    size = float(np.linalg.norm(np.ptp(points, axis=0))) or 1.0
    return np.linalg.norm(points - points[anchor], axis=1) / size + angle_deg / _ANGLE_OF_SCENE_DEG


def _nearest(distance: Array, anchor: int, angle_deg: Array) -> list[int]:
    order = np.argsort(distance, kind="stable")
    usable = order[(order != anchor) & (angle_deg[order] < _MAX_ANGLE_DEG)]
    return [int(index) for index in usable[:_NEAR]]
