"""Why images could not be placed, in words that a photographer understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MIN_KEYPOINTS = 100
# COLMAP's threshold for a pair of images that show the same thing.
MIN_MATCHES = 15

BLANK, ALONE, APART, UNSURE = "little detail", "no overlap", "another group", "no certain position"
_ADVICE = {
    BLANK: "blurred, dark or plain images: take them again with more light or something to see",
    ALONE: "they show too little of what other images show: take images in between",
    APART: "they overlap among each other, not with the scene: take images that lead from one to the other",
    UNSURE: "repeated patterns, reflections, moving things or too little overlap: take more images around there",
}


@dataclass(frozen=True)
class Unplaced:
    """An image without a pose.

    Attributes:
        name: the image.
        reason: ``"little detail"``, ``"no overlap"``, ``"another group"`` or ``"no certain position"``.
        detail: what was found, with numbers.
    """

    name: str
    reason: str
    detail: str


def account_for(
    names: Sequence[str],
    placed: Collection[int],
    weak: Mapping[int, int],
    keypoints: Mapping[int, int],
    pairs: Mapping[tuple[int, int], int],
) -> list[Unplaced]:
    """The reason for every image that was not placed.

    Args:
        names: name of each image; image ids are positions from 1.
        placed: image ids with a pose.
        weak: image ids placed first and taken out again, with the number of points shared with the others.
        keypoints: number of keypoints by image id.
        pairs: number of matches that agree with one geometry, by pair of image ids.
    """
    overlaps = _Overlaps(names, frozenset(placed), pairs, connected_groups(len(names), pairs))
    return [
        _explain(number, overlaps, keypoints.get(number, 0), weak.get(number))
        for number in range(1, len(names) + 1)
        if number not in placed
    ]


def connected_groups(count: int, pairs: Mapping[tuple[int, int], int]) -> dict[int, int]:
    """For each image id the smallest image id that a chain of verified pairs connects it with."""
    parent = list(range(count + 1))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for (first, second), matches in pairs.items():
        if matches >= MIN_MATCHES:
            low, high = sorted((root(first), root(second)))
            parent[high] = low
    return {number: root(number) for number in range(1, count + 1)}


def largest_group(count: int, pairs: Mapping[tuple[int, int], int]) -> int:
    """Number of images in the largest connected group: the most that can be placed."""
    return max(Counter(connected_groups(count, pairs).values()).values(), default=0)


def summary(unplaced: Sequence[Unplaced]) -> list[str]:
    """One line for each reason: how many images, and what helps."""
    counts = Counter(item.reason for item in unplaced)
    return [f"{counts[reason]} x {reason} ({advice})" for reason, advice in _ADVICE.items() if counts[reason]]


@dataclass(frozen=True)
class _Overlaps:
    """Names, poses, verified pairs and connected groups of all images; see ``account_for``."""

    names: Sequence[str]
    placed: frozenset[int]
    pairs: Mapping[tuple[int, int], int]
    groups: Mapping[int, int]

    def matches_of(self, number: int) -> dict[int, int]:
        """Number of verified matches of an image by the other image."""
        return {sum(pair) - number: count for pair, count in self.pairs.items() if number in pair}


def _explain(number: int, overlaps: _Overlaps, keypoints: int, shared_points: int | None) -> Unplaced:
    """The reason for one image; ``shared_points``: of one that was placed and taken out again."""
    names, placed, all_matches = overlaps.names, overlaps.placed, overlaps.matches_of(number)
    name, matches = names[number - 1], {other: count for other, count in all_matches.items() if count >= MIN_MATCHES}
    if keypoints < MIN_KEYPOINTS and not matches:
        return Unplaced(name, BLANK, f"only {keypoints} keypoints were found, {MIN_KEYPOINTS} or more are usual")
    if not matches:
        best = max(all_matches.values(), default=0)
        text = f"no other image shows the same things for certain (at best {best} of {keypoints} keypoints agree, "
        return Unplaced(name, ALONE, f"{text}{MIN_MATCHES} are needed)")
    others = sorted(matches, key=lambda other: -matches[other])
    if placed and overlaps.groups[number] not in {overlaps.groups[other] for other in placed}:
        text = f"it overlaps only with {len(others)} images that are not connected to the scene either "
        return Unplaced(name, APART, f"{text}(best: {names[others[0] - 1]}, {matches[others[0]]} keypoints agree)")
    near = [other for other in others if other in placed]
    text = f"it overlaps with {len(near)} placed images"
    if near:
        text += f" (best: {names[near[0] - 1]}, {matches[near[0]]} keypoints agree)"
    if shared_points is not None:
        return Unplaced(name, UNSURE, f"{text}, but shares only {shared_points} points with the finished scene")
    return Unplaced(name, UNSURE, f"{text}, but no position explains them")
