"""Landmarks for networks to learn from: triangulated once, kept in the work folder, the same for all processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigpoint.core.artifact import Artifact, read_artifact, write_artifact
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.scene import Scene
from trigpoint.core.tracks import Observations, Tracks
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.features.cache import SizedFeatures
from trigpoint.mapping.landmark_build import triangulate_images, unit_length
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.mapping.normalization import Normalization

_TRACKS = "tracks.safetensors"


@dataclass(frozen=True, eq=False)
class LandmarkTracks:
    """Landmarks in world, and which image sees which.

    Attributes:
        tracks: points and their observations.
        keypoints: number of keypoints in all images, seeing a landmark or not.
    """

    tracks: Tracks
    keypoints: int

    @property
    def fraction(self) -> float:
        """Fraction of the keypoints that see a landmark, 0 to 1."""
        seen = sum(len(each.point) for each in self.tracks.images.values())
        return seen / max(self.keypoints, 1)


def landmark_tracks(
    scene: Scene,
    images: Callable[[], Sequence[SizedFeatures]],
    config: LandmarkConfig,
    normalization: Normalization,
    *,
    depths: Callable[[], DepthRange],
    seed: int,
    folder: Path,
    stop: StopRequest,
) -> LandmarkTracks:
    """Triangulate keypoints of the mapping images, or read what an earlier call has left in the work folder.

    Args:
        scene: the mapping images, all with poses.
        images: gives their local features, in the same order.
        config: settings.
        normalization: of the scene.
        depths: gives the depths at which the images see something.
        seed: seed of the map.
        folder: work folder.
        stop: asks to stop.

    Raises:
        Interrupted: stopped on request.
    """
    path = folder / _TRACKS
    if not path.exists():
        features = unit_length(images())
        found = triangulate_images(
            scene, features, config, normalization, depths=depths, seed=seed, folder=folder, stop=stop
        )
        observations, first = found.observations, np.cumsum([0, *(len(each) for each, _ in features)])
        # By image, and by landmark within each.
        order = np.argsort(observations.image, kind="stable")
        image, keypoint = observations.image[order], observations.keypoint[order]
        image_px = np.zeros((len(order), 2))
        for index, (each, _) in enumerate(features):
            mine = slice(*np.searchsorted(image, (index, index + 1)))
            image_px[mine] = each.image_px[keypoint[mine] - first[index]]
        tensors = {
            "points": normalization.to_world(found.points),
            "first": np.searchsorted(image, np.arange(len(features) + 1)),
            "point": observations.track[order],
            "image_px": image_px,
        }
        write_artifact(path, tensors, {"keypoints": int(first[-1])})
    return _restored(scene, read_artifact(path))


def _restored(scene: Scene, kept: Artifact) -> LandmarkTracks:
    points, first, point, image_px = (kept.tensors[name] for name in ("points", "first", "point", "image_px"))
    seen = {}
    for index, frame in enumerate(scene.frames):
        mine = slice(int(first[index]), int(first[index + 1]))
        seen[frame.name] = Observations(point[mine], image_px[mine])
    return LandmarkTracks(Tracks(points, np.full(len(points), np.nan), seen), kept.metadata["keypoints"])
