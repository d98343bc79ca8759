"""Settings of triangulated keypoints: how they are made, and how a map keeps them as landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from trigpoint.core.config import Range, Settings

MatcherName = Literal["nearest", "lighterglue"]


@dataclass(frozen=True)
class TriangulationConfig(Settings):
    """How keypoints of the mapping images are matched and triangulated, for landmarks and for networks that learn from them.

    Attributes:
        neighbours: images that each mapping image is matched with, evenly chosen from little to much overlap.
        matcher: between mapping images: ``"nearest"`` (mutual nearest neighbours) or ``"lighterglue"`` (XFeat only).
        min_images: images that must see a point.
    """

    neighbours: Annotated[int, Range(1)] = 10
    matcher: MatcherName = "nearest"
    min_images: Annotated[int, Range(2)] = 3


@dataclass(frozen=True)
class HierarchicalConfig(Settings):
    """All landmarks; a query is matched with those that mapping images see which look like it.

    Attributes:
        descriptor: key in ``DESCRIPTORS``, or ``"supergf:FILE"``: what finds mapping images that look like a query.
        descriptor_dim: length of that descriptor.
        local_descriptors: those of ``"each"`` observation of a landmark, or their ``"mean"``.
    """

    kind: Literal["hierarchical"] = "hierarchical"
    descriptor: str = "vlad"
    descriptor_dim: Annotated[int, Range(1)] = 1024
    local_descriptors: Literal["each", "mean"] = "each"


# What a map file holds beside its landmarks: the recipe, the acceptance and the names of tensors, and for each image what it
# is known again by.
_OTHER_BYTES, _BYTES_PER_IMAGE = 4000, 32


@dataclass(frozen=True)
class DirectConfig(Settings):
    """Few landmarks with descriptors of one bit a number; a query is matched with all of them.

    Attributes:
        budget_kb: largest size of the map file, in 1,000 bytes; None: 64, or 1 for each image where that is more.
    """

    kind: Literal["direct"] = "direct"
    budget_kb: Annotated[int, Range(8)] | None = None

    def budget_for(self, images: int) -> int:
        """The budget for a scene with so many mapping images, in units of 1,000 bytes."""
        return max(64, images) if self.budget_kb is None else self.budget_kb

    def landmark_bytes(self, images: int) -> int:
        """What the budget leaves for the landmarks of a scene with so many mapping images."""
        return 1000 * self.budget_for(images) - _OTHER_BYTES - _BYTES_PER_IMAGE * images


LandmarkConfig = HierarchicalConfig | DirectConfig
