"""Triangulated keypoints with their descriptors, which the keypoints of a query are matched with.

A query finds mapping images that look like it, and its keypoints are matched with the landmarks that these images see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.artifact import part_of
from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.described_points import DescribedPoints
from trigpoint.mapping.landmark_config import HierarchicalConfig
from trigpoint.retrieval.descriptor import GlobalDescriptor, restore_descriptor
from trigpoint.retrieval.index import RetrievalIndex, restore_index
from trigpoint.retrieval.matching import MIN_COSINE

# Mapping images whose landmarks a query is matched with: one right one is enough, and each costs a millisecond.
RETRIEVED = 10
# Images that look like a query, too: those of another place that looks the same may come after all of its own.
_ALSO_LIKE = 30
# Beside the pose a landmark competes with few others.
_MIN_GUIDED_COSINE = 0.75
# An image that sees so many landmarks shows their place: fewer may be wrong matches.
_SHOWN = 3
# The fields that hold arrays.
_TENSORS = ("positions", "first", "landmark", "descriptors")


@dataclass(frozen=True, eq=False)
class LandmarkHypothesis:
    """Mapping images that may show what the query shows.

    Attributes:
        images: (K,) int64 indices of the images whose landmarks the query is matched with.
        others: (L,) int64 indices of those that look most like it after them.
    """

    images: Tensor
    others: Tensor

    @property
    def source(self) -> str:
        """As ``Hypothesis.source``."""
        return "landmarks"


@dataclass(frozen=True, eq=False)
class Landmarks:
    """M points that P mapping images see O times.

    Attributes:
        descriptor: finds mapping images.
        index: descriptors of the P mapping images.
        positions: (M, 3) float32 in the normalised frame.
        first: (P + 1,) int32: image p has the observations ``first[p]`` up to ``first[p + 1]``.
        landmark: (O,) int32 landmark of each observation.
        descriptors: (O, C) int8 directions of the observations' descriptors, or (M, C) of the landmarks'.
        retrieved: images that a query is matched with.
        left_out: a mapping image that is not retrieved, or -1.
    """

    descriptor: GlobalDescriptor
    index: RetrievalIndex
    positions: Tensor
    first: Tensor
    landmark: Tensor
    descriptors: Tensor
    retrieved: int = RETRIEVED
    left_out: int = -1

    @property
    def can_forget(self) -> bool:
        """As ``CoordinateSource.can_forget``: each landmark is seen by other images, too."""
        return True

    @property
    def error_scale(self) -> float:
        """As ``CoordinateSource.error_scale``: triangulated points err by what their residuals show."""
        return 1.0

    def hypotheses(self, features: ImageFeatures, size: tuple[int, int]) -> list[LandmarkHypothesis]:
        """As ``CoordinateSource.hypotheses``: one, with the mapping images that look most like the query."""
        # As the mapping images were described.
        features = replace(features, descriptors=functional.normalize(features.descriptors, dim=1))
        count = self.retrieved + _ALSO_LIKE + (self.left_out >= 0)
        images, _ = self.index.search(self.descriptor.describe(features, size), count)
        images = images[images != self.left_out]
        return [LandmarkHypothesis(images[: self.retrieved], images[self.retrieved :])]

    def wider(self, hypothesis: LandmarkHypothesis) -> None:
        """As ``CoordinateSource.wider``."""
        return

    def elsewhere(self, hypothesis: LandmarkHypothesis, points: NDArray[np.floating]) -> LandmarkHypothesis | None:
        """As ``CoordinateSource.elsewhere``: the images that hardly see the (K, 3) points in the normalised frame."""
        known = _as_keys(np.asarray(points, dtype=np.float32))
        images = torch.cat([hypothesis.images, hypothesis.others])
        spans = [(int(self.first[image]), int(self.first[image + 1])) for image in images.tolist()]
        seen = [_as_keys(self.positions[self.landmark[start:end].long()].cpu().numpy()) for start, end in spans]
        unseen = [int(np.isin(keys, known).sum()) < _SHOWN for keys in seen]
        elsewhere = images[torch.tensor(unseen, dtype=torch.bool)]
        return LandmarkHypothesis(elsewhere, elsewhere[:0]) if any(unseen) else None

    def described(self) -> DescribedPoints:
        """As ``CoordinateSource.described``: all, with the mean direction of their descriptors."""
        directions = self.descriptors.float()
        if len(directions) != len(self.positions):
            unit = functional.normalize(directions, dim=1)
            directions = torch.zeros(len(self.positions), unit.shape[1], device=unit.device)
            directions.index_add_(0, self.landmark.long(), unit)
        return DescribedPoints(
            self.positions.cpu().numpy(), functional.normalize(directions, dim=1), None, _MIN_GUIDED_COSINE
        )

    def without_image(self, index: int) -> Landmarks:
        """As ``CoordinateSource.without_image``: that mapping image is never retrieved."""
        return replace(self, left_out=index)

    def points(self, descriptors: Tensor, hypotheses: Sequence[LandmarkHypothesis]) -> NDArray[np.float64]:
        """As ``CoordinateSource.points``: (N, C) to (K, N, 3) in the normalised frame; NaN for keypoints without a match."""
        return np.stack([self.match(descriptors, hypothesis.images) for hypothesis in hypotheses])

    def to(self, device: torch.device) -> Landmarks:
        """As ``CoordinateSource.to``. The search for mapping images stays where the local features come from, on the CPU."""
        positions, first, landmark, descriptors = (getattr(self, name).to(device) for name in _TENSORS)
        return replace(self, positions=positions, first=first, landmark=landmark, descriptors=descriptors)

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
        device = self.descriptors.device
        spans = [(int(self.first[image]), int(self.first[image + 1])) for image in images.tolist()]
        rows = torch.cat([torch.arange(start, end) for start, end in spans]).to(device)
        if not len(rows) or not len(descriptors):
            return result
        landmark = self.landmark[rows].long()
        if len(self.descriptors) == len(self.positions):
            landmark = rows = landmark.unique()
        local = functional.normalize(self.descriptors[rows].float(), dim=1)
        cosine = functional.normalize(descriptors.to(device), dim=1) @ local.T
        best, nearest = cosine.max(dim=1)
        # Of the keypoints that each observation likes best, the one that the landmark as a whole likes best.
        highest, liked = cosine.max(dim=0)
        back = _best_of_landmark(landmark, highest, liked, len(self.positions))
        chosen = landmark[nearest]
        mutual = (back[chosen] == torch.arange(len(descriptors), device=device)) & (best >= MIN_COSINE)
        result[mutual.cpu().numpy()] = self.positions[chosen[mutual]].cpu().numpy()
        return result

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As ``CoordinateSource.tensors``: descriptor, index, (M, 3) positions and observations."""
        result: dict[str, NDArray[Any]] = {f"descriptor.{name}": value for name, value in self.descriptor.state().items()}
        result |= {f"index.{name}": value for name, value in self.index.state().items()}
        return result | {name: getattr(self, name).cpu().numpy() for name in _TENSORS}

    def facts(self) -> dict[str, Any]:
        """As ``CoordinateSource.facts``."""
        return {"landmarks": len(self.positions), "observations": len(self.landmark)}

    def summary(self) -> str:
        """As ``CoordinateSource.summary``."""
        return f"{len(self.positions):,} landmarks with {len(self.landmark):,} observations"

    @staticmethod
    def restore(tensors: Mapping[str, NDArray[Any]], config: HierarchicalConfig, dim: int) -> Landmarks:
        """The inverse of ``tensors``: (M, 3) positions, their observations, and the arrays of descriptor and index.

        Args:
            tensors: the section of a map file.
            config: the recipe.
            dim: length of a local descriptor.

        Raises:
            KeyError, ValueError, MappingError: contents that do not fit together or are out of range.
        """
        index = restore_index(part_of(tensors, "index."), config.descriptor_dim)
        arrays = {name: np.asarray(tensors[name]) for name in _TENSORS}
        rows = len(arrays["positions"] if config.local_descriptors == "mean" else arrays["landmark"])
        _check(arrays, images=len(index), rows=rows, dim=dim)
        positions, first, landmark, descriptors = (torch.tensor(arrays[name]) for name in _TENSORS)
        descriptor = restore_descriptor(config.descriptor, config.descriptor_dim, part_of(tensors, "descriptor."), dim)
        return Landmarks(descriptor, index, positions, first, landmark, descriptors)


def _as_keys(points: NDArray[np.float32]) -> NDArray[np.void]:
    """(N,) values that compare equal where the (N, 3) points do."""
    return np.ascontiguousarray(points).view(np.dtype((np.void, 12))).ravel()


def _best_of_landmark(landmark: Tensor, highest: Tensor, liked: Tensor, count: int) -> Tensor:
    """(count,) keypoint that each landmark is most alike to, from its observations; -1 for landmarks without."""
    best = torch.full((count,), -2.0, device=landmark.device).scatter_reduce(0, landmark, highest, "amax")
    winner = highest == best[landmark]
    # Of equally alike observations the one whose keypoint comes first.
    worst = torch.full((count,), torch.iinfo(torch.int64).max, device=landmark.device)
    keypoint = worst.scatter_reduce(0, landmark[winner], liked[winner], "amin")
    return torch.where(best > -2, keypoint, -1)


def _check(arrays: Mapping[str, NDArray[Any]], *, images: int, rows: int, dim: int) -> None:
    """Refuse what would give wrong points or none: ``rows`` descriptors of length ``dim`` in so many images.

    Raises:
        ValueError: wrong types, shapes or values.
    """
    positions, first, landmark, descriptors = (arrays[name] for name in _TENSORS)
    types = [array.dtype for array in (positions, first, landmark, descriptors)]
    if types != [np.float32, np.int32, np.int32, np.int8]:
        raise ValueError(f"landmarks of the types {', '.join(map(str, types))}")
    shapes = (positions.shape[1:], first.shape, descriptors.shape, landmark.ndim)
    if shapes != ((3,), (images + 1,), (rows, dim), 1):
        raise ValueError(
            f"{len(positions)} landmarks, {len(landmark)} observations and {len(descriptors)} descriptors in {images} images"
        )
    if not np.isfinite(positions).all() or first[0] != 0 or first[-1] != len(landmark) or (np.diff(first) < 0).any():
        raise ValueError("landmarks out of range")
    if len(landmark) and not 0 <= landmark.min() <= landmark.max() < len(positions):
        raise ValueError("observations of landmarks that are not there")
