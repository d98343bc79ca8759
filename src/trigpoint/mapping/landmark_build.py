"""From the local features of mapping images to landmarks: match, join, triangulate."""

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
from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.image_matching import image_pairs, match_images
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.mapping.landmarks import Landmarks, directions
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.observations import Observations, PosedKeypoints, join_tracks
from trigpoint.mapping.triangulation import Triangulated, triangulate
from trigpoint.retrieval.descriptor import describe_images, fit_descriptor
from trigpoint.retrieval.index import RetrievalIndex

_MATCHES = "matches.safetensors"
# A pose needs this many.
_FEWEST = 6


def unit_length(images: Sequence[SizedFeatures]) -> list[SizedFeatures]:
    """The features with descriptors of length 1, as matching by cosine needs them."""
    return [(replace(found, descriptors=functional.normalize(found.descriptors, dim=1)), size) for found, size in images]


def triangulate_images(
    scene: Scene,
    images: Sequence[SizedFeatures],
    config: LandmarkConfig,
    normalization: Normalization,
    *,
    depths: Callable[[], DepthRange],
    seed: int,
    folder: Path,
    stop: StopRequest,
) -> Triangulated:
    """Match images, join the matches, triangulate.

    Args:
        scene: the mapping images, all with poses.
        images: their local features, in the same order, with descriptors of unit length.
        config: settings.
        normalization: of the scene.
        depths: gives the depths at which the images see something, which decide what is matched.
        seed: seed of the map.
        folder: work folder, which keeps the matches.
        stop: asks to stop.

    Raises:
        Interrupted: stopped on request.
    """
    keypoints = PosedKeypoints.of(scene.frames, [found for found, _ in images], normalization)
    matches = _matches(scene, images, keypoints, config, depths, seed, folder, stop)
    return triangulate(
        keypoints,
        join_tracks(matches, keypoints.image),
        min_images=config.min_images,
        max_error_px=config.max_error_px,
        min_angle_deg=config.min_angle_deg,
    )


def build_landmarks(
    images: Sequence[SizedFeatures], found: Triangulated, config: LandmarkConfig, *, seed: int, scene: Path
) -> Landmarks:
    """Make the landmarks of a scene from its triangulated keypoints.

    Args:
        images: local features of the mapping images, with descriptors of unit length.
        found: which of their keypoints see which point, from ``triangulate_images``.
        config: settings.
        seed: seed of the map.
        scene: named by errors.

    Raises:
        MappingError: no keypoints to describe images by (TP-632), or fewer than six landmarks (TP-651).
    """
    descriptor = fit_descriptor(config.descriptor, images, config.descriptor_dim, seed)
    if len(found.points) < _FEWEST:
        raise MappingError(
            "TP-651",
            f"only {len(found.points)} keypoints could be triangulated",
            where=scene,
            fix="Each thing must be seen from three scenes. Do poses and cameras fit the images? See 'trigpoint info'.",
        )
    by_image = np.argsort(found.observations.keypoint)
    seen = found.observations.track[by_image]
    first = np.searchsorted(found.observations.image[by_image], np.arange(len(images) + 1))
    return Landmarks(
        descriptor=descriptor,
        index=RetrievalIndex(describe_images(descriptor, images)),
        points=torch.from_numpy(found.points.astype(np.float32)),
        first=torch.from_numpy(first.astype(np.int32)),
        seen=torch.from_numpy(seen.astype(np.int32)),
        descriptors=_descriptors([each for each, _ in images], found.observations, by_image, config.kept),
        min_cosine=config.min_cosine,
        retrieved=config.retrieved,
    )


def _matches(
    scene: Scene,
    images: Sequence[SizedFeatures],
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
        write_artifact(path, {"matches": match_images(images, keypoints, pairs, config, stop)}, {})
    return read_artifact(path).tensors["matches"]


def _pairs(scene: Scene, config: LandmarkConfig, depths: DepthRange, seed: int) -> NDArray[np.int64]:
    """Images to match; none where no two images overlap."""
    try:
        graph = build_graph(scene, method="frustum", threshold=config.min_overlap, seed=seed, depths=depths)
    except MappingError as error:
        if error.code != "TP-625":
            raise
        return np.zeros((0, 2), dtype=np.int64)
    return image_pairs(graph, config.neighbours)


def _descriptors(
    features: Sequence[ImageFeatures], observations: Observations, by_image: NDArray[np.int64], kept: str
) -> Tensor:
    """Of each observation in the order of the images, or the mean of each landmark."""
    local = torch.cat([found.descriptors for found in features])
    if kept == "each":
        return directions(local[torch.from_numpy(observations.keypoint[by_image])])
    # Sorted by landmark, so that the sums are in a fixed order.
    sums = np.add.reduceat(local[torch.from_numpy(observations.keypoint)].double().numpy(), observations.starts, axis=0)
    return directions(torch.from_numpy(sums))
