"""Triangulated keypoints with their descriptors: what a hierarchical map holds in place of networks.

A query finds mapping images that look like it, and its keypoints are matched with the landmarks that these images see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.retrieval.descriptor import GlobalDescriptor, restore_descriptor
from trigpoint.retrieval.index import RetrievalIndex, restore_index

_STEPS = 127


@dataclass(frozen=True, eq=False)
class Landmarks:
    """M points that P mapping images see O times.

    Attributes:
        descriptor: finds mapping images.
        index: descriptors of the P mapping images.
        points: (M, 3) float32 in the normalised frame.
        first: (P + 1,) int32: image p has the observations ``first[p]`` up to ``first[p + 1]``.
        seen: (O,) int32 landmark of each observation.
        descriptors: (O, C) int8 directions of the observations' descriptors, or (M, C) of the landmarks'.
        min_cosine: smallest cosine of a match.
        retrieved: images that a query is matched with.
        left_out: a mapping image that is not retrieved, or -1.
    """

    descriptor: GlobalDescriptor
    index: RetrievalIndex
    points: Tensor
    first: Tensor
    seen: Tensor
    descriptors: Tensor
    min_cosine: float
    retrieved: int
    left_out: int = -1

    def images(self, found: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """(K,) indices of the mapping images that look most like a query, the likeliest first.

        Args:
            found: local features of the query.
            size: width and height of the upright image, px.
        """
        # As the mapping images were described.
        found = replace(found, descriptors=functional.normalize(found.descriptors, dim=1))
        images, _ = self.index.search(self.descriptor.describe(found, size), self.retrieved + (self.left_out >= 0))
        return images[images != self.left_out][: self.retrieved]

    def without(self, image: int) -> Landmarks:
        """The same with one mapping image that is never retrieved, to see what an image like it would get."""
        return replace(self, left_out=image)

    @torch.inference_mode()
    def match(self, descriptors: Tensor, images: Tensor) -> NDArray[np.float64]:
        """Match keypoints with the landmarks that some images see.

        A keypoint and a landmark match if each is the other's nearest by cosine, and they are alike enough.

        Args:
            descriptors: (N, C) local descriptors.
            images: (K,) indices of mapping images.

        Returns:
            (N, 3) points in the normalised frame; NaN for keypoints without a match. No landmark occurs twice.
        """
        result = np.full((len(descriptors), 3), np.nan)
        rows = torch.cat([torch.arange(int(self.first[image]), int(self.first[image + 1])) for image in images.tolist()])
        if not len(rows) or not len(descriptors):
            return result
        landmark = self.seen[rows].long()
        if len(self.descriptors) == len(self.points):
            landmark = rows = landmark.unique()
        local = functional.normalize(self.descriptors[rows].float(), dim=1)
        cosine = functional.normalize(descriptors, dim=1) @ local.T
        best, nearest = cosine.max(dim=1)
        # Of the keypoints that each observation likes best, the one that the landmark as a whole likes best.
        highest, liked = cosine.max(dim=0)
        back = _best_of_landmark(landmark, highest, liked, len(self.points))
        chosen = landmark[nearest]
        kept = (back[chosen] == torch.arange(len(descriptors))) & (best >= self.min_cosine)
        result[kept.numpy()] = self.points[chosen[kept]].numpy()
        return result

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays by name, for a file."""
        result: dict[str, NDArray[Any]] = {f"descriptor.{name}": value for name, value in self.descriptor.state().items()}
        result |= {f"index.{name}": value for name, value in self.index.state().items()}
        own = {name: getattr(self, name).numpy() for name in ("points", "first", "seen", "descriptors")}
        return result | own

    @staticmethod
    def from_tensors(tensors: Mapping[str, NDArray[Any]], config: LandmarkConfig, dim: int) -> Landmarks:
        """The inverse of ``tensors``.

        Raises:
            KeyError, ValueError, MappingError: arrays that are missing or do not fit together.
        """
        state = {
            part: {name.removeprefix(part): value for name, value in tensors.items() if name.startswith(part)}
            for part in ("descriptor.", "index.")
        }
        index = restore_index(state["index."])
        points, descriptors = tensors["points"], tensors["descriptors"]
        first, seen = (np.asarray(tensors[name]) for name in ("first", "seen"))
        _check(points, first, seen, descriptors, len(index), dim, config.kept)
        return Landmarks(
            descriptor=restore_descriptor(config.descriptor, config.descriptor_dim, state["descriptor."]),
            index=index,
            points=torch.tensor(points),
            first=torch.tensor(first),
            seen=torch.tensor(seen),
            descriptors=torch.tensor(descriptors),
            min_cosine=config.min_cosine,
            retrieved=config.retrieved,
        )


def directions(descriptors: Tensor) -> Tensor:
    """(N, C) float descriptors to int8 directions: cosines change by about 0.0005."""
    largest = descriptors.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    return torch.round(descriptors * (_STEPS / largest)).to(torch.int8)


def _best_of_landmark(landmark: Tensor, highest: Tensor, liked: Tensor, count: int) -> Tensor:
    """(count,) keypoint that each landmark is most alike to, from its observations; -1 for landmarks without."""
    best = torch.full((count,), -2.0).scatter_reduce(0, landmark, highest, "amax")
    winner = highest == best[landmark]
    # Of equally alike observations the one whose keypoint comes first.
    keypoint = torch.full((count,), torch.iinfo(torch.int64).max).scatter_reduce(0, landmark[winner], liked[winner], "amin")
    return torch.where(best > -2, keypoint, -1)


def _check(
    points: NDArray[Any],
    first: NDArray[Any],
    seen: NDArray[Any],
    descriptors: NDArray[Any],
    images: int,
    dim: int,
    kept: str,
) -> None:
    """Refuse what would give wrong points or none. Raises ValueError."""
    kinds = [array.dtype for array in (points, first, seen, descriptors)]
    if kinds != [np.float32, np.int32, np.int32, np.int8]:
        raise ValueError(f"landmarks of the types {', '.join(map(str, kinds))}")
    rows = len(seen) if kept == "each" else len(points)
    if (
        points.shape != (len(points), 3)
        or first.shape != (images + 1,)
        or descriptors.shape != (rows, dim)
        or seen.ndim != 1
    ):
        raise ValueError(
            f"{len(points)} landmarks, {len(seen)} observations and {len(descriptors)} descriptors in {images} images"
        )
    if not np.isfinite(points).all() or first[0] != 0 or first[-1] != len(seen) or (np.diff(first) < 0).any():
        raise ValueError("landmarks out of range")
    if len(seen) and not 0 <= seen.min() <= seen.max() < len(points):
        raise ValueError("observations of landmarks that are not there")
