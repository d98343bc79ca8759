"""Networks that regress scene coordinates, with what gives a query its global encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.artifact import part_of
from trigpoint.core.config import Range, Settings, from_json, require, to_json
from trigpoint.core.modules import restored_module
from trigpoint.features.extract import ImageFeatures
from trigpoint.mapping.encoding_config import NodeEncoding
from trigpoint.mapping.head import Head
from trigpoint.mapping.network_config import NetworkConfig
from trigpoint.mapping.scene_encoding import SceneEncoding

# A network errs over whole surfaces, which the pose follows: the residuals of what agrees then show half of the error.
# Median of right answers to held-out images: 1.7 (fox), 2.2 (RedKitchen), 2.6 (office); the same on South Building (2.2).
_ERROR_SCALE = 2.25
# These set coordinates: half precision there costs 6 cm at 100 m. The others only carry features.
_FULL_PRECISION = ("output.weight", "output.bias", "choice.weight", "choice.bias", "centres", "mean", "deviation")


@dataclass(frozen=True, eq=False)
class NetworkHypothesis:
    """A network of an ensemble, with a global encoding.

    Attributes:
        network: index among the heads.
        encoding: (D,) float32 global encoding, or None for networks without.
    """

    network: int
    encoding: Tensor | None = None

    @property
    def source(self) -> str:
        """As ``Hypothesis.source``."""
        return "network"


@dataclass(frozen=True)
class TrainingPoint(Settings):
    """The state of the training of a network at one step.

    Attributes:
        network: index among the heads.
        step: number of finished steps.
        loss: mean loss of the batch.
        inlier_ratio: fraction of the batch that reprojects within 10 px of its view.
    """

    network: Annotated[int, Range(0)]
    step: Annotated[int, Range(0)]
    loss: float
    inlier_ratio: Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class TrainingRecord(Settings):
    """How the networks of a map were trained.

    Attributes:
        samples: number of training samples.
        training: their history, one network after the other.
    """

    samples: Annotated[int, Range(0)]
    training: tuple[TrainingPoint, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.training) > 0, "training", self.training, "the state at one step or more")


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks of a map: one, or an ensemble of which each knows a part of the scene.

    Attributes:
        config: the recipe that they were made by.
        heads: the networks, in evaluation mode.
        encoding: what gives a query its global encoding, or None.
        record: how they were trained.
    """

    config: NetworkConfig
    heads: tuple[Head, ...]
    encoding: SceneEncoding | None
    record: TrainingRecord

    @property
    def can_forget(self) -> bool:
        """As ``CoordinateSource.can_forget``: what all images have taught the weights cannot be told apart."""
        return False

    @property
    def error_scale(self) -> float:
        """As ``CoordinateSource.error_scale``."""
        return _ERROR_SCALE

    def hypotheses(self, features: ImageFeatures, size: tuple[int, int]) -> list[NetworkHypothesis]:
        """As ``CoordinateSource.hypotheses``: each encoding with the network that learned its image, or with all."""
        networks = range(len(self.heads))
        if self.encoding is None:
            return [NetworkHypothesis(network) for network in networks]
        count = self.config.global_encoding.hypotheses if isinstance(self.config.global_encoding, NodeEncoding) else 1
        return [
            NetworkHypothesis(network, encoding)
            for encoding, known_to in self.encoding.encodings(features, size, count)
            for network in (networks if known_to is None else (known_to,))
        ]

    def points(self, descriptors: Tensor, hypotheses: Sequence[NetworkHypothesis]) -> NDArray[np.float64]:
        """As ``CoordinateSource.points``: (N, C) to (K, N, 3) in the normalised frame; one batch for each network."""
        count = len(descriptors)
        result = np.empty((len(hypotheses), count, 3))
        for network, head in enumerate(self.heads):
            rows = [row for row, hypothesis in enumerate(hypotheses) if hypothesis.network == network]
            if rows and count:
                device = head.mean.device
                local = descriptors.to(device)
                inputs = torch.cat([_inputs(local, hypotheses[row].encoding) for row in rows])
                with torch.inference_mode():
                    result[rows] = head(inputs).cpu().numpy().reshape(len(rows), count, 3)
        return result

    def wider(self, hypothesis: NetworkHypothesis) -> None:
        """As ``CoordinateSource.wider``."""
        return

    def elsewhere(self, hypothesis: NetworkHypothesis, points: NDArray[np.floating]) -> None:
        """As ``CoordinateSource.elsewhere``: a network has no other (K, 3) points in the normalised frame."""

    def described(self) -> None:
        """As ``CoordinateSource.described``: a network has no landmarks."""
        return

    def without_image(self, index: int) -> Networks:
        """As ``CoordinateSource.without_image``: networks cannot forget one and stay as they are."""
        return self

    def to(self, device: torch.device) -> Networks:
        """As ``CoordinateSource.to``. The search for mapping images stays where the local features come from, on the CPU."""
        return replace(self, heads=tuple(deepcopy(head).to(device) for head in self.heads))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As ``CoordinateSource.tensors``: weights (m, n) and (n,) without unit, and those of ``SceneEncoding.tensors``."""
        result: dict[str, NDArray[Any]] = {}
        for number, head in enumerate(self.heads):
            for name, value in head.state_dict().items():
                kind = np.float32 if name.endswith(_FULL_PRECISION) else np.float16
                result[f"heads.{number}.{name}"] = value.detach().cpu().numpy().astype(kind)
        if self.encoding is not None:
            result |= {f"encoding.{name}": value for name, value in self.encoding.tensors().items()}
        return result

    def facts(self) -> dict[str, Any]:
        """As ``CoordinateSource.facts``."""
        return to_json(self.record)

    def summary(self) -> str:
        """As ``CoordinateSource.summary``."""
        last = self.record.training[-1]
        return (
            f"{self.record.samples:,} samples, {last.step} steps; "
            f"at the end {last.inlier_ratio:.0%} of the samples reprojected within 10 px"
        )

    @staticmethod
    def restore(tensors: Mapping[str, NDArray[Any]], config: NetworkConfig, dim: int, facts: Mapping[str, Any]) -> Networks:
        """The inverse of ``tensors`` and ``facts``: weights (m, n) and (n,) by name, without unit.

        Args:
            tensors: the section of a map file.
            config: the recipe.
            dim: length of a local descriptor.
            facts: the JSON of the section.

        Raises:
            KeyError, ValueError, RuntimeError, TrigpointError: contents that do not fit together or are out of range.
        """
        inputs = dim + (0 if config.global_encoding is None else config.global_encoding.dim)
        heads = tuple(
            _restored_head(part_of(tensors, f"heads.{number}."), config, inputs) for number in range(config.ensemble)
        )
        encoding = None
        if config.global_encoding is not None:
            state = part_of(tensors, "encoding.")
            encoding = SceneEncoding.from_tensors(state, config.global_encoding, dim, config.ensemble)
        return Networks(config, heads, encoding, from_json(TrainingRecord, facts))


def _inputs(descriptors: Tensor, encoding: Tensor | None) -> Tensor:
    """(N, D + C): the (D,) global encoding before each of the (N, C) local descriptors."""
    if encoding is None:
        return descriptors
    return torch.cat([encoding.to(descriptors.device).expand(len(descriptors), -1), descriptors], dim=1)


def _restored_head(weights: Mapping[str, NDArray[Any]], config: NetworkConfig, inputs: int) -> Head:
    refiner_blocks = 0 if config.refinement is None else config.refinement.blocks
    return restored_module(
        lambda: Head(inputs, config.head, refiner_blocks=refiner_blocks), weights, config.head.blocks + refiner_blocks
    )
