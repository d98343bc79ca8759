"""Global encodings: those of the mapping images, and what gives a query one."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from trigpoint.core.artifact import part_of, read_artifact, write_artifact
from trigpoint.core.errors import MappingError
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.covisibility.graph import CovisibilityGraph, NeighbourTable, build_graph
from trigpoint.covisibility.spectral import spectral_codes
from trigpoint.mapping.encoding_config import DescriptorEncoding, GlobalEncoding, NodeEncoding, Overlap, PoseOverlap
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.mapping_images import MappingImages
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.retrieval.descriptor import describe_images, fit_descriptor
from trigpoint.retrieval.index import RetrievalIndex

_LOGGER = logging.getLogger(__name__)

_FILE = "encodings.safetensors"
# Below this it is not halved again.
_NO_OVERLAP, _LOWEST_OVERLAP = "TP-625", 0.05


def build_encodings(images: MappingImages, config: GlobalEncoding) -> tuple[SceneEncoding, ImageEncodings]:
    """Make the global encodings of a scene, or read them from the work folder.

    Args:
        images: the mapping images; their features and depths are only asked for if the work is not done yet.
        config: kind of the encodings.
    """
    path = images.folder / _FILE
    if not path.exists():
        if isinstance(config, DescriptorEncoding):
            _write_descriptors(path, images, config)
        else:
            _write_embeddings(path, images, config)
    tensors = read_artifact(path).tensors
    scene = SceneEncoding.from_tensors(part_of(tensors, "scene."), config)
    vectors = ImageEncodings(torch.from_numpy(tensors["images"].copy()))
    if isinstance(config, DescriptorEncoding):
        return scene, replace(vectors, noise=config.noise)
    table = NeighbourTable(*(torch.from_numpy(tensors[name].copy()) for name in ("indptr", "indices")))
    return scene, replace(vectors, neighbours=table, neighbour_fraction=config.neighbour_fraction)


def _write_descriptors(path: Path, images: MappingImages, config: DescriptorEncoding) -> None:
    features = images.features()
    descriptor = fit_descriptor(config.descriptor, features, config.dim, images.seed)
    vectors = describe_images(descriptor, features)
    write_artifact(path, {"images": vectors.numpy(), **_prefixed(SceneEncoding(descriptor))}, {})


def _write_embeddings(path: Path, images: MappingImages, config: NodeEncoding) -> None:
    features = images.features()
    descriptor = fit_descriptor(config.descriptor, features, config.descriptor_dim, images.seed)
    vectors = describe_images(descriptor, features)
    graph = covisibility_graph(images, config.overlap)
    # Rounded as the map keeps them, so that training sees what a query will get.
    embeddings = torch.from_numpy(_embeddings(graph, images, config)).half()
    table = graph.neighbour_table()
    tensors = {"images": embeddings.float().numpy(), "indptr": table.indptr.numpy(), "indices": table.indices.numpy()}
    encoding = SceneEncoding(descriptor, RetrievalIndex(vectors.half()), embeddings)
    write_artifact(path, {**tensors, **_prefixed(encoding)}, {})


def _prefixed(encoding: SceneEncoding) -> dict[str, np.ndarray]:
    return {f"scene.{name}": value for name, value in encoding.tensors().items()}


def covisibility_graph(images: MappingImages, overlap: Overlap) -> CovisibilityGraph:
    """Covisibility graph of the mapping images; where too few overlap, with a lower threshold, which is logged."""
    threshold, limits = overlap.threshold, _limits(images, overlap)
    while True:
        last = threshold < _LOWEST_OVERLAP
        try:
            graph = build_graph(
                images.scene,
                method=overlap.kind,
                threshold=threshold,
                seed=images.seed,
                depths=limits,
                direction_weight=isinstance(overlap, PoseOverlap) and overlap.direction_weight,
            )
            if last or graph.degrees().mean() >= min(overlap.min_neighbours, (len(graph) - 1) / 2):
                break
        except MappingError as error:
            if error.code != _NO_OVERLAP or last:
                raise
        threshold /= 2
    alone = len(graph.isolated())
    if threshold < overlap.threshold or alone:
        message = f"{graph.edges} pairs of images overlap by {threshold:.2f} or more"
        _LOGGER.info(f"{message}, {alone} images with none" if alone else message)
    return graph


def _limits(images: MappingImages, overlap: Overlap) -> DepthRange | None:
    if not isinstance(overlap, PoseOverlap):
        return None
    return images.depths() if overlap.depths is None else DepthRange(*overlap.depths)


def _embeddings(graph: CovisibilityGraph, images: MappingImages, config: NodeEncoding) -> np.ndarray:
    """(P, D) float32 node embeddings of the mapping images, without unit."""
    if config.embedding == "spectral":
        return spectral_codes(graph, config.dim)
    from trigpoint.covisibility.node2vec import Node2VecParams, node2vec_codes

    params = Node2VecParams() if config.embedding == "node2vec-published" else None
    return node2vec_codes(graph, config.dim, images.seed, params, device=images.device)
