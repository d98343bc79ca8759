"""Keypoints of posed images as rays, the matches between them, and the tracks that the matches form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.core.scene import Frame
from trigpoint.features.extract import ImageFeatures, rays_of
from trigpoint.mapping.normalization import Normalization

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
# Keypoints whose common matches are counted at a time.
_BLOCK = 50_000


@dataclass(frozen=True, eq=False)
class PosedKeypoints:
    """The keypoints of P images, one image after the other.

    Attributes:
        first: (P + 1,) keypoints of image p are ``first[p]`` up to ``first[p + 1]``.
        rays: (K, 2) directions x/z, y/z in the camera; NaN where the camera model has none.
        focal_px: (P, 2) focal lengths in px of the view, so that errors mean the same for every image size.
        cam_from_scene: (P, 3, 4) from the normalised frame to the cameras, in its unit.
    """

    first: Indices
    rays: Array
    focal_px: Array
    cam_from_scene: Array

    @staticmethod
    def of(frames: Sequence[Frame], features: Sequence[ImageFeatures], normalization: Normalization) -> PosedKeypoints:
        """From frames with poses and their local features, in the same order."""
        first = np.cumsum([0, *(len(local) for local in features)])
        pairs = list(zip(frames, features, strict=True))
        rays = np.concatenate([rays_of(frame.camera, local.image_px) for frame, local in pairs])
        focal = np.array([np.array(frame.camera.pinhole_params()[:2]) * local.scale for frame, local in pairs])
        cameras = np.array([normalization.cam_from_normalized(frame.pose()) for frame in frames])
        return PosedKeypoints(first, rays, focal, cameras)

    @property
    def image(self) -> Indices:
        """(K,) image of each keypoint."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def centres(self) -> Array:
        """(P, 3) camera centres in the normalised frame."""
        return -np.einsum("pji,pj->pi", self.cam_from_scene[:, :, :3], self.cam_from_scene[:, :, 3])

    def epipolar_errors_px(self, a: int, b: int, pairs: Indices) -> Array:
        """(M,) distances of matches between images ``a`` and ``b`` to their epipolar lines, px, the larger of both images.

        Args:
            a: index of an image.
            b: index of an image taken from another spot.
            pairs: (M, 2) keypoints, counted within each image.
        """
        rotation = self.cam_from_scene[b, :, :3] @ self.cam_from_scene[a, :, :3].T
        shift = self.cam_from_scene[b, :, 3] - rotation @ self.cam_from_scene[a, :, 3]
        x, y, z = shift / max(float(np.linalg.norm(shift)), 1e-12)
        essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
        in_a, in_b = (
            np.column_stack([self.rays[self.first[image] + pairs[:, side]], np.ones(len(pairs))])
            for side, image in enumerate((a, b))
        )
        lines_b, lines_a = in_a @ essential.T, in_b @ essential
        off = np.abs((lines_b * in_b).sum(axis=1))
        lengths = [
            np.linalg.norm(lines[:, :2] / self.focal_px[image], axis=1) for lines, image in ((lines_a, a), (lines_b, b))
        ]
        return off / np.maximum(np.minimum(*lengths), 1e-12)


@dataclass(frozen=True, eq=False)
class Observations:
    """Which keypoints belong to which track, sorted by track and then by keypoint.

    Attributes:
        track: (O,) numbers of tracks without gaps, ascending.
        keypoint: (O,) index among all keypoints.
        image: (O,) image of that keypoint.
    """

    track: Indices
    keypoint: Indices
    image: Indices

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

    def select(self, mask: NDArray[np.bool_]) -> Observations:
        """The observations of an (O,) mask, with indices of tracks numbered anew."""
        return Observations(np.unique(self.track[mask], return_inverse=True)[1], self.keypoint[mask], self.image[mask])


def join_tracks(matches: Indices, image: Indices) -> Observations:
    """Join matched keypoints to tracks with at most one keypoint in each image.

    A single wrong match would mix two things, so matches are joined in the order of how many third keypoints match both
    sides, and a match that would put two keypoints of one image into a track is left out.

    Args:
        matches: (M, 2) pairs of keypoints, counted over all images.
        image: (K,) image of each keypoint.
    """
    order = np.argsort(-match_support(matches, len(image)), kind="stable")
    parent, image_of = list(range(len(image))), image.tolist()
    images: dict[int, set[int]] = {}
    for one, other in matches[order].tolist():
        small, large = _root(parent, one), _root(parent, other)
        if small == large:
            continue
        in_small, in_large = (images.get(root) or {image_of[root]} for root in (small, large))
        if len(in_small) > len(in_large):
            small, large, in_small, in_large = large, small, in_large, in_small
        if in_small.isdisjoint(in_large):
            parent[small] = large
            in_large |= in_small
            images[large] = in_large
            images.pop(small, None)
    root = np.array([_root(parent, keypoint) for keypoint in range(len(parent))], dtype=np.int64)
    keypoint = np.flatnonzero(np.bincount(root, minlength=len(root))[root] > 1)
    keypoint = keypoint[np.argsort(root[keypoint], kind="stable")]
    return Observations(np.unique(root[keypoint], return_inverse=True)[1], keypoint, image[keypoint])


def match_support(matches: Indices, count: int, *, block: int = _BLOCK) -> Indices:
    """(M,) int64 number of third keypoints that match both sides of each of the (M, 2) matches, pairs of keypoint indices.

    Args:
        matches: (M, 2) int64, the smaller index first.
        count: number of keypoints.
        block: keypoints whose common matches are counted at a time.
    """
    support = np.zeros(len(matches), dtype=np.int64)
    joined = sparse.coo_array((np.ones(len(matches), dtype=np.int32), (matches[:, 0], matches[:, 1])), shape=(count, count))
    both = (joined + joined.T).tocsr()
    order = np.argsort(matches[:, 0], kind="stable")
    for start in range(0, count, block):
        # In blocks of rows: the whole product does not fit into memory for thousands of images.
        rows = order[slice(*np.searchsorted(matches[order, 0], (start, start + block)))]
        if len(rows):
            product = (both[start : start + block] @ both).tocsr()
            support[rows] = np.asarray(product[matches[rows, 0] - start, matches[rows, 1]]).ravel()
    return support


def _root(parent: list[int], keypoint: int) -> int:
    while parent[keypoint] != keypoint:
        parent[keypoint] = keypoint = parent[parent[keypoint]]
    return keypoint
