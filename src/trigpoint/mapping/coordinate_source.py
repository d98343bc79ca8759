"""Sources of scene coordinates: what a map holds to give the keypoints of a query their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.described_points import DescribedPoints


class Hypothesis(Protocol):
    """One way to read a query, made by a source of a map and understood by that source alone."""

    @property
    def source(self) -> str:
        """Name of the source in the map."""
        ...


class CoordinateSource(Protocol):
    """What gives scene coordinates: networks, or landmarks that keypoints are matched with."""

    @property
    def can_forget(self) -> bool:
        """Whether ``without_image`` gives what a map made without that image would give."""
        ...

    @property
    def error_scale(self) -> float:
        """How many times what the residuals of its patches tell a pose from its points is usually off."""
        ...

    def hypotheses(self, features: ImageFeatures, size: tuple[int, int]) -> Sequence[Hypothesis]:
        """What to try for a query, the likeliest first.

        Args:
            features: its local features, on the CPU.
            size: width and height of the upright image, px.
        """
        ...

    def points(self, descriptors: Tensor, hypotheses: Sequence[Any]) -> NDArray[np.floating]:
        """(N, C) local descriptors to (K, N, 3) points in the normalised frame, one set for each of K own hypotheses.

        Keypoints without a point have NaN.
        """
        ...

    def wider(self, hypothesis: Any) -> Hypothesis | None:
        """What to try where an own hypothesis explains hardly anything; None: there is no more."""
        ...

    def elsewhere(self, hypothesis: Any, points: NDArray[np.floating]) -> Hypothesis | None:
        """What is left of an own hypothesis without what shows the (K, 3) points in the normalised frame; None: nothing."""
        ...

    def described(self) -> DescribedPoints | None:
        """The landmarks that a pose can be refined on; None: it has none."""
        ...

    def without_image(self, index: int) -> CoordinateSource:
        """The same as a query meets it that is not this mapping image; itself, if it cannot forget one."""
        ...

    def to(self, device: torch.device) -> CoordinateSource:
        """The same with everything that ``points`` needs on another device."""
        ...

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Arrays by name for the section of the source in a map file: (N, C) rows each, points in the normalised frame."""
        ...

    def facts(self) -> dict[str, Any]:
        """Numbers about the source as JSON, for its section in a map file and for reports."""
        ...

    def summary(self) -> str:
        """What was learned, in one line."""
        ...
