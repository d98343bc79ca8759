"""Acceptance: the inlier ratios of right answers and of negatives in one map, which the verdict compares with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trigpoint.core.config import POSITIVE, Range, Settings

InlierRatio = Annotated[float, Range(0, 1)]

# A map in which more than this fraction of trusted answers to images with known poses are wrong is not trusted. One image
# may have a wrong pose in the scene itself, so a single one only counts where no other is trusted.
_LARGEST_WRONG_FRACTION = 0.2
# A map that is sure of fewer of them is of little use.
_SMALLEST_ACCEPTED_FRACTION = 0.5


@dataclass(frozen=True)
class Negatives(Settings):
    """Inlier ratios of out-of-map images of one kind.

    Attributes:
        kind: what they are.
        images: how many.
        median_inlier_ratio: of their inlier ratios.
        largest_inlier_ratio: of their inlier ratios.
        bound: inlier ratio that 99 of 100 such images stay below, if their inlier ratios are log-normal.
        counted: False for mirrored images of a scene that looks the same in a mirror.
    """

    kind: str
    images: Annotated[int, Range(0)]
    median_inlier_ratio: InlierRatio
    largest_inlier_ratio: InlierRatio
    bound: InlierRatio
    counted: bool = True


@dataclass(frozen=True)
class ValidationImages(Settings):
    """How images of the scene are localized, whose poses are known.

    Attributes:
        images: how many.
        accepted: how many of them the map trusts.
        median_inlier_ratio: of their inlier ratios.
        low_inlier_ratio: inlier ratio that four in five of those that it trusts reach; 0 if it trusts none.
        error: median distance to their poses, in the unit of the scene; None if most have no pose.
        rotation_error_deg: median angle to their poses.
        wrong: how many of those that it trusts are farther from their poses than ``Acceptance.tolerance`` or 10 deg.
    """

    images: Annotated[int, Range(0)]
    accepted: Annotated[int, Range(0)]
    median_inlier_ratio: InlierRatio
    low_inlier_ratio: InlierRatio
    error: Annotated[float, Range(0)] | None
    rotation_error_deg: Annotated[float, Range(0, 180)] | None
    wrong: Annotated[int, Range(0)] = 0


@dataclass(frozen=True)
class Acceptance(Settings):
    """Measured while the map is built, kept in the map.

    Attributes:
        noise_inlier_ratio: inlier ratio that an out-of-map image stays below; above it false accepts are rare.
        typical_inlier_ratio: median inlier ratio of the mapping images themselves.
        images: number of mapping images that it was measured with.
        negatives: what was found for each kind of out-of-map images.
        validation: what was found for images of the scene that were held out or forgotten, or None.
        mapping: what was found for mapping images as they are, in maps that cannot forget them, or None.
        error_scale: how many times the usual, for maps of its kind, poses in this map are off; 1 or more.
        tolerance: distance beyond which a pose is wrong for every use, in the unit of the scene; None if unknown.
    """

    noise_inlier_ratio: InlierRatio
    typical_inlier_ratio: InlierRatio
    images: Annotated[int, Range(0)] = 0
    negatives: tuple[Negatives, ...] = ()
    validation: ValidationImages | None = None
    mapping: ValidationImages | None = None
    error_scale: Annotated[float, Range(1)] = 1.0
    tolerance: Annotated[float, POSITIVE] | None = None

    @property
    def sure_inlier_ratio(self) -> float:
        """Inlier ratio that settles it: half of what is typical, or what four in five trusted validation images reach, if
        that is less, but at least twice what negatives reach.

        Images of another walk or another day reach less than those held out of the same walk, hence the half.
        """
        half = self.typical_inlier_ratio / 2
        if self.validation is None or self.validation.accepted == 0:
            return half
        return min(half, max(self.validation.low_inlier_ratio, 2 * self.noise_inlier_ratio))

    @property
    def misled(self) -> ValidationImages | None:
        """The images of the scene by which the map proves that its trust is worth nothing: held out, or mapping images."""
        for found in (self.validation, self.mapping):
            if found is None or found.wrong <= _LARGEST_WRONG_FRACTION * found.accepted:
                continue
            if found.wrong > 1 or found.accepted == 1:
                return found
        return None

    @property
    def lost(self) -> ValidationImages | None:
        """The images of the scene most of which the map is not sure of, or None."""
        for found in (self.validation, self.mapping):
            if found is not None and found.accepted < _SMALLEST_ACCEPTED_FRACTION * found.images:
                return found
        return None
