"""SuperGF as a global descriptor of photos."""

from __future__ import annotations

from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.artifact import sha256_of
from trigpoint.features.extract import PhotoFeatures
from trigpoint.retrieval.supergf.aggregator import Aggregator
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import photo_tokens
from trigpoint.retrieval.supergf.model_file import Provenance, read_aggregator


class SuperGF:
    """A trained aggregator behind the face of ``GlobalDescriptor``.

    Attributes:
        name: ``"supergf"``.
        dim: length of the descriptor.
        config: the aggregator's configuration; ``config.encoder`` names the local encoder it is for.
        provenance: licence and training data; None for one that was never written.
        sha256: identity of its file, ``""`` for one that was never written.
    """

    name = "supergf"

    def __init__(self, model: Aggregator, provenance: Provenance | None = None, sha256: str = "") -> None:
        self.model, self.provenance, self.sha256 = model.eval(), provenance, sha256
        self.dim = model.config.width

    @property
    def config(self) -> SuperGFConfig:
        """The aggregator's configuration."""
        return self.model.config

    def describe(self, features: PhotoFeatures, size: tuple[int, int]) -> Tensor:
        """See ``GlobalDescriptor.describe``.

        Raises:
            MappingError: features of another local encoder (TP-641), or no full grid for the dense variant (TP-642).
        """
        if len(features) == 0:
            return torch.zeros(self.dim)
        with torch.inference_mode():
            return self.model([photo_tokens(features, size, self.config)]).descriptors[0].float().cpu().clone()

    def state(self) -> dict[str, NDArray]:
        """Nothing of the place: the aggregator is the same everywhere, and a map names it by ``sha256``."""
        return {}


def load_aggregator(path: Path) -> SuperGF:
    """Read a trained aggregator.

    Raises:
        MapFileError: missing (TP-401), cut short (TP-402), damaged (TP-403).
        MappingError: not an aggregator, or its parts do not fit together (TP-648).
    """
    model, provenance = read_aggregator(path)
    return SuperGF(model, provenance, sha256_of(path))
