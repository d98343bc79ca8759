"""Everything that decides how a map is made, as frozen values that are stored in the map."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from trigpoint.core.config import require
from trigpoint.core.image import MIN_SIDE_PX
from trigpoint.features.encoders import is_dense
from trigpoint.features.views import NO_AUGMENTATION, AugmentationConfig
from trigpoint.mapping.landmark_config import LandmarkConfig
from trigpoint.mapping.training_config import HeadConfig, LossConfig, OptimizerConfig

METHODS = ("regression", "hierarchical")
ENCODINGS = ("none", "descriptor", "codes")
CODES = ("node2vec", "spectral")
WALKS = ("quick", "published")
IMAGES_PER_CODE_NUMBER = 4
# More networks than this take longer to try than a query may.
MAX_ENSEMBLE = 64
# Images are no measure of a scene that was filmed: a long video of one room needs no more networks than a short one.
_MOST_FITTED = 4
_FEWEST_LEARNED = 5
OVERLAPS = ("published", "frustum", "tracks")


@dataclass(frozen=True)
class FeatureConfig:
    """What is read from an image.

    Attributes:
        encoder: key in ``ENCODERS``.
        short_side_px: shorter side of the view without augmentation.
        query_keypoints: keypoints at most (sparse encoders) of a query, and of a mapping image where landmarks are made.
        pca_dim: length to which descriptors are reduced, by a PCA of the mapping images; 0: as the encoder gives them.
    """

    encoder: str = "xfeat"
    short_side_px: int = 480
    query_keypoints: int = 2000
    pca_dim: int = 0

    def __post_init__(self) -> None:
        smallest = f"{MIN_SIDE_PX} or more"
        require(self.short_side_px >= MIN_SIDE_PX, "features.short_side_px", self.short_side_px, smallest)
        require(self.query_keypoints >= 1, "features.query_keypoints", self.query_keypoints, "1 or more")
        require(self.pca_dim >= 0, "features.pca_dim", self.pca_dim, "0 or more")


@dataclass(frozen=True)
class BufferConfig:
    """The training samples.

    Attributes:
        views_per_image: augmented views of each image; used as it is when ``samples`` is 0.
        keypoints_per_view: samples of each view at most.
        sampling: which: ``"uniform"`` takes the best of sparse encoders and any cells of dense ones, ``"score"`` draws from
            more, often what the detector trusts (GLACE with SuperPoint).
        samples: total number of samples (ACE: 8,000,000): images are visited in turn until it is reached. 0: not used.
        min_samples: with landmarks (``loss.supervision``) views keep samples whose points are known, and others only until
            so many samples come together; 0: all. A network that need not place what cannot be triangulated places the rest
            better, but learns too few samples by heart.
        rounds: buffers that are used one after the other, each made of new views and trained on for as many steps. More than
            one bounds the disk that many samples take (GLACE refreshes its buffer while it trains).
        augmentation: how views differ from the image.
    """

    views_per_image: int = 4
    keypoints_per_view: int = 1500
    sampling: str = "uniform"
    samples: int = 0
    min_samples: int = 0
    rounds: int = 1
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        require(self.views_per_image >= 1, "buffer.views_per_image", self.views_per_image, "1 or more")
        require(self.keypoints_per_view >= 1, "buffer.keypoints_per_view", self.keypoints_per_view, "1 or more")
        require(self.sampling in ("uniform", "score"), "buffer.sampling", self.sampling, "uniform or score")
        require(self.samples >= 0, "buffer.samples", self.samples, "0 or more")
        require(self.min_samples >= 0, "buffer.min_samples", self.min_samples, "0 or more")
        require(self.rounds >= 1, "buffer.rounds", self.rounds, "1 or more")


@dataclass(frozen=True)
class GlobalConfig:
    """What the network is told about the image as a whole, beside each local descriptor.

    Attributes:
        kind: ``"none"`` (ACE), ``"descriptor"``: the retrieval descriptor with feature diffusion (GLACE), or ``"codes"``:
            codes of the covisibility graph with neighbour sampling (R-SCoRe).
        dim: length of the encoding.
        descriptor: key in ``DESCRIPTORS``, or ``"supergf:FILE"``: the encoding itself, or what finds the mapping images
            whose codes are tried.
        descriptor_dim: length of the descriptor, where it only finds images.
        noise: standard deviation of the feature diffusion (GLACE, Eq. 5).
        neighbour_fraction: fraction of each batch that gets the code of a neighbour (R-SCoRe).
        codes: ``"node2vec"`` or ``"spectral"``.
        walks: of node2vec: ``"quick"``, which converge on a CPU, or ``"published"``: R-SCoRe's, hundreds of times as many.
        overlap: ``"published"``, ``"frustum"`` or ``"tracks"``: how covisibility is measured.
        direction_weight: whether overlap from poses is multiplied by the cosine between the viewing directions.
        min_overlap: images with at least this overlap are neighbours. Where that gives images fewer than ``min_neighbours``
            on average it is halved, several times if need be.
        min_neighbours: see above; 0 keeps ``min_overlap`` unless no two images overlap that much.
        depth_near: depth from which images see something, for overlap from poses, in units of the scene; 0: from the data.
        depth_far: depth up to which they do (R-SCoRe: 8 m in rooms, 50 m outdoors); 0: from the data.
        hypotheses: codes that are tried for a query.
        min_images: scenes with fewer images are mapped without a global encoding.
    """

    kind: str = "none"
    dim: int = 256
    descriptor: str = "vlad"
    descriptor_dim: int = 256
    noise: float = 0.1
    neighbour_fraction: float = 0.5
    codes: str = "node2vec"
    walks: str = "quick"
    overlap: str = "published"
    direction_weight: bool = False
    min_overlap: float = 0.2
    min_neighbours: float = 0.0
    depth_near: float = 0.0
    depth_far: float = 0.0
    hypotheses: int = 10
    min_images: int = 0

    def __post_init__(self) -> None:
        require(self.kind in ENCODINGS, "global_encoding.kind", self.kind, " or ".join(ENCODINGS))
        require(self.codes in CODES, "global_encoding.codes", self.codes, " or ".join(CODES))
        require(self.walks in WALKS, "global_encoding.walks", self.walks, " or ".join(WALKS))
        require(self.overlap in OVERLAPS, "global_encoding.overlap", self.overlap, " or ".join(OVERLAPS))
        require(self.min_images >= 0, "global_encoding.min_images", self.min_images, "0 or more")
        for name in ("dim", "descriptor_dim", "hypotheses"):
            require(getattr(self, name) >= 1, f"global_encoding.{name}", getattr(self, name), "1 or more")
        require(0 <= self.noise < math.inf, "global_encoding.noise", self.noise, "0 or more")
        require(0 <= self.neighbour_fraction <= 1, "global_encoding.neighbour_fraction", self.neighbour_fraction, "0 to 1")
        require(0 <= self.min_neighbours < math.inf, "global_encoding.min_neighbours", self.min_neighbours, "0 or more")
        require(0 < self.min_overlap <= 1, "global_encoding.min_overlap", self.min_overlap, "more than 0, up to 1")
        near, far = self.depth_near, self.depth_far
        require(0 <= near < math.inf, "global_encoding.depth_near", near, "0 or more")
        require(
            far == 0 or near < far < math.inf, "global_encoding.depth_far", far, "0, or more than global_encoding.depth_near"
        )


@dataclass(frozen=True)
class AcceptanceConfig:
    """How a map finds out what its answers are worth.

    Attributes:
        validation_images: mapping images, evenly spread, that are not learned but localized when the map is made. Maps of
            landmarks hold none out: they can forget an image.
        min_images: scenes with fewer images learn all of them.
    """

    validation_images: int = 0
    min_images: int = 100

    def __post_init__(self) -> None:
        require(self.validation_images >= 0, "acceptance.validation_images", self.validation_images, "0 or more")
        # What remains must still make a map.
        least = max(2 * self.validation_images, self.validation_images + _FEWEST_LEARNED)
        require(self.min_images >= least, "acceptance.min_images", self.min_images, f"{least} or more: half is for mapping")


@dataclass(frozen=True)
class MappingConfig:
    """A preset: one complete recipe.

    Attributes:
        method: ``"regression"``: networks, or ``"hierarchical"``: triangulated keypoints, for which only ``features`` and
            ``landmarks`` count.
        ensemble: number of networks, each for a part of the scene (ACE's Poker has 4). With codes, a query is tried with the
            networks that learned the images it looks like, else with all.
        images_per_network: scenes with more images get one more network for each so many; 0: ``ensemble`` as it is.
    """

    preset: str
    method: str = "regression"
    ensemble: int = 1
    images_per_network: int = 0
    features: FeatureConfig = field(default_factory=FeatureConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    global_encoding: GlobalConfig = field(default_factory=GlobalConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    landmarks: LandmarkConfig = field(default_factory=LandmarkConfig)
    acceptance: AcceptanceConfig = field(default_factory=AcceptanceConfig)

    def __post_init__(self) -> None:
        require(self.method in METHODS, "method", self.method, " or ".join(METHODS))
        require(1 <= self.ensemble <= MAX_ENSEMBLE, "ensemble", self.ensemble, f"1 to {MAX_ENSEMBLE}")
        matched = self.method == "hierarchical" or self.loss.supervision == "landmarks"
        plain = self.features.encoder == "xfeat" and self.features.pca_dim == 0
        matcher = self.landmarks.matcher
        allowed = "nearest: lighterglue knows the descriptors of xfeat, whole"
        require(not matched or matcher == "nearest" or plain, "landmarks.matcher", matcher, allowed)
        require(self.images_per_network >= 0, "images_per_network", self.images_per_network, "0 or more")


def fast_variant(config: MappingConfig) -> MappingConfig:
    """The recipe for a narrower network, half of the batch, a quarter of the views, half of the images to match each with.

    Narrow networks take more steps in the same time, and that is worth more: on RedKitchen 900 steps of three quarters of
    the width came to 2.0 to 2.5 cm (three seeds) where 500 of the full width came to 2.4 to 2.9 cm. A single view
    of an image is the image as it is, all of it: it is described already where codes or landmarks need it.
    """
    buffer, optimizer = config.buffer, config.optimizer
    views = max(1, buffer.views_per_image // 4)
    buffer = replace(buffer, views_per_image=views, samples=buffer.samples // 4, min_samples=buffer.min_samples // 4)
    if views == 1 and buffer.samples == 0:
        buffer = replace(buffer, augmentation=NO_AUGMENTATION, keypoints_per_view=config.features.query_keypoints)
    optimizer = replace(optimizer, batch=max(1, optimizer.batch // optimizer.parts // 2) * optimizer.parts)
    head = replace(config.head, width=config.head.width * 3 // 4)
    landmarks = replace(config.landmarks, neighbours=max(1, config.landmarks.neighbours // 2))
    return replace(config, buffer=buffer, head=head, optimizer=optimizer, landmarks=landmarks)


def fitted_to(config: MappingConfig, images: int, spots: int | None = None) -> MappingConfig:
    """The recipe for a scene with this many images, taken from as many spots if not said otherwise.

    No global encoding and no images held out below their ``min_images``; as many networks, up to four and one for each spot,
    as ``images_per_network`` asks for; no more clusters than images, and no more spectral code numbers than a quarter of
    them. The higher eigenvectors tell single images apart, and a network that knows which image it looks at has no need to
    agree with the others. No landmarks of dense encoders: cells of a grid are not found again to the pixel.
    """
    encoding = config.global_encoding
    if images < encoding.min_images:
        encoding = replace(encoding, kind="none")
    if encoding.kind == "codes" and encoding.codes == "spectral":
        encoding = replace(encoding, dim=max(1, min(encoding.dim, images // IMAGES_PER_CODE_NUMBER)))
    networks = config.ensemble
    if config.images_per_network:
        wanted = -(-images // config.images_per_network)
        networks = max(networks, min(_MOST_FITTED, images if spots is None else spots, wanted))
    acceptance = config.acceptance
    if images < acceptance.min_images or config.method == "hierarchical":
        acceptance = replace(acceptance, validation_images=0)
    loss = config.loss
    if loss.supervision == "landmarks" and is_dense(config.features.encoder):
        loss = replace(loss, supervision="none")
    head = replace(config.head, clusters=min(config.head.clusters, images - acceptance.validation_images))
    return replace(config, ensemble=networks, global_encoding=encoding, head=head, loss=loss, acceptance=acceptance)
