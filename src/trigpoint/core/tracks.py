"""Triangulated points of a scene and their observations in the images, as structure from motion leaves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observations:
    """The 3D points that one image observes.

    Attributes:
        point: (n,) int64 indices into ``Tracks.points``, ascending; a point observed twice occurs twice.
        image_px: (n, 2) float64 positions in the image, px, distortion included; (0.5, 0.5) is the first pixel's centre.
    """

    point: NDArray[np.int64]
    image_px: Array

    @staticmethod
    def none() -> Observations:
        """The observations of an image that observes nothing: arrays of shapes (0,) and (0, 2), px."""
        return Observations(np.zeros(0, dtype=np.int64), np.zeros((0, 2)))


@dataclass(frozen=True, eq=False)
class Tracks:
    """Triangulated points and the images that observe them.

    Attributes:
        points: (M, 3) float64 points in the world frame of the scene, in its unit.
        error_px: (M,) float64 mean reprojection errors, px; NaN where they are unknown.
        images: observations of each image of the scene by frame name; frames without observations have empty ones.
    """

    points: Array
    error_px: Array
    images: Mapping[str, Observations]

    def moved(self, scale: float, offset: ArrayLike) -> Tracks:
        """The tracks in another world frame: points become ``scale * points + offset``, with a (3,) offset in its unit."""
        return replace(self, points=scale * self.points + np.asarray(offset, dtype=np.float64))

    def resized(self, scales: Mapping[str, tuple[float, float]]) -> Tracks:
        """The tracks for resized images: positions in the named images are scaled by these factors of width and height.

        Errors, in px, are scaled by the mean of all factors: how much each image contributed is not known.
        """
        images = {
            name: replace(item, image_px=item.image_px * scales[name]) if name in scales else item
            for name, item in self.images.items()
        }
        mean = float(np.mean([scales.get(name, (1.0, 1.0)) for name in self.images])) if self.images else 1.0
        return replace(self, error_px=self.error_px * mean, images=images)


class TrackSource:
    """Tracks that are read when they are first asked for: a model may hold millions of points that few recipes use.

    Args:
        read: gives the tracks; None where the model has no points.
        files: the files that ``read`` depends on, so that a build notices when they change.
    """

    def __init__(self, read: Callable[[], Tracks | None], files: Sequence[Path] = ()) -> None:
        self.read = read
        self.files = tuple(files)

    @cached_property
    def tracks(self) -> Tracks | None:
        """The tracks, read once. Raises as the reader of the format."""
        return self.read()

    def resized(self, scales: Mapping[str, tuple[float, float]]) -> TrackSource:
        """The tracks as ``Tracks.resized`` gives them, read when they are asked for."""

        def read() -> Tracks | None:
            tracks = self.read()
            return None if tracks is None else tracks.resized(scales)

        return TrackSource(read, self.files)


def joined_tracks(parts: Sequence[Tracks | None], names: Sequence[Sequence[str]], prefixes: Sequence[str]) -> Tracks | None:
    """The tracks of several scenes in one world frame as those of one scene.

    Args:
        parts: tracks of each scene, already in the common world frame; None for a scene without points.
        names: names of the images of each scene.
        prefixes: what the names of each scene begin with in the joint scene.

    Returns:
        None if no part has points.
    """
    images: dict[str, Observations] = {}
    points: list[Array] = []
    errors_px: list[Array] = []
    count = 0
    for tracks, frame_names, prefix in zip(parts, names, prefixes, strict=True):
        for name in frame_names:
            observations = Observations.none() if tracks is None else tracks.images.get(name, Observations.none())
            images[prefix + name] = replace(observations, point=observations.point + count)
        if tracks is not None:
            points.append(tracks.points)
            errors_px.append(tracks.error_px)
            count += len(tracks.points)
    return Tracks(np.concatenate(points), np.concatenate(errors_px), images) if points else None
