"""Direct matching: few landmarks in few bytes, and every keypoint of a query is matched with all of them.

A descriptor is kept as the signs of its numbers, relative to the mean of all. Measured (docs/experiments.md), twice as many
landmarks with such descriptors place images better than half as many with product-quantised ones of twice the size.
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

from trigpoint.core.evenly import evenly
from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.compact_points import pack_points, unpack_points
from trigpoint.mapping.described_points import DescribedPoints
from trigpoint.mapping.landmark_config import DirectConfig

# Cosine of a descriptor and of the signs of another: right matches have 0.5 and more, equal descriptors about 0.8.
_MIN_COSINE = 0.5
# Beside the pose a landmark competes with few others.
_MIN_GUIDED_COSINE = 0.5
# A query is matched with so many first, which takes 12 ms: they were chosen to cover the scene, and find nearly all images.
_FIRST = 4000
# Fewer landmarks are no place of their own. Of many, and of what agrees with a pose, some tell where it is.
_FEWEST_ELSEWHERE, _SHOWN = 50, 100
# Landmarks that are compared at a time: the cosines of 1,500 keypoints then fit into the cache of a core. 17,000 landmarks
# at once took five times as long.
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class DirectHypothesis:
    """Landmarks of the map.

    Attributes:
        landmarks: (K,) int64 indices; None: all.
    """

    landmarks: Tensor | None = None

    @property
    def source(self) -> str:
        """As ``Hypothesis.source``."""
        return "landmarks"


@dataclass(frozen=True, eq=False)
class LandmarkMemory:
    """What lets landmarks forget a mapping image while the map is built; no file keeps it.

    Attributes:
        image: (O,) int64 image of each observation.
        landmark: (O,) int64 landmark of each observation.
        descriptors: (O, C) float32 of unit length.
        sums: (M, C) float64 sum of the descriptors of each landmark.
    """

    image: NDArray[np.int64]
    landmark: NDArray[np.int64]
    descriptors: NDArray[np.float32]
    sums: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DirectLandmarks:
    """M points with descriptors, the most useful first: a smaller map is the first of them.

    Attributes:
        packed: (M, 3) int16, see ``pack_points``.
        radius: of the packing, in the unit of the normalised frame.
        middle: (C,) float32 mean direction of the descriptors.
        signs: (M, C) float32: the signs of the descriptors beside ``middle``, scaled to unit length.
        memory: what was forgotten when the map was written, or None.
    """

    packed: NDArray[np.int16]
    radius: float
    middle: Tensor
    signs: Tensor
    memory: LandmarkMemory | None = None

    @staticmethod
    def of(points: NDArray[np.float64], memory: LandmarkMemory) -> DirectLandmarks:
        """From (M, 3) points in the normalised frame and the descriptors of their observations."""
        # What is nearer than this is as fine as 1/16,384 of it.
        radius = float(np.quantile(np.linalg.norm(points, axis=1), 0.9))
        directions = functional.normalize(torch.from_numpy(memory.sums), dim=1)
        middle = directions.mean(dim=0).half().float()
        return DirectLandmarks(pack_points(points, radius), radius, middle, _signs(directions, middle), memory)

    @property
    def can_forget(self) -> bool:
        """As ``CoordinateSource.can_forget``: while the map is built."""
        return self.memory is not None

    @property
    def error_scale(self) -> float:
        """As ``CoordinateSource.error_scale``: triangulated points err by what their residuals show."""
        return 1.0

    @property
    def positions(self) -> NDArray[np.float32]:
        """(M, 3) points in the normalised frame."""
        return unpack_points(self.packed, self.radius)

    def hypotheses(self, features: ImageFeatures, size: tuple[int, int]) -> list[DirectHypothesis]:
        """As ``CoordinateSource.hypotheses``: one, whatever the query looks like: the most useful landmarks."""
        return [DirectHypothesis(torch.arange(_FIRST) if len(self.packed) > _FIRST else None)]

    def wider(self, hypothesis: DirectHypothesis) -> DirectHypothesis | None:
        """As ``CoordinateSource.wider``: all landmarks."""
        return None if hypothesis.landmarks is None else DirectHypothesis()

    def elsewhere(self, hypothesis: DirectHypothesis, points: NDArray[np.floating]) -> DirectHypothesis | None:
        """As ``CoordinateSource.elsewhere``: landmarks further from the (K, 3) points than half of these from their middle.

        Args:
            hypothesis: one of its own.
            points: in the normalised frame.
        """
        seen = torch.from_numpy(np.asarray(points, dtype=np.float32))
        spread = torch.linalg.norm(seen - seen.mean(dim=0), dim=1).median()
        some = seen[evenly(len(seen), _SHOWN)]
        nearest = torch.cdist(torch.from_numpy(self.positions), some).amin(dim=1)
        far = torch.nonzero(nearest > spread)[:_FIRST, 0]
        return DirectHypothesis(far) if len(far) >= _FEWEST_ELSEWHERE else None

    def described(self) -> DescribedPoints:
        """As ``CoordinateSource.described``: all."""
        return DescribedPoints(self.positions, self.signs, self.middle, _MIN_GUIDED_COSINE)

    def without_image(self, index: int) -> DirectLandmarks:
        """As ``CoordinateSource.without_image``: without its descriptors; itself once it is read from a file."""
        if self.memory is None:
            return self
        seen = self.memory.image == index
        landmarks = self.memory.landmark[seen]
        rest = torch.from_numpy(self.memory.sums[landmarks] - self.memory.descriptors[seen])
        signs = self.signs.clone()
        signs[torch.from_numpy(landmarks)] = _signs(functional.normalize(rest, dim=1), self.middle)
        return replace(self, signs=signs)

    def points(self, descriptors: Tensor, hypotheses: Sequence[DirectHypothesis]) -> NDArray[np.float64]:
        """As ``CoordinateSource.points``: (N, C) to (K, N, 3) in the normalised frame; NaN for keypoints without a match."""
        return np.stack([self.match(descriptors, hypothesis.landmarks) for hypothesis in hypotheses])

    def to(self, device: torch.device) -> DirectLandmarks:
        """As ``CoordinateSource.to``."""
        return replace(self, middle=self.middle.to(device), signs=self.signs.to(device))

    @torch.inference_mode()
    def match(self, descriptors: Tensor, landmarks: Tensor | None = None) -> NDArray[np.float64]:
        """Match keypoints with landmarks: each must be the other's nearest by cosine, and they must be alike enough.

        Args:
            descriptors: (N, C) local descriptors.
            landmarks: (K,) indices of the landmarks to match with; None: all.

        Returns:
            (N, 3) points in the normalised frame; NaN for keypoints without a match. No landmark occurs twice.
        """
        result = np.full((len(descriptors), 3), np.nan)
        if not len(descriptors):
            return result
        signs = self.signs if landmarks is None else self.signs[landmarks.to(self.signs.device)]
        packed = self.packed if landmarks is None else self.packed[landmarks.cpu().numpy()]
        unit = functional.normalize(descriptors.to(signs.device), dim=1)
        unit = functional.normalize(unit - self.middle, dim=1)
        best = torch.full((len(unit),), -2.0, device=unit.device)
        nearest = torch.zeros(len(unit), dtype=torch.int64, device=unit.device)
        likings: list[Tensor] = []
        for start in range(0, len(signs), _BLOCK):
            cosine = unit @ signs[start : start + _BLOCK].T
            likings.append(cosine.amax(dim=0))
            highest = cosine.amax(dim=1)
            better = torch.nonzero(highest > best)[:, 0]
            best[better], nearest[better] = highest[better], cosine[better].argmax(dim=1) + start
        alike = (best >= _MIN_COSINE) & (torch.cat(likings)[nearest] == best)
        # Of keypoints that are equally near to a landmark, the first.
        rows = torch.nonzero(alike)[:, 0].cpu().numpy()
        chosen, first = np.unique(nearest.cpu().numpy()[rows], return_index=True)
        result[rows[first]] = unpack_points(packed[chosen], self.radius)
        return result

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As ``CoordinateSource.tensors``: (M, 3) points of the normalised frame, packed, and (M, C / 8) bits."""
        return {
            "packed": self.packed,
            "radius": np.array([self.radius]),
            "middle": self.middle.half().cpu().numpy(),
            "bits": np.packbits(self.signs.cpu().numpy() > 0, axis=1),
        }

    def facts(self) -> dict[str, Any]:
        """As ``CoordinateSource.facts``."""
        return {"landmarks": len(self.packed)}

    def summary(self) -> str:
        """As ``CoordinateSource.summary``."""
        return f"{len(self.packed):,} landmarks, each matched with every query"

    @staticmethod
    def restore(tensors: Mapping[str, NDArray[Any]], config: DirectConfig, dim: int) -> DirectLandmarks:
        """The inverse of ``tensors``: (M, 3) points of the normalised frame, packed, and (M, C / 8) bits.

        Args:
            tensors: the section of a map file.
            config: the recipe.
            dim: length of a local descriptor.

        Raises:
            KeyError, ValueError: contents that do not fit together or are out of range.
        """
        packed, radius, middle, bits = (np.asarray(tensors[name]) for name in ("packed", "radius", "middle", "bits"))
        types = [array.dtype for array in (packed, radius, middle, bits)]
        shapes = [array.shape for array in (packed, radius, middle, bits)]
        count = len(packed) if packed.ndim else 0
        if types != [np.int16, np.float64, np.float16, np.uint8]:
            raise ValueError(f"landmarks of the types {', '.join(map(str, types))}")
        if count == 0 or shapes != [(count, 3), (1,), (dim,), (count, -(-dim // 8))]:
            raise ValueError(f"{count} landmarks that do not fit to {dim} numbers a descriptor")
        if not (np.isfinite(middle).all() and np.isfinite(radius).all() and radius[0] > 0):
            raise ValueError("landmarks out of range")
        signs = np.unpackbits(bits, axis=1, count=dim).astype(np.float32) * 2 - 1
        return DirectLandmarks(packed, float(radius[0]), torch.tensor(middle).float(), torch.from_numpy(signs) / dim**0.5)


def bytes_per_landmark(dim: int) -> int:
    """What a map file keeps of a landmark with a descriptor of ``dim`` numbers."""
    return 3 * np.dtype(np.int16).itemsize + -(-dim // 8)


def _signs(directions: Tensor, middle: Tensor) -> Tensor:
    """(M, C) float32 rows of unit length: on which side of the (C,) middle each number of the (M, C) directions is."""
    return torch.where(directions > middle, 1.0, -1.0).float() / directions.shape[1] ** 0.5
