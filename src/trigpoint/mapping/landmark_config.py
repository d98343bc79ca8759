"""Settings of maps that hold triangulated keypoints instead of networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trigpoint.core.config import require

KEPT = ("each", "mean")
MATCHERS = ("nearest", "lighterglue")


@dataclass(frozen=True)
class LandmarkConfig:
    """How keypoints become landmarks, and how a query finds them.

    Networks that learn from landmarks (``loss.supervision``) use what concerns matching and triangulation. ``descriptor``,
    ``descriptor_dim``, ``kept`` and ``retrieved`` are for ``method="hierarchical"`` only.

    Attributes:
        descriptor: key in ``DESCRIPTORS``: what finds mapping images that look like a query.
        descriptor_dim: length of that descriptor.
        min_overlap: mapping images whose frusta overlap at least this much may be matched.
        neighbours: images that each mapping image is matched with, evenly chosen from little to much overlap.
        matcher: between mapping images: ``"nearest"`` (mutual nearest neighbours) or ``"lighterglue"`` (XFeat only).
        min_cosine: smallest cosine between the descriptors of a match; 0.82 is what XFeat was published with.
        min_images: images that must see a landmark.
        max_error_px: largest distance of a match to its epipolar line and of a landmark to its keypoints, px of the view.
        min_angle_deg: smallest of the largest angle under which two images see a landmark.
        kept: whether the descriptors of ``"each"`` observation of a landmark are kept, or their ``"mean"``.
        retrieved: mapping images whose landmarks a query is matched with.
    """

    descriptor: str = "vlad"
    descriptor_dim: int = 1024
    min_overlap: float = 0.1
    neighbours: int = 10
    matcher: str = "nearest"
    min_cosine: float = 0.82
    min_images: int = 3
    max_error_px: float = 4.0
    min_angle_deg: float = 2.0
    kept: str = "each"
    retrieved: int = 10

    def __post_init__(self) -> None:
        require(self.matcher in MATCHERS, "landmarks.matcher", self.matcher, " or ".join(MATCHERS))
        require(self.kept in KEPT, "landmarks.kept", self.kept, " or ".join(KEPT))
        for name, least in (("descriptor_dim", 1), ("neighbours", 1), ("retrieved", 1), ("min_images", 2)):
            require(getattr(self, name) >= least, f"landmarks.{name}", getattr(self, name), f"{least} or more")
        require(0 < self.min_overlap <= 1, "landmarks.min_overlap", self.min_overlap, "more than 0, up to 1")
        require(-1 <= self.min_cosine <= 1, "landmarks.min_cosine", self.min_cosine, "-1 to 1")
        require(0 < self.max_error_px < math.inf, "landmarks.max_error_px", self.max_error_px, "more than 0")
        require(0 <= self.min_angle_deg < 180, "landmarks.min_angle_deg", self.min_angle_deg, "0 or more, less than 180")
