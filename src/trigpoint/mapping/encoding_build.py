"""Gives the mapping images their global encodings, and the map what a query needs to get one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from trigpoint.core.artifact import read_artifact, write_artifact
from trigpoint.core.errors import MappingError
from trigpoint.core.scene import Scene
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.covisibility.graph import CovisibilityGraph, NeighbourTable, build_graph
from trigpoint.covisibility.spectral import spectral_codes
from trigpoint.features.cache import SizedFeatures
from trigpoint.mapping.config import GlobalConfig
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.retrieval.descriptor import describe_images, fit_descriptor
from trigpoint.retrieval.index import RetrievalIndex

_LOGGER = logging.getLogger(__name__)

_FILE = "encodings.safetensors"
# Below this it is not halved again.
_NO_OVERLAP, _LOWEST_OVERLAP = "TP-625", 0.05


def build_encodings(
    scene: Scene,
    images: Callable[[], Sequence[SizedFeatures]],
    config: GlobalConfig,
    *,
    seed: int,
    folder: Path,
    depths: Callable[[], DepthRange],
    device: torch.device | str = "cpu",
) -> tuple[SceneEncoding, ImageEncodings]:
    """Make the global encodings of a scene, or read them from the work folder.

    Args:
        scene: the mapping images, all with poses.
        images: gives their local features, in the same order; only asked if the work is not done yet.
        config: of a kind other than ``"none"``.
        seed: seed of the map.
        folder: work folder.
        depths: gives the depths at which the images see something; asked only if codes need them and settings do not say.
        device: where codes are learned.
    """
    path = folder / _FILE
    if not path.exists():
        _write(path, scene, images(), config, seed, depths, device)
    tensors = read_artifact(path).tensors
    table = None
    if "indptr" in tensors:
        table = NeighbourTable(*(torch.from_numpy(tensors[name].copy()) for name in ("indptr", "indices")))
    kept = {name.removeprefix("scene."): value for name, value in tensors.items() if name.startswith("scene.")}
    own = ImageEncodings(
        codes=torch.from_numpy(tensors["own"].copy()),
        noise=config.noise if config.kind == "descriptor" else 0.0,
        neighbours=table,
        neighbour_fraction=config.neighbour_fraction,
    )
    return SceneEncoding.from_tensors(kept, config), own


def _write(
    path: Path,
    scene: Scene,
    images: Sequence[SizedFeatures],
    config: GlobalConfig,
    seed: int,
    depths: Callable[[], DepthRange],
    device: torch.device | str,
) -> None:
    wanted = config.dim if config.kind == "descriptor" else config.descriptor_dim
    descriptor = fit_descriptor(config.descriptor, images, wanted, seed)
    vectors = describe_images(descriptor, images)
    if config.kind == "descriptor":
        tensors = {"own": vectors.numpy()} | {
            f"scene.{key}": value for key, value in SceneEncoding(descriptor).tensors().items()
        }
        write_artifact(path, tensors, {})
        return
    graph = _graph(scene, config, seed, depths)
    # Rounded as the map keeps them, so that training sees what a query will get.
    codes = torch.from_numpy(_codes(graph, config, seed, device)).half()
    encoding = SceneEncoding(descriptor, RetrievalIndex(vectors.half()), codes)
    table = graph.neighbour_table()
    tensors = {"own": codes.float().numpy(), "indptr": table.indptr.numpy(), "indices": table.indices.numpy()}
    write_artifact(path, tensors | {f"scene.{key}": value for key, value in encoding.tensors().items()}, {})


def _graph(scene: Scene, config: GlobalConfig, seed: int, depths: Callable[[], DepthRange]) -> CovisibilityGraph:
    """The covisibility graph; where too few images overlap, with a lower threshold, which is said."""
    threshold, limits = config.min_overlap, _limits(config, depths)
    while True:
        last = threshold < _LOWEST_OVERLAP
        try:
            graph = build_graph(
                scene,
                method=config.overlap,
                threshold=threshold,
                seed=seed,
                depths=limits,
                direction_weight=config.direction_weight,
            )
            if last or graph.degrees().mean() >= min(config.min_neighbours, (len(graph) - 1) / 2):
                break
        except MappingError as error:
            if error.code != _NO_OVERLAP or last:
                raise
        threshold /= 2
    alone = len(graph.isolated())
    if threshold < config.min_overlap or alone:
        message = f"{graph.edges} pairs of images overlap by {threshold:.2f} or more"
        _LOGGER.info(f"{message}, {alone} images with none" if alone else message)
    return graph


def _limits(config: GlobalConfig, depths: Callable[[], DepthRange]) -> DepthRange | None:
    near, far = config.depth_near, config.depth_far
    if config.overlap == "tracks":
        return None
    if near and far:
        return DepthRange(near, far)
    found = depths()
    return DepthRange(near or found.near, far or found.far) if near or far else found


def _codes(graph: CovisibilityGraph, config: GlobalConfig, seed: int, device: torch.device | str) -> np.ndarray:
    if config.codes == "spectral":
        return spectral_codes(graph, config.dim)
    from trigpoint.covisibility.node2vec import Node2VecParams, node2vec_codes

    params = Node2VecParams() if config.walks == "published" else None
    return node2vec_codes(graph, config.dim, seed, params, device=device)
