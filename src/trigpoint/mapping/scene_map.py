"""The map: one safetensors file that holds everything of a scene that a query needs, and no images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.artifact import UNFIT, encode_artifact, part_of, read_artifact, typed, write_bytes
from trigpoint.core.config import Range, Settings, from_json, hints_of, to_json
from trigpoint.core.errors import MapFileError
from trigpoint.core.pose import MAX_COORDINATE
from trigpoint.features.extract import ImageFeatures
from trigpoint.features.pca import Pca
from trigpoint.mapping.acceptance import Acceptance
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.coordinate_source import CoordinateSource, Hypothesis
from trigpoint.mapping.described_points import DescribedPoints
from trigpoint.mapping.direct_landmarks import DirectLandmarks
from trigpoint.mapping.landmark_config import DirectConfig, LandmarkConfig
from trigpoint.mapping.landmarks import Landmarks
from trigpoint.mapping.learned_images import LearnedImages
from trigpoint.mapping.networks import Networks
from trigpoint.mapping.normalization import Normalization

FORMAT = "trigpoint-map"
FORMAT_VERSION = 6
# Four times that of 64 networks with their history: reading settings takes a second a megabyte.
_MAX_HEADER_BYTES = 2 << 20
_MAX_DETAIL = 300
# Normalised units per unit of the world: from cameras spread over an atom to those of a galaxy.
_SCALES = Range(1e-12, 1e12)


def _restore_landmarks(
    tensors: Mapping[str, NDArray[Any]], config: LandmarkConfig, dim: int, facts: Mapping[str, Any]
) -> CoordinateSource:
    """Landmarks of either kind, points (M, 3) in the normalised frame; the JSON of their section adds nothing."""
    if isinstance(config, DirectConfig):
        return DirectLandmarks.restore(tensors, config, dim)
    return Landmarks.restore(tensors, config, dim)


# The kinds of sources: the field of the recipe, and the section of the file, that each of them has.
SOURCES: dict[str, Callable[[Mapping[str, NDArray[Any]], Any, int, Mapping[str, Any]], CoordinateSource]] = {
    "network": Networks.restore,
    "landmarks": _restore_landmarks,
}
# Normalised units, in which cameras are some units apart: squares of what is farther are no numbers any more.
_FARTHEST = 1e9


@dataclass(frozen=True, eq=False)
class SceneMap:
    """A map in memory.

    Attributes:
        config: the recipe it was made by.
        sources: what gives scene coordinates, by the section of the recipe that each was made by.
        normalization: from the frame of the sources to world.
        dim: length of a local descriptor.
        weights_sha256: identity of the encoder's weights.
        metric: whether one unit is one metre.
        built_from: what it was made from: images, split, seed, digest.
        pca: reduction of the encoder's descriptors to ``dim``, or None.
        acceptance: which inlier ratios can be trusted; all are until it has been measured.
        map_id: first 12 digits of the file's SHA-256; ``""`` before it is written.
    """

    config: MappingConfig
    sources: Mapping[str, CoordinateSource]
    normalization: Normalization
    dim: int
    weights_sha256: str
    metric: bool
    built_from: dict[str, Any]
    pca: Pca | None = None
    acceptance: Acceptance = field(default_factory=lambda: Acceptance(noise_inlier_ratio=0.0, typical_inlier_ratio=1.0))
    map_id: str = ""

    @property
    def units(self) -> str:
        """``"m"`` or ``"units"``."""
        return "m" if self.metric else "units"

    @cached_property
    def learned(self) -> LearnedImages:
        """The mapping images, to know them again."""
        return LearnedImages.parse(self.built_from.get("learned_images", ""))

    @property
    def can_forget(self) -> bool:
        """Whether ``without_image`` gives what a map made without that image would give."""
        return all(source.can_forget for source in self.sources.values())

    @property
    def error_scale(self) -> float:
        """Standard deviations of poses in units of what residuals tell: by the kind of its sources, and as measured."""
        return max(source.error_scale for source in self.sources.values()) * self.acceptance.error_scale

    def hypotheses(self, features: ImageFeatures, size: tuple[int, int]) -> list[Hypothesis]:
        """What to try for a query: of each source the likeliest first.

        Args:
            features: its local features.
            size: width and height of the upright image, px.
        """
        return [hypothesis for source in self.sources.values() for hypothesis in source.hypotheses(features, size)]

    def wider(self, hypothesis: Hypothesis) -> Hypothesis | None:
        """What to try where a hypothesis explains hardly anything; None: there is no more."""
        return self.sources[hypothesis.source].wider(hypothesis)

    def elsewhere(self, hypothesis: Hypothesis, points_world: NDArray[np.float64]) -> Hypothesis | None:
        """What is left of a hypothesis without what shows the (K, 3) points in world that it gave; None: nothing."""
        return self.sources[hypothesis.source].elsewhere(hypothesis, self.normalization.to_normalized(points_world))

    @cached_property
    def described(self) -> tuple[DescribedPoints, NDArray[np.float64]] | None:
        """The landmarks that poses can be refined on, and their (M, 3) positions in world; None: the map has none."""
        for source in self.sources.values():
            points = source.described()
            if points is not None:
                return points, self.normalization.to_world(points.positions)
        return None

    def without_image(self, index: int) -> SceneMap:
        """The map as a query meets it that is not this mapping image, as far as its sources can forget one."""
        return replace(self, sources={name: source.without_image(index) for name, source in self.sources.items()})

    def to(self, device: torch.device) -> SceneMap:
        """The map with all its sources on another device, on which ``points`` works then."""
        return replace(self, sources={name: source.to(device) for name, source in self.sources.items()})

    def points(self, descriptors: torch.Tensor, hypotheses: Sequence[Hypothesis]) -> NDArray[np.float64]:
        """(N, C) local descriptors to (K, N, 3) points in world, one set for each hypothesis; NaN for keypoints without.

        Points that lie beyond any scene, as those of damaged weights, are none.
        """
        result = np.empty((len(hypotheses), len(descriptors), 3))
        for name, source in self.sources.items():
            rows = [row for row, hypothesis in enumerate(hypotheses) if hypothesis.source == name]
            if rows:
                result[rows] = source.points(descriptors, [hypotheses[row] for row in rows])
        result[~(np.abs(result) <= _FARTHEST).all(axis=2)] = np.nan
        return self.normalization.to_world(result)


@dataclass(frozen=True)
class BuiltFrom(Settings):
    """What a map was made from, as its file says it.

    Attributes:
        scene: name of its folder.
        format: of the scene.
        images: number of mapping images.
        held_out: number of images left out for evaluation.
        holdout: the rule by which they were left out, or None.
        seed: seed of every random number.
        digest: SHA-256 of images, poses, cameras and all files that the recipe reads.
        poses: the convention that the user named for the poses, or None: that of the format.
        learned_images: digests of the mapping images, see ``LearnedImages``.
        pose_warning: in what way the poses do not fit the images, as a sentence; ``""`` if they do.
    """

    scene: str
    format: str
    images: Annotated[int, Range(1)]
    held_out: Annotated[int, Range(0)]
    holdout: str | None
    seed: int
    digest: str
    poses: str | None = None
    learned_images: str = ""
    pose_warning: str = ""


@dataclass(frozen=True)
class _Header(Settings):
    """What a map file says beside its recipe and its tensors."""

    scale: Annotated[float, _SCALES]
    dim: Annotated[int, Range(1)]
    weights_sha256: str
    metric: bool
    built_from: BuiltFrom
    sources: dict[str, Any]
    acceptance: Acceptance


def save_map(scene_map: SceneMap, path: Path) -> None:
    """Write a map file. Equal maps have equal bytes.

    Raises:
        OutputError: TP-801.
    """
    tensors: dict[str, NDArray[Any]] = {"normalization.origin": scene_map.normalization.origin}
    if scene_map.pca is not None:
        tensors |= {f"pca.{name}": value for name, value in scene_map.pca.state().items()}
    for section, source in scene_map.sources.items():
        tensors |= {f"{section}.{name}": value for name, value in source.tensors().items()}
    metadata = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "config": to_json(scene_map.config),
        "scale": scene_map.normalization.scale,
        "dim": scene_map.dim,
        "weights_sha256": scene_map.weights_sha256,
        "metric": scene_map.metric,
        "built_from": scene_map.built_from,
        "sources": {section: source.facts() for section, source in scene_map.sources.items()},
        "acceptance": to_json(scene_map.acceptance),
    }
    write_bytes(path, encode_artifact(tensors, metadata))


def load_map(path: Path) -> SceneMap:
    """Read and verify a map file.

    Raises:
        MapFileError: missing (TP-401), not a map or cut short (TP-402), damaged (TP-403), of another format version
            (TP-404), contents that do not fit together or are out of range (TP-405).
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
        if artifact.header_bytes > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {artifact.header_bytes:,} bytes")
        return replace(_restored(metadata, artifact.tensors), map_id=artifact.sha256[:12])
    except UNFIT as error:
        detail = f"{type(error).__name__} {error}" if isinstance(error, LookupError) else str(error)
        raise MapFileError(
            "TP-405",
            f"the parts of the map do not fit together ({shorten(detail, _MAX_DETAIL)})",
            where=path,
            fix="Build it again.",
        ) from error


def _restored(metadata: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> SceneMap:
    """The map of a file. Raises one of ``UNFIT``."""
    config = from_json(MappingConfig, metadata["config"])
    header = from_json(_Header, {name: metadata[name] for name in hints_of(_Header)})
    LearnedImages.parse(header.built_from.learned_images)
    recipes = {section: getattr(config, section) for section in SOURCES}
    sources = {
        section: SOURCES[section](part_of(tensors, f"{section}."), recipe, header.dim, header.sources[section])
        for section, recipe in recipes.items()
        if recipe is not None
    }
    origin = typed(tensors, "normalization.origin", np.float64)
    # Also where it is NaN.
    if origin.shape != (3,) or not (np.abs(origin) <= MAX_COORDINATE).all():
        raise ValueError("the origin is no point of a scene")
    pca = Pca.restore(part_of(tensors, "pca.")) if config.features.pca_dim else None
    if pca is not None and pca.dim != header.dim:
        raise ValueError(f"a PCA to {pca.dim} numbers for descriptors of {header.dim}")
    return SceneMap(
        config=config,
        sources=sources,
        normalization=Normalization(origin, header.scale),
        dim=header.dim,
        weights_sha256=header.weights_sha256,
        metric=header.metric,
        built_from=to_json(header.built_from),
        pca=pca,
        acceptance=header.acceptance,
    )


def map_bytes(path: Path) -> dict[str, int]:
    """Where every byte of a map file goes: bytes by tensor, ``"header"`` for the rest. They add up to the file's size."""
    artifact = read_artifact(path)
    return {"header": artifact.header_bytes, **{name: array.nbytes for name, array in sorted(artifact.tensors.items())}}
