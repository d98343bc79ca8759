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
class UnseenPhotos:
    """How photos of the place are localized that the map has not learned.

    Attributes:
        photos: how many.
        accepted: how many of them the map trusts.
        median_share: of their inlier shares.
        low_share: inlier share that four in five of them reach.
        error: median distance to their poses, in the unit of the place; None if most have no pose.
        rotation_error_deg: median angle to their poses.
    """

    photos: int
    accepted: int
    median_share: float
    low_share: float
    error: float | None
    rotation_error_deg: float | None


@dataclass(frozen=True)
class Calibration:
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_share: inlier share that a photo which does not belong to the place stays below.
        typical_share: median inlier share of the mapping photos themselves.
        photos: number of mapping photos that it was measured with.
        wrong: what was found for each kind of wrong photos.
        unseen: what was found for photos of the place that were held out, or None.
    """

    noise_share: float
    typical_share: float
    photos: int = 0
    wrong: tuple[WrongPhotos, ...] = ()
    unseen: UnseenPhotos | None = None

    @property
    def sure_share(self) -> float:
        """Inlier share that settles it: what four in five held-out photos reach, half of what is typical at most.

        Photos of another walk or another day reach less than those held out of the same walk, hence the half.
        """
        half = self.typical_share / 2
        return half if self.unseen is None else min(half, self.unseen.low_share)
