"""Everything that decides how a map is made, as frozen values that are stored in the map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

from trigpoint.core.config import Range, Settings, require
from trigpoint.core.image_limits import MIN_SIDE_PX
from trigpoint.features.encoders import is_dense
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.mapping.encoding_config import GlobalEncoding, NodeEncoding
from trigpoint.mapping.landmark_config import DirectConfig, HierarchicalConfig, LandmarkConfig, TriangulationConfig
from trigpoint.mapping.network_config import LandmarkSupervision, NetworkConfig

# The shorter side of the largest images that are decoded, and a keypoint for each 100 of their pixels.
MAX_SIDE_PX, MAX_KEYPOINTS = 10_000, 1_000_000
IMAGES_PER_SPECTRAL_NUMBER = 4
# About 100 landmarks: fewer place no image.
_FEWEST_LANDMARK_BYTES = 2000
# Images are no measure of a scene that was filmed: a long video of one room needs no more networks than a short one.
_MOST_FITTED = 4


@dataclass(frozen=True)
class FeatureConfig(Settings):
    """The local features of an image.

    Attributes:
        encoder: key in ``ENCODERS``.
        short_side_px: shorter side of the view without augmentation.
        query_keypoints: keypoints at most (sparse encoders) of a query, and of a mapping image where landmarks are made.
        pca_dim: length to which descriptors are reduced, by a PCA of the mapping images; 0: as the encoder gives them.
    """

    encoder: str = "xfeat"
    short_side_px: Annotated[int, Range(MIN_SIDE_PX, MAX_SIDE_PX)] = 480
    query_keypoints: Annotated[int, Range(1, MAX_KEYPOINTS)] = 2000
    pca_dim: Annotated[int, Range(0)] = 0


@dataclass(frozen=True)
class MappingConfig(Settings):
    """A preset: one complete recipe for a map with one source of scene coordinates or both.

    Attributes:
        preset: its name.
        features: the local features of the images.
        triangulation: of keypoints, where landmarks or networks that learn from them ask for it.
        network: networks that regress scene coordinates, or None.
        landmarks: triangulated keypoints that a query is matched with, or None.
    """

    preset: str
    features: FeatureConfig = field(default_factory=FeatureConfig)
    triangulation: TriangulationConfig = field(default_factory=TriangulationConfig)
    network: NetworkConfig | None = None
    landmarks: LandmarkConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        some = self.network is not None or self.landmarks is not None
        require(some, "network", None, "given where landmarks are not: a map needs a source of scene coordinates")
        alone = self.network is None or self.landmarks is not None or self.network.min_images == 0
        require(alone, "network.min_images", self.network and self.network.min_images, "0 where there are no landmarks")
        plain = self.features.encoder == "xfeat" and self.features.pca_dim == 0
        allowed = "nearest: lighterglue knows the descriptors of xfeat, whole"
        fits = self.triangulation.matcher == "nearest" or plain
        require(fits, "triangulation.matcher", self.triangulation.matcher, allowed)

    @property
    def descriptors(self) -> tuple[str, ...]:
        """The global descriptors that are fitted to the scene: keys in ``DESCRIPTORS``, or ``"supergf:FILE"``."""
        encoding = None if self.network is None else self.network.global_encoding
        landmarks = self.landmarks if isinstance(self.landmarks, HierarchicalConfig) else None
        return tuple(part.descriptor for part in (encoding, landmarks) if part is not None)


def fast_variant(config: MappingConfig) -> MappingConfig:
    """The recipe for a narrower network, half of the batch, a quarter of the views, half of the images to match each with.

    Narrow networks take more steps in the same time, and that is worth more: on RedKitchen 900 steps of three quarters of
    the width came to 2.0 to 2.5 cm (three seeds) where 500 of the full width came to 2.4 to 2.9 cm. A single view
    of an image is the image as it is, all of it: it is described already where node embeddings or landmarks need it.
    """
    triangulation = replace(config.triangulation, neighbours=max(1, config.triangulation.neighbours // 2))
    network = None if config.network is None else _fast_network(config.network, config.features.query_keypoints)
    return replace(config, triangulation=triangulation, network=network)


def _fast_network(config: NetworkConfig, query_keypoints: int) -> NetworkConfig:
    views = max(1, config.buffer.views_per_image // 4)
    buffer = replace(config.buffer, views_per_image=views, samples=config.buffer.samples // 4)
    if views == 1 and buffer.samples == 0:
        buffer = replace(buffer, augmentation=NO_AUGMENTATION, keypoints_per_view=query_keypoints)
    supervision = config.supervision
    if isinstance(supervision, LandmarkSupervision):
        supervision = replace(supervision, min_samples=supervision.min_samples // 4)
    return replace(
        config,
        buffer=buffer,
        supervision=supervision,
        optimizer=replace(config.optimizer, batch=max(1, config.optimizer.batch // 2)),
        head=replace(config.head, width=config.head.width * 3 // 4),
    )


def fitted_to(config: MappingConfig, images: int, spots: int | None = None) -> MappingConfig:
    """The recipe for a scene with this many images, taken from as many spots if not said otherwise.

    No network, no global encoding and no validation images below their ``min_images``; as many networks, up to four and one
    for each spot, as ``images_per_network`` asks for; no more clusters than images, and no longer spectral embeddings than a
    quarter of them. The higher eigenvectors tell single images apart, and a network that knows which image it looks at need
    not agree with the others. No landmarks of dense encoders, where there is a network: cells of a grid are not found again
    to the pixel.

    Raises:
        ConfigError: more images than the budget of the landmarks has room for (TP-702).
    """
    if isinstance(config.landmarks, DirectConfig):
        budget = config.landmarks.budget_for(images)
        spare = config.landmarks.landmark_bytes(images) - _FEWEST_LANDMARK_BYTES
        require(spare >= 0, "landmarks.budget_kb", budget, f"{budget - spare // 1000} or more for {images} images")
    network = config.network
    if network is None:
        return config
    if is_dense(config.features.encoder) and config.landmarks is not None:
        network = replace(network, min_images=0)
        config = replace(config, network=network, landmarks=None)
    if images < network.min_images:
        return replace(config, network=None)
    network = _fitted_network(network, images, spots)
    if network.learns_landmarks and is_dense(config.features.encoder):
        network = replace(network, supervision=None)
    return replace(config, network=network)


def _fitted_network(config: NetworkConfig, images: int, spots: int | None) -> NetworkConfig:
    ensemble = config.ensemble
    if config.images_per_network:
        wanted = -(-images // config.images_per_network)
        ensemble = max(ensemble, min(_MOST_FITTED, images if spots is None else spots, wanted))
    acceptance = config.acceptance
    if images < acceptance.min_images:
        acceptance = replace(acceptance, validation_images=0)
    encoding = _fitted_encoding(config.global_encoding, images)
    head = replace(config.head, clusters=min(config.head.clusters, images - acceptance.validation_images))
    return replace(config, ensemble=ensemble, global_encoding=encoding, head=head, acceptance=acceptance)


def _fitted_encoding(encoding: GlobalEncoding | None, images: int) -> GlobalEncoding | None:
    if not isinstance(encoding, NodeEncoding):
        return encoding
    if images < encoding.min_images:
        return None
    if encoding.embedding == "spectral":
        return replace(encoding, dim=max(1, min(encoding.dim, images // IMAGES_PER_SPECTRAL_NUMBER)))
    return encoding
