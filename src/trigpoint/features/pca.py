"""Principal components of descriptors: fitted in one pass over any number of them, without whitening (R-SCoRe)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.artifact import typed
from trigpoint.core.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Pca:
    """A change of basis to the directions of largest variance.

    Attributes:
        mean: (C,) float32.
        components: (dim, C) float32, orthonormal rows by falling variance; the entry of each row that is largest by
            magnitude is positive.
        explained_variance: (dim,) float64 variance along each component.
        total_variance: variance of the descriptors, summed over their entries.
    """

    mean: Tensor
    components: Tensor
    explained_variance: Tensor
    total_variance: float

    @property
    def explained_fraction(self) -> float:
        """Fraction of the variance that the components keep; 1 where nothing varies."""
        return float(self.explained_variance.sum()) / self.total_variance if self.total_variance > 0 else 1.0

    @property
    def dim(self) -> int:
        """Length of the result."""
        return len(self.components)

    def state(self) -> dict[str, NDArray[np.floating]]:
        """Mean (C,), components (dim, C) and variances (dim,), in squared descriptor units, for a map; see ``restore``."""
        return {
            "mean": self.mean.numpy(),
            "components": self.components.numpy(),
            "explained_variance": self.explained_variance.numpy(),
            "total_variance": np.array([self.total_variance]),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Pca:
        """The PCA that ``state`` describes: mean (C,), components (dim, C), variances (dim,) in squared descriptor units.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays that do not fit together, or are not finite.
        """
        mean, components = (torch.from_numpy(typed(arrays, name, np.float32).copy()) for name in ("mean", "components"))
        variance = torch.from_numpy(typed(arrays, "explained_variance", np.float64).copy())
        total = typed(arrays, "total_variance", np.float64)
        fits = components.dim() == 2 and mean.shape == components.shape[1:] and variance.shape == components.shape[:1]
        if (
            not fits
            or total.shape != (1,)
            or not np.isfinite(total).all()
            or not all(torch.isfinite(array).all() for array in (mean, components, variance, torch.from_numpy(total)))
        ):
            raise ValueError("the arrays of the PCA do not fit together")
        return cls(mean.float(), components.float(), variance.double(), float(total[0]))

    def apply(self, descriptors: Tensor) -> Tensor:
        """(N, C) descriptors to (N, dim) float32: centred and projected, neither whitened nor normalised."""
        components = self.components.to(descriptors.device)
        return (descriptors.float() - self.mean.to(descriptors.device)) @ components.T


def fit_pca(descriptor_chunks: Iterable[Tensor], dim: int) -> Pca:
    """Principal components of all (N, C) descriptors together, which have no unit.

    Mean and covariance are accumulated in float64 chunk by chunk (Chan et al., 1979), so memory does not grow with the
    number of descriptors. The result lies on the CPU.

    Args:
        descriptor_chunks: (N_i, C) tensors of any float type; read once.
        dim: number of components to keep.

    Raises:
        ConfigError: ``dim`` is not 1 to C (TP-753), fewer than two descriptors or no more than ``dim`` (TP-754), chunks of
            different width or with NaN or infinity (TP-755).
    """
    count, mean, scatter = _moments(descriptor_chunks)
    width = len(mean)
    if count > 0 and not 1 <= dim <= width:
        raise ConfigError("TP-753", f"descriptors of length {width} have no {dim} components", fix=f"Use 1 to {width}.")
    if count <= max(1, dim):
        raise ConfigError(
            "TP-754", f"{count} descriptors are too few for {dim} components", fix="Use more images, or fewer components."
        )
    values, vectors = torch.linalg.eigh(scatter / (count - 1))
    components = vectors.T.flip(0)[:dim]
    # An eigenvector is known up to its sign; fix it, so that equal descriptors give equal bytes.
    largest = components.abs().argmax(dim=1, keepdim=True)
    components = components * components.gather(1, largest).sign()
    variance = values.flip(0).clamp_min(0)
    return Pca(mean.float(), components.float().contiguous(), variance[:dim].clone(), float(variance.sum()))


def _moments(chunks: Iterable[Tensor]) -> tuple[int, Tensor, Tensor]:
    """Number of rows, (C,) mean and (C, C) sum of products of differences from it."""
    count, mean, scatter = 0, torch.zeros(0, dtype=torch.float64), torch.zeros(0, 0, dtype=torch.float64)
    for chunk in chunks:
        rows = chunk.detach().to(device="cpu", dtype=torch.float64)
        if rows.dim() != 2 or not torch.isfinite(rows).all() or (count > 0 and rows.shape[1] != len(mean)):
            raise ConfigError(
                "TP-755",
                f"descriptors of shape {tuple(chunk.shape)} do not fit the others, or are not finite",
                fix="Give (N, C) descriptors of one encoder, without NaN or infinity.",
            )
        if len(rows) == 0:
            continue
        chunk_mean = rows.mean(dim=0)
        centred = rows - chunk_mean
        chunk_scatter = centred.T @ centred
        if count == 0:
            count, mean, scatter = len(rows), chunk_mean, chunk_scatter
            continue
        # Chan, Golub and LeVeque, eq. 1.5: sums of squares about two means join exactly, without cancellation.
        shift, total = chunk_mean - mean, count + len(rows)
        scatter += chunk_scatter + torch.outer(shift, shift) * (count * len(rows) / total)
        mean, count = mean + shift * (len(rows) / total), total
    return count, mean, scatter
