"""The stages of a build, in their order. Each reads the context and fills in a part of the draft of the map."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from trigpoint.build.context import BuildContext
from trigpoint.build.training_rounds import TrainingRounds
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.features.local import LocalEncoder
from trigpoint.features.pca import Pca, fit_pca
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.localization.acceptance import measure_acceptance
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.coordinate_source import CoordinateSource
from trigpoint.mapping.encoding_build import build_encodings
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.landmark_build import build_landmarks, triangulate_images, unit_length
from trigpoint.mapping.landmark_tracks import landmark_tracks
from trigpoint.mapping.learned_images import text_of
from trigpoint.mapping.mapping_images import MappingImages
from trigpoint.mapping.network_config import GivenSupervision, NetworkConfig
from trigpoint.mapping.networks import Networks, TrainingPoint, TrainingRecord
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.mapping.scene_map import SOURCES, SceneMap
from trigpoint.mapping.supervision import Supervision, landmark_supervision, supervision_of

_LOGGER = logging.getLogger(__name__)

# Enough images to fit a PCA of at most a few hundred numbers.
_PCA_IMAGES = 200


@dataclass(eq=False)
class MapDraft:
    """The parts of a map as the stages make them.

    Attributes:
        context: what the map is built from.
        pca: of the local descriptors, or None.
        encoding: global encodings of the scene, or None.
        image_encodings: those of the learned images in training, or None.
        supervision: source of known scene coordinates, or None.
        sources: what the map gets its scene coordinates from.
        scene_map: the finished map; in the first process alone.
    """

    context: BuildContext
    pca: Pca | None = None
    encoding: SceneEncoding | None = None
    image_encodings: ImageEncodings | None = None
    supervision: Supervision | None = None
    sources: dict[str, CoordinateSource] = field(default_factory=dict)
    scene_map: SceneMap | None = None

    @property
    def encoder(self) -> LocalEncoder:
        """The local encoder, with the PCA behind it if there is one."""
        return self.context.encoder if self.pca is None else ReducedEncoder(self.context.encoder, self.pca)

    @property
    def network(self) -> NetworkConfig:
        """The recipe of the networks, in stages of recipes that have one."""
        assert self.context.config.network is not None
        return self.context.config.network

    def images(self) -> MappingImages:
        """The learned images, with their local features after the PCA."""
        context = self.context
        return MappingImages(
            scene=context.learned,
            features=lambda: context.features(context.learned.frames, self.encoder),
            depths=lambda: context.depths,
            seed=context.seed,
            folder=context.job.folder,
            stop=context.stop,
            device=context.device,
        )

    def assembled(self) -> SceneMap:
        """The map, without its acceptance."""
        context = self.context
        return SceneMap(
            config=context.config,
            sources={section: self.sources[section] for section in SOURCES if section in self.sources},
            normalization=context.normalization,
            dim=self.encoder.dim,
            weights_sha256=context.encoder.weights_sha256,
            metric=context.scene.metric,
            built_from={**context.built_from, "pose_warning": context.pose_warning},
            pca=self.pca,
        )


@dataclass(frozen=True)
class Stage:
    """One stage of a build.

    Attributes:
        name: under which its time is counted.
        run: does it.
        needed: whether a recipe has this stage.
        shared: whether all processes take part; otherwise the first does it alone.
    """

    name: str
    run: Callable[[MapDraft], None]
    needed: Callable[[MappingConfig], bool] = lambda config: True
    shared: bool = True


def check_validation_images(draft: MapDraft) -> None:
    """Decode the validation images, which are used last: an image that is broken must not cost a whole training."""
    for frame in draft.context.validation_frames:
        read_image(frame.image_path)


def fit_descriptors_pca(draft: MapDraft) -> None:
    """PCA of the local descriptors of up to 200 learned images."""
    context, frames = draft.context, draft.context.learned.frames
    chosen = [frames[index] for index in evenly(len(frames), _PCA_IMAGES)]
    features = context.workers.first_then_all(lambda: context.features(chosen, context.encoder))
    draft.pca = fit_pca((image.descriptors for image, _ in features), context.config.features.pca_dim)


def make_encodings(draft: MapDraft) -> None:
    """Global encodings of the learned images, and what a query needs to get one."""
    config = draft.network.global_encoding
    assert config is not None
    make = partial(build_encodings, draft.images(), config)
    draft.encoding, draft.image_encodings = draft.context.workers.first_then_all(make)


def find_supervision(draft: MapDraft) -> None:
    """Known scene coordinates for the training: from the scene, or triangulated here."""
    context, config = draft.context, draft.network.supervision
    if isinstance(config, GivenSupervision):
        draft.supervision = supervision_of(config.kind, context.scene)
        return
    make = partial(landmark_tracks, draft.images(), context.config.triangulation, context.normalization)
    landmarks = context.workers.first_then_all(make)
    draft.supervision = landmark_supervision(landmarks)
    if draft.supervision is None:
        _LOGGER.warning(
            "only %.1f %% of the keypoints are landmarks: learning from reprojection errors alone; "
            "'trigpoint info SCENE' checks whether poses and cameras fit the images",
            100 * landmarks.fraction,
        )


def train_networks(draft: MapDraft) -> None:
    """Fill buffers of samples and train the networks on them, in rounds; counted as ``samples`` and ``training``."""
    rounds = TrainingRounds(draft.context, draft.network, draft.encoder, draft.image_encodings, draft.supervision)
    trainings, samples = rounds.run()
    encoding = draft.encoding
    if encoding is not None and encoding.index is not None and draft.network.ensemble > 1:
        encoding = replace(encoding, networks=torch.from_numpy(rounds.network_of_image.astype(np.uint8)))
    history = [
        TrainingPoint(network, **vars(point)) for network, training in enumerate(trainings) for point in training.history
    ]
    heads = tuple(training.head.cpu() for training in trainings)
    draft.sources["network"] = Networks(draft.network, heads, encoding, TrainingRecord(samples, tuple(history)))


def make_landmarks(draft: MapDraft) -> None:
    """Landmarks: keypoints matched between images and triangulated."""
    context, images = draft.context, draft.images()
    features, config = unit_length(images.features()), context.config.landmarks
    assert config is not None
    points = triangulate_images(images, features, context.config.triangulation, context.normalization)
    draft.sources["landmarks"] = build_landmarks(features, points, config, seed=context.seed, scene=context.scene.root)


def accept(draft: MapDraft) -> None:
    """The map, and its acceptance: which inlier ratios can be trusted in it."""
    context, scene_map = draft.context, draft.assembled()
    acceptance = measure_acceptance(scene_map, draft.encoder, context.learned.frames, context.validation_frames)
    built_from = {**scene_map.built_from, "learned_images": text_of(context.frames)}
    draft.scene_map = replace(scene_map, acceptance=acceptance, built_from=built_from)


def _holds_out(config: MappingConfig) -> bool:
    return config.network is not None and config.network.acceptance.validation_images > 0


def _has_encodings(config: MappingConfig) -> bool:
    return config.network is not None and config.network.global_encoding is not None


def _is_supervised(config: MappingConfig) -> bool:
    return config.network is not None and config.network.supervision is not None


STAGES = (
    Stage("images", check_validation_images, _holds_out),
    Stage("pca", fit_descriptors_pca, lambda config: config.features.pca_dim > 0),
    Stage("encodings", make_encodings, _has_encodings),
    Stage("supervision", find_supervision, _is_supervised),
    Stage("training", train_networks, lambda config: config.network is not None),
    # Matching takes a minute: not worth a division among processes.
    Stage("landmarks", make_landmarks, lambda config: config.landmarks is not None, shared=False),
    Stage("acceptance", accept, shared=False),
)
