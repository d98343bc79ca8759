"""What an aggregator takes of an image: descriptors with positions and scores, independent of its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.errors import MappingError
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.supergf.config import SuperGFConfig


@dataclass(frozen=True, eq=False)
class ImageTokens:
    """One image as an aggregator takes it.

    Attributes:
        descriptors: (K, C) float32; for the dense variant row after row of the grid.
        where: (K, 3) float32: u and v, 0 at the centre of the image and about 0.7 at the ends of its longer side, and the
            rank of the score, 0 to 1.
        grid: rows and columns of the grid, (0, 0) for the sparse variant.
    """

    descriptors: Tensor
    where: Tensor
    grid: tuple[int, int] = (0, 0)


def image_tokens(features: ImageFeatures, size: tuple[int, int], config: SuperGFConfig) -> ImageTokens:
    """Prepare an image's features.

    Args:
        features: the local features.
        size: (width, height) of the upright image, px.
        config: the aggregator.

    Raises:
        MappingError: descriptors of another length (TP-641), or no full grid for the dense variant (TP-642).
    """
    if features.descriptors.shape[1] != config.input_dim:
        raise MappingError(
            "TP-641",
            f"the local descriptors have length {features.descriptors.shape[1]}, the aggregator takes {config.input_dim}",
            fix=f"Use the local encoder '{config.encoder}' without features.pca_dim, or train an aggregator for this one.",
        )
    if config.variant == "dense":
        order, grid = _grid_order(features.image_px)
        return ImageTokens(features.descriptors[order], _where(features, size)[order], grid)
    best = torch.topk(features.scores, min(len(features), config.max_keypoints)).indices
    chosen = features.select(best.numpy())
    return ImageTokens(chosen.descriptors, _where(chosen, size))


def score_ranks(scores: Tensor) -> Tensor:
    """(K,) scores of any range to their (K,) mean ranks, 0 to 1; equal scores have equal ranks."""
    ordered = scores.sort().values
    below = torch.searchsorted(ordered, scores, right=False)
    up_to = torch.searchsorted(ordered, scores, right=True)
    return (below + up_to) / (2 * max(len(scores), 1))


def _where(features: ImageFeatures, size: tuple[int, int]) -> Tensor:
    centred = (features.image_px - np.asarray(size) / 2) / (0.7 * max(size))
    return torch.cat([torch.from_numpy(centred).float(), score_ranks(features.scores)[:, None]], dim=1)


def _grid_order(image_px: NDArray[np.float64]) -> tuple[Tensor, tuple[int, int]]:
    """The order that makes scattered cell centres rows of a grid, and its size."""
    columns, column = np.unique(image_px[:, 0].round(3), return_inverse=True)
    rows, row = np.unique(image_px[:, 1].round(3), return_inverse=True)
    cell = row * len(columns) + column
    if len(image_px) == 0 or len(np.unique(cell)) != len(rows) * len(columns) or len(cell) != len(rows) * len(columns):
        raise MappingError(
            "TP-642",
            f"{len(image_px)} keypoints are not a grid of {len(rows)} x {len(columns)}",
            fix="The dense variant needs a dense local encoder and a view that is not turned, such as 'xfeat-dense'.",
        )
    return torch.from_numpy(np.argsort(cell)), (len(rows), len(columns))
