"""The map: one safetensors file that holds everything of a place that a query needs, and no photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.artifact import encode_artifact, header_bytes, read_artifact, sha256_of, write_bytes
from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import MapFileError, TrigpointError
from trigpoint.mapping.calibration import Calibration
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.head import Head
from trigpoint.mapping.normalization import Normalization

FORMAT = "trigpoint-map"
FORMAT_VERSION = 1
# The last layer sets coordinates: half precision there costs 6 cm at 100 m. The others only carry features.
_FULL_PRECISION = ("output.weight", "output.bias", "mean", "deviation")


@dataclass(frozen=True, eq=False)
class SceneMap:
    """A map in memory.

    Attributes:
        config: the recipe it was made by.
        head: the network, in evaluation mode on the CPU.
        normalization: from the network's frame to world.
        dim: length of a local descriptor.
        weights_sha256: identity of the encoder's weights.
        metric: whether one unit is one metre.
        built_from: what it was made from: photos, split, seed, digest.
        training: history of the training.
        calibration: which inlier shares can be trusted; all are until it has been measured.
        map_id: first 12 digits of the file's SHA-256; ``""`` before it is written.
    """

    config: MappingConfig
    head: Head
    normalization: Normalization
    dim: int
    weights_sha256: str
    metric: bool
    built_from: dict[str, Any]
    training: list[dict[str, Any]]
    calibration: Calibration = Calibration(noise_share=0.0, typical_share=1.0)  # noqa: RUF009 (frozen)
    map_id: str = ""

    @property
    def units(self) -> str:
        """``"m"`` or ``"units"``."""
        return "m" if self.metric else "units"

    def points(self, descriptors: torch.Tensor) -> NDArray[np.float64]:
        """(N, C) local descriptors to (N, 3) points in world."""
        with torch.inference_mode():
            return self.normalization.to_world(self.head(descriptors).numpy())


def save_map(scene_map: SceneMap, path: Path) -> None:
    """Write a map file. Equal maps have equal bytes.

    Raises:
        OutputError: TP-801.
    """
    tensors: dict[str, NDArray[Any]] = {"normalization.origin": scene_map.normalization.origin}
    for name, value in scene_map.head.state_dict().items():
        array = value.detach().cpu().numpy()
        tensors[f"head.{name}"] = array.astype(np.float32 if name in _FULL_PRECISION else np.float16)
    metadata = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "config": to_json(scene_map.config),
        "scale": scene_map.normalization.scale,
        "dim": scene_map.dim,
        "weights_sha256": scene_map.weights_sha256,
        "metric": scene_map.metric,
        "built_from": scene_map.built_from,
        "training": scene_map.training,
        "calibration": to_json(scene_map.calibration),
    }
    write_bytes(path, encode_artifact(tensors, metadata))


def load_map(path: Path) -> SceneMap:
    """Read and verify a map file.

    Raises:
        MapFileError: missing (TP-401), not a map or cut short (TP-402), damaged (TP-403), made by a newer version
            (TP-404), contents that do not fit together (TP-405).
    """
    artifact = read_artifact(path)
    metadata = artifact.metadata
    if metadata.get("format") != FORMAT:
        raise MapFileError("TP-402", "this is a trigpoint file, but not a map", where=path, fix="Give a .trig file.")
    if metadata.get("version") != FORMAT_VERSION:
        raise MapFileError(
            "TP-404",
            f"the map has format version {metadata.get('version')}, this program reads {FORMAT_VERSION}",
            where=path,
            fix="Install the version of trigpoint that made it, or build it again.",
        )
    try:
        config = from_json(MappingConfig, metadata["config"])
        head = Head(metadata["dim"], config.head)
        weights = {
            name.removeprefix("head."): torch.from_numpy(array.astype(np.float32))
            for name, array in artifact.tensors.items()
            if name.startswith("head.")
        }
        head.load_state_dict(weights)
        origin = np.asarray(artifact.tensors["normalization.origin"], dtype=np.float64)
        scale = float(metadata["scale"])
        finite = all(bool(torch.isfinite(value).all()) for value in weights.values())
        if origin.shape != (3,) or not np.isfinite(origin).all() or not 0 < scale < np.inf or not finite:
            raise ValueError("values out of range")
        return SceneMap(
            config=config,
            head=head.eval().requires_grad_(False),
            normalization=Normalization(origin, scale),
            dim=metadata["dim"],
            weights_sha256=metadata["weights_sha256"],
            metric=metadata["metric"],
            built_from=metadata["built_from"],
            training=metadata["training"],
            calibration=from_json(Calibration, metadata["calibration"]),
            map_id=sha256_of(path)[:12],
        )
    except (KeyError, ValueError, TypeError, RuntimeError, TrigpointError) as error:
        raise MapFileError(
            "TP-405", f"the parts of the map do not fit together ({error})", where=path, fix="Build it again."
        ) from error


def map_bytes(path: Path) -> dict[str, int]:
    """Where every byte of a map file goes: bytes by tensor, ``"header"`` for the rest. They add up to the file's size."""
    sizes = {name: array.nbytes for name, array in sorted(read_artifact(path).tensors.items())}
    return {"header": header_bytes(path), **sizes}
