"""The map: one safetensors file that holds everything of a scene that a query needs, and no images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.artifact import encode_artifact, header_bytes, read_artifact, sha256_of, write_bytes
from trigpoint.core.config import from_json, to_json
from trigpoint.core.errors import MapFileError, TrigpointError
from trigpoint.features.extract import ImageFeatures
from trigpoint.features.pca import Pca
from trigpoint.mapping.acceptance import Acceptance
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.head import Head
from trigpoint.mapping.landmarks import Landmarks
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.scene_encoding import SceneEncoding

FORMAT = "trigpoint-map"
FORMAT_VERSION = 4
# These set coordinates: half precision there costs 6 cm at 100 m. The others only carry features.
_FULL_PRECISION = ("output.weight", "output.bias", "choice.weight", "choice.bias", "centres", "mean", "deviation")


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One way to read a query: with which network and global encoding, or with the landmarks of which images.

    Attributes:
        head: index in ``SceneMap.heads``.
        code: (D,) float32 global encoding, or None for networks without.
        images: (K,) mapping images to match with, in a map of landmarks.
    """

    head: int
    code: torch.Tensor | None = None
    images: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class SceneMap:
    """A map in memory.

    Attributes:
        config: the recipe it was made by.
        heads: the networks, in evaluation mode on the CPU; several for an ensemble, none in a map of
            landmarks.
        normalization: from the network's frame to world.
        dim: length of a local descriptor.
        weights_sha256: identity of the encoder's weights.
        metric: whether one unit is one metre.
        built_from: what it was made from: images, split, seed, digest.
        training: history of the training.
        encoding: what gives a query its global encoding, or None.
        pca: reduction of the encoder's descriptors to ``dim``, or None.
        landmarks: what the map holds instead of networks, or None.
        calibration: which inlier ratios can be trusted; all are until it has been measured.
        map_id: first 12 digits of the file's SHA-256; ``""`` before it is written.
    """

    config: MappingConfig
    heads: tuple[Head, ...]
    normalization: Normalization
    dim: int
    weights_sha256: str
    metric: bool
    built_from: dict[str, Any]
    training: list[dict[str, Any]]
    encoding: SceneEncoding | None = None
    pca: Pca | None = None
    landmarks: Landmarks | None = None
    acceptance: Acceptance = Acceptance(noise_inlier_ratio=0.0, typical_inlier_ratio=1.0)  # noqa: RUF009 (frozen)
    map_id: str = ""

    @property
    def units(self) -> str:
        """``"m"`` or ``"units"``."""
        return "m" if self.metric else "units"

    def hypotheses(self, found: ImageFeatures, size: tuple[int, int]) -> list[Hypothesis]:
        """What to try for a query, the likeliest first.

        Args:
            found: its local features.
            size: width and height of the upright image, px.
        """
        if self.landmarks is not None:
            return [Hypothesis(0, images=self.landmarks.images(found, size))]
        heads = range(len(self.heads))
        if self.encoding is None:
            return [Hypothesis(head) for head in heads]
        codes = self.encoding.hypotheses(found, size, self.config.global_encoding.hypotheses)
        return [Hypothesis(head, code) for code, own in codes for head in (heads if own is None else (own,))]

    def blank_hypothesis(self) -> Hypothesis:
        """A hypothesis without meaning, to run the map once."""
        if self.landmarks is not None:
            return Hypothesis(0, images=torch.zeros(1, dtype=torch.int64))
        return Hypothesis(0, None if self.encoding is None else torch.zeros(self.config.global_encoding.dim))

    def without_image(self, index: int) -> SceneMap:
        """The map as a query meets it that is not this mapping image. Networks cannot forget one and stay as they are."""
        return self if self.landmarks is None else replace(self, landmarks=self.landmarks.without(index))

    def points(self, descriptors: torch.Tensor, hypotheses: Sequence[Hypothesis]) -> NDArray[np.float64]:
        """(N, C) local descriptors to (K, N, 3) points in world, one set for each hypothesis.

        In a map of landmarks, keypoints that match none have NaN.
        """
        if self.landmarks is not None:
            return np.stack([self._matched(descriptors, hypothesis, self.landmarks) for hypothesis in hypotheses])
        count = len(descriptors)
        result = np.empty((len(hypotheses), count, 3))
        for head, network in enumerate(self.heads):
            mine = [index for index, hypothesis in enumerate(hypotheses) if hypothesis.head == head]
            inputs = torch.cat([_inputs(descriptors, hypotheses[index].code) for index in mine]) if mine else descriptors[:0]
            if len(inputs):
                with torch.inference_mode():
                    points = self.normalization.to_world(network(inputs).numpy())
                result[mine] = points.reshape(len(mine), count, 3)
        return result

    def _matched(self, descriptors: torch.Tensor, hypothesis: Hypothesis, landmarks: Landmarks) -> NDArray[np.float64]:
        assert hypothesis.images is not None  # made by hypotheses()
        return self.normalization.to_world(landmarks.match(descriptors, hypothesis.images))


def _inputs(descriptors: torch.Tensor, code: torch.Tensor | None) -> torch.Tensor:
    return descriptors if code is None else torch.cat([code.expand(len(descriptors), -1), descriptors], dim=1)


def save_map(scene_map: SceneMap, path: Path) -> None:
    """Write a map file. Equal maps have equal bytes.

    Raises:
        OutputError: TP-801.
    """
    tensors: dict[str, NDArray[Any]] = {"normalization.origin": scene_map.normalization.origin}
    for number, head in enumerate(scene_map.heads):
        for name, value in head.state_dict().items():
            kind = np.float32 if name.endswith(_FULL_PRECISION) else np.float16
            tensors[f"heads.{number}.{name}"] = value.detach().cpu().numpy().astype(kind)
    if scene_map.pca is not None:
        tensors |= {f"pca.{name}": value for name, value in scene_map.pca.state().items()}
    if scene_map.encoding is not None:
        tensors |= {f"encoding.{name}": value for name, value in scene_map.encoding.tensors().items()}
    if scene_map.landmarks is not None:
        tensors |= {f"landmarks.{name}": value for name, value in scene_map.landmarks.tensors().items()}
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
        "acceptance": to_json(scene_map.acceptance),
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
        hierarchical = config.method == "hierarchical"
        heads = () if hierarchical else _heads(artifact.tensors, metadata["dim"], config)
        origin = np.asarray(artifact.tensors["normalization.origin"], dtype=np.float64)
        scale = float(metadata["scale"])
        finite = all(bool(torch.isfinite(value).all()) for head in heads for value in head.state_dict().values())
        if origin.shape != (3,) or not np.isfinite(origin).all() or not 0 < scale < np.inf or not finite:
            raise ValueError("values out of range")
        return SceneMap(
            config=config,
            heads=heads,
            normalization=Normalization(origin, scale),
            dim=metadata["dim"],
            weights_sha256=metadata["weights_sha256"],
            metric=metadata["metric"],
            built_from=metadata["built_from"],
            training=metadata["training"],
            encoding=None if hierarchical else _encoding(artifact.tensors, config),
            pca=Pca.restore(_part(artifact.tensors, "pca.")) if config.features.pca_dim else None,
            landmarks=_landmarks(artifact.tensors, config, metadata["dim"]) if hierarchical else None,
            acceptance=from_json(Acceptance, metadata["acceptance"]),
            map_id=sha256_of(path)[:12],
        )
    except (KeyError, ValueError, TypeError, RuntimeError, TrigpointError) as error:
        raise MapFileError(
            "TP-405", f"the parts of the map do not fit together ({error})", where=path, fix="Build it again."
        ) from error


def _part(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _heads(tensors: Mapping[str, NDArray[Any]], dim: int, config: MappingConfig) -> tuple[Head, ...]:
    inputs = dim + (0 if config.global_encoding.kind == "none" else config.global_encoding.dim)
    result = []
    for number in range(config.ensemble):
        head = Head(inputs, config.head)
        weights = _part(tensors, f"heads.{number}.")
        head.load_state_dict({name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.items()})
        result.append(head.eval().requires_grad_(False))
    return tuple(result)


def _encoding(tensors: Mapping[str, NDArray[Any]], config: MappingConfig) -> SceneEncoding | None:
    if config.global_encoding.kind == "none":
        return None
    return SceneEncoding.from_tensors(_part(tensors, "encoding."), config.global_encoding)


def _landmarks(tensors: Mapping[str, NDArray[Any]], config: MappingConfig, dim: int) -> Landmarks:
    return Landmarks.from_tensors(_part(tensors, "landmarks."), config.landmarks, dim)


def map_bytes(path: Path) -> dict[str, int]:
    """Where every byte of a map file goes: bytes by tensor, ``"header"`` for the rest. They add up to the file's size."""
    sizes = {name: array.nbytes for name, array in sorted(read_artifact(path).tensors.items())}
    return {"header": header_bytes(path), **sizes}
