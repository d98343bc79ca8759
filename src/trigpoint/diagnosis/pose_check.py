"""Whether the poses and cameras of a scene fit its images, and if not, in which convention they would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.diagnosis.pose_pairs import pairs_to_compare, partners_of
from trigpoint.diagnosis.two_view import PairMatcher, VerifiedPair
from trigpoint.formats.conventions import CONVENTIONS, reread

_ANCHORS, _PAIRS_OF_ANCHOR = 8, 3
# Medians of right poses were 0.1 to 1.4 px on eight real scenes, those of a device's tracker included, and 1 to 9 px where a
# camera is turned fast; in a wrong convention they are 2 px in few pairs and 5 to 500 px in the others.
FITS_PX, WRONG_PX = 3.0, 10.0
_MIN_PAIRS = 4
_MOST, _HALF, _FEW = 0.75, 0.5, 0.25
_PARTNERS, _MIN_PARTNERS = 4, 3
# Positions that differ by less than this, relative to their coordinates, are the same.
_SAME_SPOT = 1e-9


@dataclass(frozen=True)
class PoseCheck:
    """How well the poses fit the images.

    Attributes:
        median_px: median distance of matches to their epipolar lines, px of images reduced to a short side of 480 px; None
            if no pair of images had enough matches.
        pairs: number of pairs of images with enough matches.
        tried: number of pairs that were looked at.
        telling: number of pairs that tell one convention of poses from another.
        explained: number of these that the poses explain.
        far: number of these whose matches lie far from where the poses say.
        convention: the convention in which the poses explain clearly more of them, or None.
        explained_then: number of telling pairs that they explain then.
        contradicted: whether the poses explain hardly any of the pairs, in no convention.
        wrong_images: names of images that do not fit any of their neighbours, in scenes that fit else.
    """

    median_px: float | None
    pairs: int
    tried: int
    telling: int = 0
    explained: int = 0
    far: int = 0
    convention: str | None = None
    explained_then: int = 0
    contradicted: bool = False
    wrong_images: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the poses explain most of what was compared, or are not far from it, or too little could be compared.

        Poses of a device that are late by some milliseconds are a few pixels off, in no other convention less. Where rooms
        look alike, many pairs show two rooms and are far off, while the poses explain the others.
        """
        if self.telling < _MIN_PAIRS or self.explained >= _HALF * self.telling:
            return True
        return self.convention is None and (self.far < _HALF * self.telling or self.explained > _FEW * self.telling)


@dataclass(frozen=True, eq=False)
class _Compared:
    """A pair of images and what is wrong with it in each convention.

    Attributes:
        pair: their matches.
        distance_px: from epipolar lines, as the poses were read.
        errors_px: the same for each convention, the one that they were read in first; infinite with points behind cameras.
    """

    pair: VerifiedPair
    distance_px: float
    errors_px: dict[str, float]

    @property
    def given_px(self) -> float:
        return next(iter(self.errors_px.values()))

    @property
    def telling(self) -> bool:
        """Whether it tells conventions apart. Matrices to and from the world explain the same where nothing turns."""
        return any(error > FITS_PX for error in self.errors_px.values())


def check_poses(frames: Sequence[Frame], stored: str, *, anchors: int = _ANCHORS) -> PoseCheck:
    """Match some images with others and compare with the poses, as they are and in other conventions. Takes seconds.

    Args:
        frames: posed frames, sorted by name.
        stored: the convention that their poses were read in, a key of ``CONVENTIONS``.
        anchors: number of images to find partners for; so many pairs settle it when all of them say the same.
    """
    if len(frames) < 2:
        return PoseCheck(None, 0, 0)
    poses = [frame.pose() for frame in frames]
    matcher = PairMatcher(frames)
    read = {stored: poses} | {name: [reread(pose, stored, name) for pose in poses] for name in CONVENTIONS if name != stored}
    compared: list[_Compared] = []
    tried = 0
    for first, second in pairs_to_compare(poses, anchors)[: _PAIRS_OF_ANCHOR * anchors]:
        tried += 1
        pair = matcher.pair(first, second)
        if pair is not None:
            errors_px = {name: _error_px(pair, listed) for name, listed in read.items()}
            compared.append(_Compared(pair, pair.distance_px(_relative(pair, poses)), errors_px))
        telling = [item for item in compared if item.telling]
        if len(telling) >= anchors and _explained(telling, stored) in (0, len(telling)):
            break
    return _judged(frames, poses, matcher, compared, tried)


def _error_px(pair: VerifiedPair, poses: Sequence[Pose]) -> float:
    relative = _relative(pair, poses)
    return np.inf if pair.is_behind(relative) else pair.distance_px(relative)


def summed(checks: Sequence[PoseCheck]) -> PoseCheck:
    """The checks of one or several scenes as one; of several, the conventions are left out, as each has its own."""
    if len(checks) == 1:
        return checks[0]
    off_px = [check.median_px for check in checks if check.median_px is not None]
    return PoseCheck(
        median_px=float(np.median(off_px)) if off_px else None,
        pairs=sum(check.pairs for check in checks),
        tried=sum(check.tried for check in checks),
        telling=sum(check.telling for check in checks),
        explained=sum(check.explained for check in checks),
        far=sum(check.far for check in checks),
        contradicted=any(check.contradicted for check in checks),
        wrong_images=tuple(name for check in checks for name in check.wrong_images),
    )


def _relative(pair: VerifiedPair, poses: Sequence[Pose]) -> Pose:
    """``second_from_first``; what is left of equal positions after some arithmetic has no direction and becomes 0."""
    relative = poses[pair.second] @ poses[pair.first].inverse()
    reach = max(1.0, float(np.abs(poses[pair.first].translation).max()))
    moved = float(np.abs(relative.translation).max()) > _SAME_SPOT * reach
    return relative if moved else Pose(relative.rotation, np.zeros(3))


def _explained(compared: Sequence[_Compared], convention: str, limit_px: float = FITS_PX) -> int:
    return sum(item.errors_px[convention] <= limit_px for item in compared)


def _judged(
    frames: Sequence[Frame], poses: Sequence[Pose], matcher: PairMatcher, compared: Sequence[_Compared], tried: int
) -> PoseCheck:
    if not compared:
        return PoseCheck(None, 0, tried)
    stored, *others = compared[0].errors_px
    telling = [item for item in compared if item.telling]
    check = PoseCheck(
        median_px=float(np.median([item.distance_px for item in compared])),
        pairs=len(compared),
        tried=tried,
        telling=len(telling),
        explained=_explained(telling, stored),
        far=sum(item.given_px > WRONG_PX for item in telling),
    )
    if len(telling) >= _MIN_PAIRS and check.explained < _HALF * len(telling):
        return _named(check, telling, others)
    wrong = _wrong_images(poses, matcher, compared)
    return replace(check, wrong_images=tuple(frames[index].name for index in wrong))


def _named(check: PoseCheck, telling: Sequence[_Compared], others: Sequence[str]) -> PoseCheck:
    """The check with the convention that explains clearly more, or with the word that none does."""
    most = _MOST * len(telling)
    contradicted = check.explained <= _FEW * len(telling) and check.far >= most
    # Where hardly a pair is near the poses, one in which most pairs are near will do: few may be exact in the right one.
    for limit_px in (FITS_PX, WRONG_PX) if contradicted else (FITS_PX,):
        counts = {name: _explained(telling, name, limit_px) for name in others}
        best, second = sorted(counts, key=lambda name: -counts[name])[:2]
        clear = limit_px == FITS_PX or counts[second] < _HALF * len(telling)
        if clear and counts[best] >= max(most, check.explained + _MIN_PAIRS - 1):
            return replace(check, convention=best, explained_then=counts[best])
    return replace(check, contradicted=contradicted)


def _wrong_images(poses: Sequence[Pose], matcher: PairMatcher, compared: Sequence[_Compared]) -> list[int]:
    """Images of pairs that do not fit, which fit none of their nearest images either.

    One pair alone proves nothing: things that look alike, such as the windows of a facade, give matches that agree with
    each other and not with the poses.
    """
    suspects = {index for item in compared if item.given_px > WRONG_PX for index in (item.pair.first, item.pair.second)}
    fine = {index for item in compared if item.given_px <= FITS_PX for index in (item.pair.first, item.pair.second)}
    result: list[int] = []
    for suspect in sorted(suspects - fine):
        pairs = [
            pair
            for other in partners_of(poses, suspect, _PARTNERS)
            if (pair := matcher.pair(min(suspect, other), max(suspect, other))) is not None
        ]
        if len(pairs) >= _MIN_PARTNERS and all(_error_px(pair, poses) > WRONG_PX for pair in pairs):
            result.append(suspect)
    return result
