"""SuperGF as a global descriptor of images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.artifact import UNFIT, sha256_of
from trigpoint.core.config import from_json, to_json
from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures
from trigpoint.retrieval.descriptor_state import impossible_dim, unfit
from trigpoint.retrieval.supergf.aggregator import Aggregator
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import image_tokens
from trigpoint.retrieval.supergf.model_file import Provenance, half_weights, read_aggregator, restore_aggregator
from trigpoint.retrieval.supergf.slots import SlotAggregator

SHIPPED = Path(__file__).with_name("xfeat.aggregator")
_CONFIG, _WEIGHT = "config", "weight."


class SuperGF:
    """A trained aggregator behind the face of ``GlobalDescriptor``.

    Attributes:
        name: ``"supergf"``.
        dim: length of the descriptor.
        config: the aggregator's configuration; ``config.encoder`` names the local encoder it is for.
        provenance: licence and training data; None for one that was never written, or that comes from a map.
        sha256: identity of its file, ``""`` likewise.

    Args:
        model: the aggregator.
        provenance: see above.
        sha256: see above.
        dim: wanted length; 0: the aggregator's own. With ``pooling`` ``"slots"`` also any up to ``whitening_rank``, and
            multiples of the number of slots, see ``SlotAggregator.shortened``.

    Raises:
        MappingError: a length that cannot be had (TP-632).
    """

    name = "supergf"

    def __init__(self, model: Aggregator, provenance: Provenance | None = None, sha256: str = "", *, dim: int = 0) -> None:
        self.model, self.provenance, self.sha256 = model.eval(), provenance, sha256
        self.dim = dim or model.config.dim
        if self.dim != model.config.dim:
            _check_dim(self.dim, model.config)

    @property
    def config(self) -> SuperGFConfig:
        """The aggregator's configuration."""
        return self.model.config

    @property
    def local_dim(self) -> int:
        """Length of the local descriptors that it is made of."""
        return self.config.input_dim

    def describe(self, features: ImageFeatures, size: tuple[int, int]) -> Tensor:
        """(dim,) of unit length, see ``GlobalDescriptor.describe``.

        Raises:
            MappingError: features of another local encoder (TP-641), or no full grid for the dense variant (TP-642).
        """
        if len(features) == 0:
            return torch.zeros(self.dim)
        images = [image_tokens(features, size, self.config)]
        with torch.inference_mode():
            if isinstance(self.model, SlotAggregator) and self.dim != self.config.dim:
                descriptors = self.model.shortened(images, self.dim)
            else:
                descriptors = self.model(images).descriptors
            return descriptors[0].float().cpu().clone()

    def state(self) -> dict[str, NDArray]:
        """The whole aggregator, so that a map needs no other file: float16 weights, and (B,) bytes of JSON."""
        text = json.dumps(to_json(self.config)).encode()
        weights = {_WEIGHT + name: values for name, values in half_weights(self.model).items()}
        return {_CONFIG: np.frombuffer(text, dtype=np.uint8), **weights}


def load_aggregator(path: Path, dim: int = 0) -> SuperGF:
    """Read a trained aggregator.

    Raises:
        MapFileError: missing (TP-401), cut short (TP-402), damaged (TP-403).
        MappingError: not an aggregator, or its parts do not fit together (TP-648); a length it cannot have (TP-632).
    """
    model, provenance = read_aggregator(path)
    return SuperGF(model, provenance, sha256_of(path), dim=dim)


def fit(images: Sequence[SizedFeatures], dim: int, seed: int, *, path: Path = SHIPPED) -> SuperGF:
    """See ``DescriptorKind.fit``: nothing is fitted, the aggregator is read. Raises as ``load_aggregator``."""
    return load_aggregator(path, dim)


def restore(state: Mapping[str, NDArray], dim: int) -> SuperGF:
    """The descriptor of (dim,) numbers of unit length, see ``DescriptorKind.restore``. Raises MappingError TP-633."""
    weights = {name.removeprefix(_WEIGHT): values for name, values in state.items() if name.startswith(_WEIGHT)}
    try:
        config = from_json(SuperGFConfig, json.loads(state[_CONFIG].tobytes()), where="the map")
        return SuperGF(restore_aggregator(config, weights), dim=dim)
    except UNFIT as error:
        raise unfit(str(error)) from error


def _check_dim(dim: int, config: SuperGFConfig) -> None:
    if config.pooling == "gem":
        raise impossible_dim("supergf", dim, str(config.dim))
    if not 0 < dim < config.dim or (dim > config.whitening_rank and dim % config.slots):
        longer = f"or a multiple of {config.slots} up to {config.dim}"
        raise impossible_dim("supergf", dim, f"up to {config.whitening_rank}, {longer}")
