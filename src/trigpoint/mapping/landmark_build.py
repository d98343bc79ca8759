"""From the local features of mapping photos to landmarks: match, join, triangulate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.scene import Scene
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.covisibility.graph import build_graph
from trigpoint.features.extract import PhotoFeatures
from trigpoint.mapping.image_matching import match_photos, photo_pairs
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.mapping.landmarks import Landmarks, directions
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.observations import PosedKeypoints, Sightings, join_tracks
from trigpoint.mapping.triangulation import Triangulated, triangulate
from trigpoint.retrieval.descriptor import describe_photos, fit_descriptor
from trigpoint.retrieval.image_features import SizedFeatures
from trigpoint.retrieval.index import RetrievalIndex

_MATCHES = "matches.safetensors"
# A pose needs this many.
_FEWEST = 6


def unit_length(photos: Sequence[SizedFeatures]) -> list[SizedFeatures]:
    """The features with descriptors of length 1, as matching by cosine needs them."""
    return [(replace(found, descriptors=functional.normalize(found.descriptors, dim=1)), size) for found, size in photos]


def triangulate_photos(
    scene: Scene,
    photos: Sequence[SizedFeatures],
    config: LandmarkConfig,
    normalization: Normalization,
    *,
    depths: Callable[[], DepthRange],
    seed: int,
    folder: Path,
    stop: StopRequest,
) -> Triangulated:
    """Match photos, join the matches, triangulate.

    Args:
        scene: the mapping photos, all with poses.
        photos: their local features, in the same order, with descriptors of unit length.
        config: settings.
        normalization: of the place.
        depths: gives the depths at which the photos see something, which decide what is matched.
        seed: seed of the map.
        folder: work folder, which keeps the matches.
        stop: asks to stop.

    Raises:
        Interrupted: stopped on request.
    """
    keypoints = PosedKeypoints.of(scene.frames, [found for found, _ in photos], normalization)
    matches = _matches(scene, photos, keypoints, config, depths, seed, folder, stop)
    return triangulate(
        keypoints,
        join_tracks(matches, keypoints.photo),
        min_photos=config.min_photos,
        max_error_px=config.max_error_px,
        min_angle_deg=config.min_angle_deg,
    )


def build_landmarks(
    photos: Sequence[SizedFeatures], found: Triangulated, config: LandmarkConfig, *, seed: int, place: Path
) -> Landmarks:
    """Make the landmarks of a place from its triangulated keypoints.

    Args:
        photos: local features of the mapping photos, with descriptors of unit length.
        found: which of their keypoints see which point, from ``triangulate_photos``.
        config: settings.
        seed: seed of the map.
        place: named by errors.

    Raises:
        MappingError: no keypoints to describe photos by (TP-632), or fewer than six landmarks (TP-651).
    """
    descriptor = fit_descriptor(config.descriptor, photos, config.descriptor_dim, seed)
    if len(found.points) < _FEWEST:
        raise MappingError(
            "TP-651",
            f"only {len(found.points)} keypoints could be triangulated",
            where=place,
            fix="Each thing must be seen from three places. Do poses and cameras fit the photos? See 'trigpoint info'.",
        )
    by_photo = np.argsort(found.sightings.keypoint)
    seen = found.sightings.track[by_photo]
    first = np.searchsorted(found.sightings.photo[by_photo], np.arange(len(photos) + 1))
    return Landmarks(
        descriptor=descriptor,
        index=RetrievalIndex(describe_photos(descriptor, photos)),
        points=torch.from_numpy(found.points.astype(np.float32)),
        first=torch.from_numpy(first.astype(np.int32)),
        seen=torch.from_numpy(seen.astype(np.int32)),
        descriptors=_descriptors([each for each, _ in photos], found.sightings, by_photo, config.kept),
        min_cosine=config.min_cosine,
        retrieved=config.retrieved,
    )


def _matches(
    scene: Scene,
    photos: Sequence[SizedFeatures],
    keypoints: PosedKeypoints,
    config: LandmarkConfig,
    depths: Callable[[], DepthRange],
    seed: int,
    folder: Path,
    stop: StopRequest,
) -> NDArray[np.int64]:
    path = folder / _MATCHES
    if not path.exists():
        pairs = _pairs(scene, config, depths(), seed)
        write_artifact(path, {"matches": match_photos(photos, keypoints, pairs, config, stop)}, {})
    return read_artifact(path).tensors["matches"]


def _pairs(scene: Scene, config: LandmarkConfig, depths: DepthRange, seed: int) -> NDArray[np.int64]:
    """Photos to match; none where no two photos overlap."""
    try:
        graph = build_graph(scene, method="frustum", threshold=config.min_overlap, seed=seed, depths=depths)
    except MappingError as error:
        if error.code != "TP-625":
            raise
        return np.zeros((0, 2), dtype=np.int64)
    return photo_pairs(graph, config.neighbours)


def _descriptors(features: Sequence[PhotoFeatures], sightings: Sightings, by_photo: NDArray[np.int64], kept: str) -> Tensor:
    """Of each sighting in the order of the photos, or the mean of each landmark."""
    local = torch.cat([found.descriptors for found in features])
    if kept == "each":
        return directions(local[torch.from_numpy(sightings.keypoint[by_photo])])
    # Sorted by landmark, so that the sums are in a fixed order.
    sums = np.add.reduceat(local[torch.from_numpy(sightings.keypoint)].double().numpy(), sightings.starts, axis=0)
    return directions(torch.from_numpy(sums))
