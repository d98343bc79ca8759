"""What the inlier shares of right and wrong answers look like in one map."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WrongPhotos:
    """What photos of one kind reach that do not belong to the place.

    Attributes:
        kind: what they are.
        photos: how many.
        median_share: of their inlier shares.
        largest_share: of their inlier shares.
        bound: inlier share that 99 of 100 such photos stay below, if their shares are log-normal.
        counted: False for mirrored photos of a place that looks the same in a mirror.
    """

    kind: str
    photos: int
    median_share: float
    largest_share: float
    bound: float
    counted: bool = True


@dataclass(frozen=True)
class Calibration:
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_share: inlier share that a photo which does not belong to the place stays below.
        typical_share: median inlier share of the mapping photos themselves.
        photos: number of mapping photos that it was measured with.
        wrong: what was found for each kind of wrong photos.
    """

    noise_share: float
    typical_share: float
    photos: int = 0
    wrong: tuple[WrongPhotos, ...] = ()
