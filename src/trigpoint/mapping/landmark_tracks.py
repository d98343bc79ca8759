"""Landmarks for networks to learn from: triangulated once, kept in the work folder, the same for all processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trigpoint.core.artifact import Artifact, read_artifact, write_artifact
from trigpoint.core.scene import Scene
from trigpoint.core.tracks import Observations, Tracks
from trigpoint.mapping.landmark_build import triangulate_images, unit_length
from trigpoint.mapping.landmark_config import TriangulationConfig
from trigpoint.mapping.mapping_images import MappingImages
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
        seen = sum(len(observations.point) for observations in self.tracks.images.values())
        return seen / max(self.keypoints, 1)


def landmark_tracks(images: MappingImages, config: TriangulationConfig, normalization: Normalization) -> LandmarkTracks:
    """Triangulate keypoints of the mapping images, or read what an earlier call has left in the work folder.

    Args:
        images: the mapping images; their features are only asked for if the work is not done yet.
        config: matcher and limits.
        normalization: of the scene.

    Raises:
        Interrupted: stopped on request.
    """
    path = images.folder / _TRACKS
    if not path.exists():
        features = unit_length(images.features())
        triangulated = triangulate_images(images, features, config, normalization)
        observations, first = triangulated.observations, np.cumsum([0, *(len(local) for local, _ in features)])
        # By image, and by landmark within each.
        order = np.argsort(observations.image, kind="stable")
        image, keypoint = observations.image[order], observations.keypoint[order]
        image_px = np.zeros((len(order), 2))
        for index, (local, _) in enumerate(features):
            rows = slice(*np.searchsorted(image, (index, index + 1)))
            image_px[rows] = local.image_px[keypoint[rows] - first[index]]
        tensors = {
            "points": normalization.to_world(triangulated.points),
            "first": np.searchsorted(image, np.arange(len(features) + 1)),
            "point": observations.track[order],
            "image_px": image_px,
        }
        write_artifact(path, tensors, {"keypoints": int(first[-1])})
    return _restored(images.scene, read_artifact(path))


def _restored(scene: Scene, artifact: Artifact) -> LandmarkTracks:
    points, first, point, image_px = (artifact.tensors[name] for name in ("points", "first", "point", "image_px"))
    observations = {}
    for index, frame in enumerate(scene.frames):
        rows = slice(int(first[index]), int(first[index + 1]))
        observations[frame.name] = Observations(point[rows], image_px[rows])
    return LandmarkTracks(Tracks(points, np.full(len(points), np.nan), observations), artifact.metadata["keypoints"])
