"""What the inlier shares of right and wrong answers look like in one map."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_share: inlier share that a photo which does not belong to the place stays below.
        typical_share: median inlier share of the mapping photos themselves.
    """

    noise_share: float
    typical_share: float
