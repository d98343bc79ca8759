"""What the inlier shares of right and wrong answers look like in one map."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Negatives:
    """What images of one kind reach that do not belong to the scene.

    Attributes:
        kind: what they are.
        images: how many.
        median_share: of their inlier shares.
        largest_share: of their inlier shares.
        bound: inlier share that 99 of 100 such images stay below, if their shares are log-normal.
        counted: False for mirrored images of a scene that looks the same in a mirror.
    """

    kind: str
    images: int
    median_share: float
    largest_share: float
    bound: float
    counted: bool = True


@dataclass(frozen=True)
class UnseenImages:
    """How images of the scene are localized that the map has not learned.

    A map of landmarks has seen them; they are only never found when they are looked for themselves.

    Attributes:
        images: how many.
        accepted: how many of them the map trusts.
        median_share: of their inlier shares.
        low_share: inlier share that four in five of those that it trusts reach; 0 if it trusts none.
        error: median distance to their poses, in the unit of the scene; None if most have no pose.
        rotation_error_deg: median angle to their poses.
    """

    images: int
    accepted: int
    median_share: float
    low_share: float
    error: float | None
    rotation_error_deg: float | None


@dataclass(frozen=True)
class Calibration:
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_share: inlier share that an image which does not belong to the scene stays below.
        typical_share: median inlier share of the mapping images themselves.
        images: number of mapping images that it was measured with.
        wrong: what was found for each kind of wrong images.
        unseen: what was found for images of the scene that were held out or forgotten, or None.
    """

    noise_share: float
    typical_share: float
    images: int = 0
    wrong: tuple[Negatives, ...] = ()
    unseen: UnseenImages | None = None

    @property
    def sure_share(self) -> float:
        """Inlier share that settles it: half of what is typical, or what four in five trusted held-out images reach, if that
        is less, but at least twice what wrong images reach.

        Images of another walk or another day reach less than those held out of the same walk, hence the half.
        """
        half = self.typical_share / 2
        if self.unseen is None or self.unseen.accepted == 0:
            return half
        return min(half, max(self.unseen.low_share, 2 * self.noise_share))
