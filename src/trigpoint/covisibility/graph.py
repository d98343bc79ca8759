"""Covisibility graph: nodes are images, edges join pairs with overlap >= threshold (R-SCoRe, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from trigpoint.core.errors import MappingError
from trigpoint.core.scene import Scene
from trigpoint.core.tracks import Tracks
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.covisibility.overlap import SAMPLES, Sampling, overlap_scores
from trigpoint.covisibility.tracks import track_scores

Method = Literal["published", "frustum", "tracks"]
METHODS: tuple[Method, ...] = get_args(Method)
# Time grows with the square of the number of images: above this number a quarter of the samples is drawn.
_MANY, _SAMPLES_OF_MANY = 3000, SAMPLES // 4


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """Neighbour lists of all images, each image included in its own, to draw from in training (R-SCoRe, section 3.3).

    Attributes:
        indptr: (N + 1,) int64; the neighbours of image i are ``indices[indptr[i]:indptr[i + 1]]``.
        indices: int64, ascending within each image.
    """

    indptr: Tensor
    indices: Tensor

    def draw(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """One uniformly drawn neighbour of each of (B,) images, which may be the image itself: (B,) int64 indices.

        Args:
            image: (B,) integers below N, on the device of the table.
            generator: on the same device.
        """
        start = self.indptr[image]
        count = self.indptr[image + 1] - start
        fraction = torch.rand(image.shape, generator=generator, dtype=torch.float64, device=self.indptr.device)
        return self.indices[start + (fraction * count).long()]


@dataclass(frozen=True, eq=False)
class CovisibilityGraph:
    """Covisibility graph: nodes are images, edges join pairs with overlap >= threshold.

    Attributes:
        weights: (N, N) symmetric float32 overlaps of the edges, with an empty diagonal and sorted indices. All are at least
            ``threshold``.
        names: of the N images.
        method: ``"published"``, ``"frustum"`` (``overlap_scores``) or ``"tracks"`` (``track_scores``).
        threshold: smallest overlap of an edge.
        depths: the depth range and where it comes from; None where none was needed (``"tracks"``).
        samples: points sampled in each image; 0 where none were.
    """

    weights: sparse.csr_array
    names: tuple[str, ...]
    method: Method
    threshold: float
    depths: DepthRange | None = None
    samples: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @property
    def edges(self) -> int:
        """Number of edges."""
        return self.weights.nnz // 2

    def neighbours(self, image: int) -> NDArray[np.int64]:
        """(K,) ascending indices of the neighbours of one image, without itself."""
        return self.weights.indices[self.weights.indptr[image] : self.weights.indptr[image + 1]].astype(np.int64)

    def degrees(self) -> NDArray[np.int64]:
        """(N,) degrees of the nodes: numbers of neighbours, dimensionless."""
        return np.diff(self.weights.indptr).astype(np.int64)

    def isolated(self) -> NDArray[np.int64]:
        """(K,) ascending indices of the images without neighbours."""
        return np.flatnonzero(self.degrees() == 0)

    def components(self) -> NDArray[np.int64]:
        """(N,) index of the connected component of each image, from 0; an isolated image is a component of its own."""
        from scipy.sparse.csgraph import connected_components

        return connected_components(self.weights, directed=False)[1].astype(np.int64)

    def neighbour_table(self) -> NeighbourTable:
        """The neighbours of every image and itself, as tensors on the CPU."""
        ones = sparse.csr_array(
            (np.ones(self.weights.nnz), self.weights.indices, self.weights.indptr), shape=self.weights.shape
        )
        with_self = sparse.csr_array(ones + sparse.eye_array(len(self), format="csr"))
        with_self.sort_indices()
        return NeighbourTable(
            torch.from_numpy(with_self.indptr.astype(np.int64)), torch.from_numpy(with_self.indices.astype(np.int64))
        )


def build_graph(
    scene: Scene,
    *,
    method: Method = "published",
    threshold: float = 0.2,
    seed: int = 0,
    depths: DepthRange | None = None,
    direction_weight: bool = False,
) -> CovisibilityGraph:
    """The covisibility graph of the posed images of a scene, in the order of ``scene.posed()``.

    Args:
        scene: the mapping images.
        method: ``"published"`` or ``"frustum"``: from poses and cameras (``overlap_scores``); ``"tracks"``: from the points
            of a COLMAP model (``track_scores``).
        threshold: images with at least this overlap are neighbours, above 0 and at most 1. R-SCoRe: 0.2.
        seed: names the samples: 1,024 an image as published, 256 for more than 3,000 images.
        depths: depths at which images see something; None: from the scene (``depth_range``).
        direction_weight: ``"frustum"`` or ``"published"``: multiply by the cosine between the viewing directions.

    Raises:
        MappingError: impossible depths (TP-621); all images from one spot (TP-622); ``"tracks"`` without points (TP-623);
            settings out of range (TP-624); no two images overlap (TP-625).
    """
    if method not in METHODS or not 0 < threshold <= 1:
        raise MappingError(
            "TP-624",
            f"impossible covisibility settings: method '{method}', threshold {threshold:g}",
            fix=f"Methods are {', '.join(METHODS)}; the threshold is above 0 and at most 1.",
        )
    frames = scene.posed()
    names = tuple(frame.name for frame in frames)
    tracks = scene.tracks if method == "tracks" or depths is None else None
    if method == "tracks":
        scores = track_scores(names, _required(tracks, names, scene), floor=threshold)
        depths, samples = None, 0
    else:
        depths = depths or depth_range(frames, tracks, seed)
        samples = SAMPLES if len(frames) <= _MANY else _SAMPLES_OF_MANY
        scores = overlap_scores(
            frames,
            depths,
            method=method,
            floor=threshold,
            sampling=Sampling(samples, seed),
            direction_weight=direction_weight,
        )
    if scores.nnz == 0:
        raise MappingError(
            "TP-625",
            f"no two of the {len(names)} images overlap by {threshold:g} or more",
            where=scene.root,
            fix="Lower overlap.threshold, or take images that see the same things.",
        )
    return CovisibilityGraph(scores, names, method, threshold, depths, samples)


def _required(tracks: Tracks | None, names: tuple[str, ...], scene: Scene) -> Tracks:
    if tracks is None or not any(len(tracks.images[name].point) for name in names):
        raise MappingError(
            "TP-623",
            "this scene has no triangulated points that tell which images see the same",
            where=scene.root,
            fix="Use the overlap 'published' or 'frustum', which need poses only.",
        )
    return tracks
