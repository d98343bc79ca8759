"""What the inlier ratios of right and wrong answers look like in one map."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Negatives:
    """What images of one kind reach that do not belong to the scene.

    Attributes:
        kind: what they are.
        images: how many.
        median_inlier_ratio: of their inlier ratios.
        largest_inlier_ratio: of their inlier ratios.
        bound: inlier ratio that 99 of 100 such images stay below, if their shares are log-normal.
        counted: False for mirrored images of a scene that looks the same in a mirror.
    """

    kind: str
    images: int
    median_inlier_ratio: float
    largest_inlier_ratio: float
    bound: float
    counted: bool = True


@dataclass(frozen=True)
class ValidationImages:
    """How images of the scene are localized that the map has not learned.

    A map of landmarks has seen them; they are only never found when they are looked for themselves.

    Attributes:
        images: how many.
        accepted: how many of them the map trusts.
        median_inlier_ratio: of their inlier ratios.
        low_inlier_ratio: inlier ratio that four in five of those that it trusts reach; 0 if it trusts none.
        error: median distance to their poses, in the unit of the scene; None if most have no pose.
        rotation_error_deg: median angle to their poses.
    """

    images: int
    accepted: int
    median_inlier_ratio: float
    low_inlier_ratio: float
    error: float | None
    rotation_error_deg: float | None


@dataclass(frozen=True)
class Acceptance:
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_inlier_ratio: inlier ratio that an image which does not belong to the scene stays below.
        typical_inlier_ratio: median inlier ratio of the mapping images themselves.
        images: number of mapping images that it was measured with.
        wrong: what was found for each kind of wrong images.
        unseen: what was found for images of the scene that were held out or forgotten, or None.
    """

    noise_inlier_ratio: float
    typical_inlier_ratio: float
    images: int = 0
    wrong: tuple[Negatives, ...] = ()
    validation: ValidationImages | None = None

    @property
    def sure_inlier_ratio(self) -> float:
        """Inlier ratio that settles it: half of what is typical, or what four in five trusted held-out images reach, if that
        is less, but at least twice what wrong images reach.

        Images of another walk or another day reach less than those held out of the same walk, hence the half.
        """
        half = self.typical_inlier_ratio / 2
        if self.validation is None or self.validation.accepted == 0:
            return half
        return min(half, max(self.validation.low_inlier_ratio, 2 * self.noise_inlier_ratio))
