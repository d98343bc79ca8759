"""Keypoints of posed photos as rays, the matches between them, and the tracks that the matches form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.core.scene import Frame
from trigpoint.features.extract import PhotoFeatures, rays_of
from trigpoint.mapping.normalization import Normalization

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PosedKeypoints:
    """The keypoints of P photos, one photo after the other.

    Attributes:
        first: (P + 1,) keypoints of photo p are ``first[p]`` up to ``first[p + 1]``.
        rays: (K, 2) directions x/z, y/z in the camera; NaN where the camera model has none.
        focal_px: (P, 2) focal lengths in px of the view, so that errors mean the same for every photo size.
        cam_from_place: (P, 3, 4) from the normalised frame to the cameras, in its unit.
    """

    first: Indices
    rays: Array
    focal_px: Array
    cam_from_place: Array

    @staticmethod
    def of(frames: Sequence[Frame], features: Sequence[PhotoFeatures], normalization: Normalization) -> PosedKeypoints:
        """From frames with poses and their local features, in the same order."""
        first = np.cumsum([0, *(len(found) for found in features)])
        pairs = list(zip(frames, features, strict=True))
        rays = np.concatenate([rays_of(frame.camera, found.image_px) for frame, found in pairs])
        focal = np.array([np.array(frame.camera.pinhole_params()[:2]) * found.scale for frame, found in pairs])
        cameras = np.array([normalization.cam_from_normalized(frame.pose()) for frame in frames])
        return PosedKeypoints(first, rays, focal, cameras)

    @property
    def photo(self) -> Indices:
        """(K,) photo of each keypoint."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def centres(self) -> Array:
        """(P, 3) camera centres in the normalised frame."""
        return -np.einsum("pji,pj->pi", self.cam_from_place[:, :, :3], self.cam_from_place[:, :, 3])

    def epipolar_errors_px(self, a: int, b: int, pairs: Indices) -> Array:
        """(M,) distances of matches between photos ``a`` and ``b`` to their epipolar lines, px, the larger of both photos.

        Args:
            a: index of a photo.
            b: index of a photo taken from another spot.
            pairs: (M, 2) keypoints, counted within each photo.
        """
        rotation = self.cam_from_place[b, :, :3] @ self.cam_from_place[a, :, :3].T
        shift = self.cam_from_place[b, :, 3] - rotation @ self.cam_from_place[a, :, 3]
        x, y, z = shift / max(float(np.linalg.norm(shift)), 1e-12)
        essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
        in_a, in_b = (
            np.column_stack([self.rays[self.first[photo] + pairs[:, side]], np.ones(len(pairs))])
            for side, photo in enumerate((a, b))
        )
        lines_b, lines_a = in_a @ essential.T, in_b @ essential
        off = np.abs((lines_b * in_b).sum(axis=1))
        lengths = [
            np.linalg.norm(lines[:, :2] / self.focal_px[photo], axis=1) for lines, photo in ((lines_a, a), (lines_b, b))
        ]
        return off / np.maximum(np.minimum(*lengths), 1e-12)


@dataclass(frozen=True, eq=False)
class Sightings:
    """Which keypoints belong to which track, sorted by track and then by keypoint.

    Attributes:
        track: (O,) numbers of tracks without gaps, ascending.
        keypoint: (O,) index among all keypoints.
        photo: (O,) photo of that keypoint.
    """

    track: Indices
    keypoint: Indices
    photo: Indices

    def __len__(self) -> int:
        return len(self.track)

    @property
    def tracks(self) -> int:
        """Number of tracks."""
        return int(self.track[-1]) + 1 if len(self.track) else 0

    @property
    def starts(self) -> Indices:
        """(T,) where each track begins."""
        return np.flatnonzero(np.diff(self.track, prepend=-1))

    def select(self, kept: NDArray[np.bool_]) -> Sightings:
        """The sightings that are kept, with tracks numbered anew."""
        return Sightings(np.unique(self.track[kept], return_inverse=True)[1], self.keypoint[kept], self.photo[kept])


def join_tracks(matches: Indices, photo: Indices) -> Sightings:
    """Connected components of matched keypoints. One with two keypoints in one photo mixes different things: left out.

    Args:
        matches: (M, 2) pairs of keypoints, counted over all photos.
        photo: (K,) photo of each keypoint.
    """
    count = len(photo)
    joined = sparse.coo_array((np.ones(len(matches), dtype=np.int8), (matches[:, 0], matches[:, 1])), shape=(count, count))
    label = sparse.csgraph.connected_components(joined.tocsr(), directed=False)[1].astype(np.int64)
    size = np.bincount(label, minlength=1)
    keypoint = np.flatnonzero(size[label] > 1)
    keypoint = keypoint[np.argsort(label[keypoint], kind="stable")]
    sightings = Sightings(label[keypoint], keypoint, photo[keypoint])
    # Keypoints are ordered by photo, so two of one photo stand beside each other.
    twice = (np.diff(sightings.track) == 0) & (np.diff(sightings.photo) == 0)
    mixed = np.isin(sightings.track, sightings.track[1:][twice])
    return sightings.select(~mixed)
