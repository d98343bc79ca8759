"""Settings of global encodings: what a network is told about the image as a whole, beside each local descriptor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trigpoint.core.config import Range, Settings, require

# Each costs a query a pass through the network.
MAX_HYPOTHESES = 10_000


@dataclass(frozen=True)
class DescriptorEncoding(Settings):
    """The retrieval descriptor of an image, with feature diffusion (GLACE).

    Attributes:
        dim: length of the encoding.
        descriptor: key in ``DESCRIPTORS``, or ``"supergf:FILE"``.
        noise: standard deviation of the feature diffusion (GLACE, Eq. 5).
    """

    kind: Literal["descriptor"] = "descriptor"
    dim: Annotated[int, Range(1)] = 256
    descriptor: str = "vlad"
    noise: Annotated[float, Range(0)] = 0.1


@dataclass(frozen=True)
class PoseOverlap(Settings):
    """Overlap of images by where they see the same space, from poses and cameras.

    Attributes:
        kind: ``"published"`` (R-SCoRe's released code) or ``"frustum"`` (samples scaled by depth).
        direction_weight: whether it is multiplied by the cosine between the viewing directions.
        depths: nearest and furthest depth at which images see something, in units of the scene (R-SCoRe: up to 8 m in
            rooms, 50 m outdoors); None: from the data.
        threshold: images with at least this overlap are neighbours.
        min_neighbours: where the threshold gives images fewer than this on average it is halved, several times if need be;
            0: only where no two images overlap that much.
    """

    kind: Literal["published", "frustum"] = "published"
    direction_weight: bool = False
    depths: tuple[float, float] | None = None
    threshold: Annotated[float, Range(0, 1, open_low=True)] = 0.2
    min_neighbours: Annotated[float, Range(0)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = self.depths is None or 0 < self.depths[0] < self.depths[1]
        require(fits, "overlap.depths", self.depths, "nearest and furthest depth, such as [0.1, 8]")


@dataclass(frozen=True)
class TrackOverlap(Settings):
    """Overlap of images by the triangulated points that they share.

    Attributes:
        threshold, min_neighbours: as those of ``PoseOverlap``.
    """

    kind: Literal["tracks"] = "tracks"
    threshold: Annotated[float, Range(0, 1, open_low=True)] = 0.2
    min_neighbours: Annotated[float, Range(0)] = 0.0


Overlap = PoseOverlap | TrackOverlap


@dataclass(frozen=True)
class NodeEncoding(Settings):
    """Node embeddings of the covisibility graph, with neighbour sampling (R-SCoRe).

    Attributes:
        dim: length of the encoding.
        embedding: ``"node2vec"``, with walks that converge on a CPU, ``"node2vec-published"``: R-SCoRe's, hundreds of times
            as many, or ``"spectral"`` (closed form).
        overlap: how covisibility is measured, and which images are neighbours.
        neighbour_fraction: fraction of each batch that gets the embedding of a neighbour.
        descriptor: key in ``DESCRIPTORS``, or ``"supergf:FILE"``: what finds the mapping images whose embeddings are tried
            for a query.
        descriptor_dim: length of that descriptor.
        hypotheses: embeddings that are tried for a query.
        min_images: scenes with fewer images are mapped without a global encoding.
    """

    kind: Literal["node-embedding"] = "node-embedding"
    dim: Annotated[int, Range(1)] = 256
    embedding: Literal["node2vec", "node2vec-published", "spectral"] = "node2vec"
    overlap: Overlap = field(default_factory=PoseOverlap)
    neighbour_fraction: Annotated[float, Range(0, 1)] = 0.5
    descriptor: str = "vlad"
    descriptor_dim: Annotated[int, Range(1)] = 256
    hypotheses: Annotated[int, Range(1, MAX_HYPOTHESES)] = 10
    min_images: Annotated[int, Range(0)] = 0


GlobalEncoding = DescriptorEncoding | NodeEncoding
