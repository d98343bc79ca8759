"""Landmarks of a scene from the local features of its images: match, join, triangulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.errors import MappingError
from trigpoint.covisibility.graph import build_graph
from trigpoint.features.cache import SizedFeatures
from trigpoint.mapping.direct_landmarks import DirectLandmarks, LandmarkMemory, bytes_per_landmark
from trigpoint.mapping.image_matching import image_pairs, match_images
from trigpoint.mapping.landmark_choice import ranked_landmarks
from trigpoint.mapping.landmark_config import DirectConfig, HierarchicalConfig, LandmarkConfig, TriangulationConfig
from trigpoint.mapping.landmarks import Landmarks
from trigpoint.mapping.mapping_images import MappingImages
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.observations import Observations, PosedKeypoints, join_tracks
from trigpoint.mapping.triangulation import Triangulated, triangulate
from trigpoint.retrieval.descriptor import describe_images, fit_descriptor
from trigpoint.retrieval.index import RetrievalIndex, directions

_MATCHES = "matches.safetensors"
# Mapping images whose frusta overlap at least this much may be matched: even a tenth gives points that both see.
_MIN_OVERLAP = 0.1
# A pose needs this many.
_FEWEST = 6


def unit_length(images: Sequence[SizedFeatures]) -> list[SizedFeatures]:
    """The features with (N, C) descriptors of unit length, as matching by cosine needs them."""
    return [
        (replace(features, descriptors=functional.normalize(features.descriptors, dim=1)), size) for features, size in images
    ]


def triangulate_images(
    images: MappingImages, features: Sequence[SizedFeatures], config: TriangulationConfig, normalization: Normalization
) -> Triangulated:
    """Match images, join the matches, triangulate. The matches are kept in the work folder.

    Args:
        images: the mapping images; their depths decide what is matched.
        features: their local features, with (N, C) descriptors of unit length.
        config: matcher and limits.
        normalization: from world to the frame of the points.

    Raises:
        Interrupted: stopped on request.
    """
    keypoints = PosedKeypoints.of(images.scene.frames, [local for local, _ in features], normalization)
    path = images.folder / _MATCHES
    if not path.exists():
        matches = match_images(features, keypoints, _pairs(images, config.neighbours), config.matcher, images.stop)
        write_artifact(path, {"matches": matches}, {})
    tracks = join_tracks(read_artifact(path).tensors["matches"], keypoints.image)
    return triangulate(keypoints, tracks, min_images=config.min_images)


def build_landmarks(
    features: Sequence[SizedFeatures], points: Triangulated, config: LandmarkConfig, *, seed: int, scene: Path
) -> Landmarks | DirectLandmarks:
    """Make the landmarks of a scene from its triangulated keypoints.

    Args:
        features: local features of the mapping images, with (N, C) descriptors of unit length.
        points: (M, 3) points in the normalised frame and the keypoints that see them, from ``triangulate_images``.
        config: what is kept.
        seed: seed of the map.
        scene: named by errors.

    Raises:
        MappingError: no keypoints to describe images by (TP-632), or fewer than six landmarks (TP-651).
    """
    if len(points.points) < _FEWEST:
        raise MappingError(
            "TP-651",
            f"only {len(points.points)} keypoints could be triangulated",
            where=scene,
            fix="Each thing must be seen from three positions. Do poses and cameras fit the images? See 'trigpoint info'.",
        )
    if isinstance(config, DirectConfig):
        return _direct(features, points, config)
    return _hierarchical(features, points, config, seed)


def _direct(features: Sequence[SizedFeatures], points: Triangulated, config: DirectConfig) -> DirectLandmarks:
    """As many (M, 3) points as the budget allows, in the order of their use."""
    local = torch.cat([image.descriptors for image, _ in features])
    dim = local.shape[1]
    count = max(_FEWEST, (config.landmark_bytes(len(features)) - 2 * dim) // bytes_per_landmark(dim))
    chosen = ranked_landmarks(points.observations, len(features))[:count]
    kept = points.observations.select(np.isin(points.observations.track, chosen))
    # The tracks of the selection are in the order of the points; this is the place of each in the order of use.
    place = np.argsort(chosen)
    sums = np.empty((len(chosen), dim))
    sums[place] = _means(local, kept).numpy()
    memory = LandmarkMemory(kept.image, place[kept.track], local[torch.from_numpy(kept.keypoint)].numpy(), sums)
    return DirectLandmarks.of(points.points[chosen], memory)


def _hierarchical(
    features: Sequence[SizedFeatures], points: Triangulated, config: HierarchicalConfig, seed: int
) -> Landmarks:
    """All (M, 3) points, and what finds mapping images that look like a query."""
    descriptor = fit_descriptor(config.descriptor, features, config.descriptor_dim, seed)
    observations = points.observations
    by_image = np.argsort(observations.keypoint)
    first = np.searchsorted(observations.image[by_image], np.arange(len(features) + 1))
    local = torch.cat([image.descriptors for image, _ in features])
    return Landmarks(
        descriptor=descriptor,
        index=RetrievalIndex(describe_images(descriptor, features)),
        positions=torch.from_numpy(points.points.astype(np.float32)),
        first=torch.from_numpy(first.astype(np.int32)),
        landmark=torch.from_numpy(observations.track[by_image].astype(np.int32)),
        descriptors=directions(_means(local, observations))
        if config.local_descriptors == "mean"
        else directions(local[torch.from_numpy(observations.keypoint[by_image])]),
    )


def _pairs(images: MappingImages, neighbours: int) -> NDArray[np.int64]:
    """(Q, 2) indices of images to match; none where no two images overlap."""
    try:
        graph = build_graph(images.scene, method="frustum", threshold=_MIN_OVERLAP, seed=images.seed, depths=images.depths())
    except MappingError as error:
        if error.code != "TP-625":
            raise
        return np.zeros((0, 2), dtype=np.int64)
    return image_pairs(graph, neighbours)


def _means(local: Tensor, observations: Observations) -> Tensor:
    """(M, C) float64 mean directions of the (K, C) descriptors of the keypoints that see each landmark."""
    # Sorted by landmark, so that the sums are in a fixed order.
    sums = np.add.reduceat(local[torch.from_numpy(observations.keypoint)].double().numpy(), observations.starts, axis=0)
    return torch.from_numpy(sums)
