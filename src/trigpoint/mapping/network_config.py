"""Settings of a source of scene coordinates that is a network, or an ensemble of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trigpoint.core.config import Range, Settings, require
from trigpoint.features.views import AugmentationConfig
from trigpoint.mapping.encoding_config import GlobalEncoding
from trigpoint.mapping.layers import FOURIER_CHANNELS
from trigpoint.mapping.training_config import AdamWConfig, HeadConfig, LossConfig, OptimizerConfig, RefinementConfig

# More networks than this take longer to try than a query may.
MAX_ENSEMBLE = 64
_FEWEST_LEARNED = 5


@dataclass(frozen=True)
class BufferConfig(Settings):
    """The training samples.

    Attributes:
        views_per_image: augmented views of each image; used as it is when ``samples`` is 0.
        keypoints_per_view: samples of each view at most.
        sampling: which: ``"uniform"`` takes the best of sparse encoders and any cells of dense ones, ``"score"`` draws from
            more, often what the detector trusts (GLACE with SuperPoint).
        samples: total number of samples (ACE: 8,000,000): images are visited in turn until it is reached. 0: not used.
        rounds: buffers that are used one after the other, each made of new views and trained on for as many steps. More than
            one bounds the disk that many samples take (GLACE refreshes its buffer while it trains).
        augmentation: how views differ from the image.
    """

    views_per_image: Annotated[int, Range(1)] = 4
    keypoints_per_view: Annotated[int, Range(1)] = 1500
    sampling: Literal["uniform", "score"] = "uniform"
    samples: Annotated[int, Range(0)] = 0
    rounds: Annotated[int, Range(1)] = 1
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass(frozen=True)
class GivenSupervision(Settings):
    """Ground-truth scene coordinates that come with the scene.

    Attributes:
        kind: ``"depth"`` images, or the ``"points"`` of a structure-from-motion model.
    """

    kind: Literal["depth", "points"] = "depth"


@dataclass(frozen=True)
class LandmarkSupervision(Settings):
    """Scene coordinates of keypoints that are triangulated from the known poses when the map is made.

    Attributes:
        min_samples: views keep samples whose points are known, and others only until so many samples come together; 0: all.
            A network that need not place what cannot be triangulated places the rest better, but learns too few samples by
            heart.
    """

    kind: Literal["landmarks"] = "landmarks"
    min_samples: Annotated[int, Range(0)] = 0


Supervision = GivenSupervision | LandmarkSupervision


@dataclass(frozen=True)
class AcceptanceConfig(Settings):
    """How a map of networks finds out what its answers are worth.

    Attributes:
        validation_images: mapping images, evenly spread, that are not learned but localized when the map is made.
        min_images: scenes with fewer images learn all of them.
    """

    validation_images: Annotated[int, Range(0)] = 0
    min_images: Annotated[int, Range(0)] = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        # What remains must still make a map.
        least = max(2 * self.validation_images, self.validation_images + _FEWEST_LEARNED)
        require(self.min_images >= least, "acceptance.min_images", self.min_images, f"{least} or more: half is for mapping")


@dataclass(frozen=True)
class NetworkConfig(Settings):
    """How networks learn a scene.

    Attributes:
        ensemble: number of networks, each for a part of the scene (ACE's Poker has 4). With node embeddings, a query is
            tried with the networks that learned the images it looks like, else with all.
        min_images: scenes with fewer images have landmarks alone.
        images_per_network: scenes with more images get one more network for each so many; 0: ``ensemble`` as it is.
        buffer: the training samples.
        global_encoding: what is told about the image as a whole; None: nothing (ACE).
        head: size of each network.
        loss: what the training minimises.
        refinement: of a coarse output (R-SCoRe); None: one output (ACE, GLACE).
        supervision: where points of samples are known from, whose distance to the output counts beside the reprojection
            error; None: from reprojection errors alone.
        optimizer: how the loss is minimised.
        acceptance: images that are held out to measure it.
    """

    ensemble: Annotated[int, Range(1, MAX_ENSEMBLE)] = 1
    min_images: Annotated[int, Range(0)] = 0
    images_per_network: Annotated[int, Range(0)] = 0
    buffer: BufferConfig = field(default_factory=BufferConfig)
    global_encoding: GlobalEncoding | None = None
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    refinement: RefinementConfig | None = None
    supervision: Supervision | None = None
    optimizer: OptimizerConfig = field(default_factory=AdamWConfig)
    acceptance: AcceptanceConfig = field(default_factory=AcceptanceConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        wide = self.refinement is None or self.head.width >= FOURIER_CHANNELS
        require(wide, "head.width", self.head.width, f"at least the {FOURIER_CHANNELS} channels of the Fourier code")

    @property
    def learns_landmarks(self) -> bool:
        """Whether keypoints are triangulated for it to learn from."""
        return isinstance(self.supervision, LandmarkSupervision)
