"""Why images could not be registered, in words that a photographer understands."""

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
class Unregistered:
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
    registered: Collection[int],
    weak: Mapping[int, int],
    keypoints: Mapping[int, int],
    pairs: Mapping[tuple[int, int], int],
) -> list[Unregistered]:
    """The reason for every image that was not registered.

    Args:
        names: name of each image; image ids are positions from 1.
        registered: image ids with a pose.
        weak: image ids registered first and taken out again, with the number of points shared with the others.
        keypoints: number of keypoints by image id.
        pairs: number of matches that agree with one geometry, by pair of image ids.
    """
    overlaps = _Overlaps(names, frozenset(registered), pairs, connected_groups(len(names), pairs))
    return [
        _explain(number, overlaps, keypoints.get(number, 0), weak.get(number))
        for number in range(1, len(names) + 1)
        if number not in registered
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
    """Number of images in the largest connected group: the most that can be registered."""
    return max(Counter(connected_groups(count, pairs).values()).values(), default=0)


def summary(unregistered: Sequence[Unregistered]) -> list[str]:
    """One line for each reason: how many images, and what helps."""
    counts = Counter(item.reason for item in unregistered)
    return [f"{counts[reason]} x {reason} ({advice})" for reason, advice in _ADVICE.items() if counts[reason]]


@dataclass(frozen=True)
class _Overlaps:
    """Names, poses, verified pairs and connected groups of all images; see ``account_for``."""

    names: Sequence[str]
    registered: frozenset[int]
    pairs: Mapping[tuple[int, int], int]
    groups: Mapping[int, int]

    def matches_of(self, number: int) -> dict[int, int]:
        """Number of verified matches of an image by the other image."""
        return {sum(pair) - number: count for pair, count in self.pairs.items() if number in pair}


def _explain(number: int, overlaps: _Overlaps, keypoints: int, shared_points: int | None) -> Unregistered:
    """The reason for one image; ``shared_points``: of one that was registered and taken out again."""
    names, registered, all_matches = overlaps.names, overlaps.registered, overlaps.matches_of(number)
    name, matches = names[number - 1], {other: count for other, count in all_matches.items() if count >= MIN_MATCHES}
    if keypoints < MIN_KEYPOINTS and not matches:
        return Unregistered(name, BLANK, f"only {keypoints} keypoints were found, {MIN_KEYPOINTS} or more are usual")
    if not matches:
        best = max(all_matches.values(), default=0)
        text = f"no other image shows the same things for certain (at best {best} of {keypoints} keypoints agree, "
        return Unregistered(name, ALONE, f"{text}{MIN_MATCHES} are needed)")
    others = sorted(matches, key=lambda other: -matches[other])
    if registered and overlaps.groups[number] not in {overlaps.groups[other] for other in registered}:
        text = f"it overlaps only with {len(others)} images that are not connected to the scene either "
        return Unregistered(name, APART, f"{text}(best: {names[others[0] - 1]}, {matches[others[0]]} keypoints agree)")
    near = [other for other in others if other in registered]
    text = f"it overlaps with {len(near)} registered images"
    if near:
        text += f" (best: {names[near[0] - 1]}, {matches[near[0]]} keypoints agree)"
    if shared_points is not None:
        return Unregistered(name, UNSURE, f"{text}, but shares only {shared_points} points with the finished scene")
    return Unregistered(name, UNSURE, f"{text}, but no position explains them")
