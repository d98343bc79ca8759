"""The file of a trained aggregator: safetensors with its recipe, its licence and what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import UNFIT, read_artifact, write_artifact
from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import MappingError
from trigpoint.core.modules import restored_module
from trigpoint.retrieval.supergf.aggregator import Aggregator
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.slots import make_aggregator

FORMAT = "trigpoint-aggregator"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Provenance:
    """What the owner of an aggregator must know.

    Attributes:
        licence: licence of the weights, such as ``"Apache-2.0"``.
        data: what they were trained on, with the terms of that data.
        front_end_sha256: identity of the front end's weights, ``""`` without.
        training: recipe, seed, number of images, history.
    """

    licence: str
    data: str
    front_end_sha256: str
    training: dict[str, Any]


def save_aggregator(model: Aggregator, provenance: Provenance, path: Path) -> None:
    """Write an aggregator with its weights in half precision. Equal aggregators have equal bytes.

    Raises:
        OutputError: TP-801.
    """
    metadata = {"format": FORMAT, "version": FORMAT_VERSION, "config": to_json(model.config), **vars(provenance)}
    write_artifact(path, half_weights(model), metadata)


def half_weights(model: Aggregator) -> dict[str, NDArray[np.float16]]:
    """The weights by name, (O,) to (O, I, h, w) in half precision without unit."""
    return {name: value.detach().cpu().numpy().astype(np.float16) for name, value in model.state_dict().items()}


def read_aggregator(path: Path) -> tuple[Aggregator, Provenance]:
    """Read and verify an aggregator, in evaluation mode on the CPU.

    Raises:
        MapFileError: missing (TP-401), cut short (TP-402), damaged (TP-403).
        MappingError: not an aggregator, or its parts do not fit together (TP-648).
    """
    artifact = read_artifact(path)
    metadata = artifact.metadata
    if metadata.get("format") != FORMAT or metadata.get("version") != FORMAT_VERSION:
        raise MappingError(
            "TP-648",
            f"this is not an aggregator of format version {FORMAT_VERSION}",
            where=path,
            fix="Give a file that 'trigpoint retrieval train' wrote with this version.",
        )
    try:
        config = from_json(SuperGFConfig, metadata["config"], where=str(path))
        keys = ("licence", "data", "front_end_sha256", "training")
        return restore_aggregator(config, artifact.tensors), Provenance(**{key: metadata[key] for key in keys})
    except UNFIT as error:
        raise MappingError(
            "TP-648", f"the parts of the aggregator do not fit together ({error})", where=path, fix="Train it again."
        ) from error


def restore_aggregator(config: SuperGFConfig, tensors: dict[str, NDArray[Any]]) -> Aggregator:
    """An aggregator, in evaluation mode, from its weights by name, (O,) to (O, I, h, w) without unit.

    Raises:
        RuntimeError, TypeError, ValueError: they do not fit the configuration, or are not finite.
    """
    if "pool.power" in tensors:
        # Files hold no scalars.
        tensors = {**tensors, "pool.power": tensors["pool.power"].reshape(())}
    return restored_module(lambda: make_aggregator(config), tensors, config.layers + len(config.position_hidden))
