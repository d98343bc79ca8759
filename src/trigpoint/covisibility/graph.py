"""The covisibility graph: photos are nodes, photos that see the same things are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from trigpoint.core.errors import MappingError
from trigpoint.core.scene import Scene
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.covisibility.overlap import overlap_scores
from trigpoint.covisibility.tracks import track_overlap
from trigpoint.data.colmap_tracks import read_tracks


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """The neighbours of every photo, itself included, in the layout of a sparse matrix.

    Attributes:
        indptr: (N + 1,) int64: the neighbours of photo i are ``indices[indptr[i]:indptr[i + 1]]``.
        indices: (E,) int64.
    """

    indptr: Tensor
    indices: Tensor

    def draw(self, photo: Tensor, generator: torch.Generator) -> Tensor:
        """For (B,) photos one uniformly drawn neighbour each, which may be the photo itself (R-SCoRe, released code)."""
        first = self.indptr[photo]
        count = self.indptr[photo + 1] - first
        # In float64, so that the product stays below the count.
        chosen = torch.rand(len(photo), generator=generator, dtype=torch.float64) * count
        return self.indices[first + chosen.long()]


@dataclass(frozen=True, eq=False)
class CovisibilityGraph:
    """Which of N photos see the same things.

    Attributes:
        overlap: (N, N) float32 CSR, symmetric, without diagonal; entries are at least ``threshold``.
        method: how overlap was measured.
        threshold: smaller overlaps are no edges.
        depths: the depths between which photos were taken to see something; None for tracks.
    """

    overlap: sparse.csr_array
    method: str
    threshold: float
    depths: DepthRange | None

    def __len__(self) -> int:
        return self.overlap.shape[0]

    @property
    def edges(self) -> int:
        """Number of joined pairs."""
        return self.overlap.nnz // 2

    def neighbours(self, photo: int) -> NDArray[np.int64]:
        """Indices of the photos that share a view with one, ascending, without itself."""
        row = slice(self.overlap.indptr[photo], self.overlap.indptr[photo + 1])
        return np.sort(self.overlap.indices[row]).astype(np.int64)

    def isolated(self) -> NDArray[np.int64]:
        """Indices of the photos without a neighbour."""
        return np.flatnonzero(np.diff(self.overlap.indptr) == 0)

    def components(self) -> NDArray[np.int64]:
        """(N,) number of the connected component of each photo."""
        return sparse.csgraph.connected_components(self.overlap, directed=False)[1].astype(np.int64)

    def neighbour_table(self) -> NeighbourTable:
        """The neighbours of every photo, itself included."""
        size = len(self)
        joined = sparse.csr_array(self.overlap + sparse.eye_array(size, dtype=np.float32, format="csr"))
        joined.sort_indices()
        return NeighbourTable(
            torch.from_numpy(joined.indptr.astype(np.int64)), torch.from_numpy(joined.indices.astype(np.int64))
        )


def build_graph(
    scene: Scene,
    *,
    method: str = "published",
    threshold: float = 0.2,
    direction_weight: bool = False,
    depths: DepthRange | None = None,
    seed: int = 0,
) -> CovisibilityGraph:
    """Measure the overlap of all pairs of photos and keep those that reach the threshold.

    Args:
        scene: N frames, all with poses.
        method: ``"published"`` or ``"frustum"`` (see ``overlap_scores``), or ``"tracks"``: the triangulated points that two
            photos share (see ``track_overlap``).
        threshold: smallest overlap of an edge, 0 to 1.
        direction_weight: multiply by the cosine between the viewing directions; not for tracks.
        depths: depths between which photos see something; None: from the points of the scene, otherwise from the poses.
        seed: of the samples.

    Raises:
        MappingError: tracks are asked for and the scene has none (TP-622).
    """
    frames = scene.frames
    tracks = read_tracks(scene)
    if method == "tracks":
        if tracks is None:
            raise MappingError(
                "TP-622",
                "overlap from tracks needs a COLMAP model with points",
                where=scene.root,
                fix="Measure overlap from poses: --set global_encoding.overlap=frustum.",
            )
        return CovisibilityGraph(track_overlap(frames, tracks, floor=threshold), method, threshold, None)
    if depths is None:
        depths = depth_range(frames, tracks, seed)
    overlap = overlap_scores(frames, depths, method=method, floor=threshold, direction_weight=direction_weight, seed=seed)
    return CovisibilityGraph(overlap, method, threshold, depths)
