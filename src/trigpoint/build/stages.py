"""The stages of a build, in their order. Each reads the context and fills in a part of the draft of the map."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from trigpoint.build.context import BuildContext
from trigpoint.build.training_rounds import TrainingRounds
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.features.cache import SizedFeatures
from trigpoint.features.local import LocalEncoder
from trigpoint.features.pca import Pca, fit_pca
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.localization.acceptance import measure_acceptance
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.encoding_build import build_encodings
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.landmark_build import build_landmarks, triangulate_images, unit_length
from trigpoint.mapping.landmark_tracks import landmark_tracks
from trigpoint.mapping.landmarks import Landmarks
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.mapping.scene_map import SceneMap
from trigpoint.mapping.supervision import Supervision, landmark_supervision, supervision_of
from trigpoint.mapping.training import Training

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
        trainings: the networks.
        landmarks: triangulated keypoints, or None.
        samples: training samples of the last round in all processes, or observations of landmarks.
        scene_map: the finished map; in the first process alone.
    """

    context: BuildContext
    pca: Pca | None = None
    encoding: SceneEncoding | None = None
    image_encodings: ImageEncodings | None = None
    supervision: Supervision | None = None
    trainings: tuple[Training, ...] = ()
    landmarks: Landmarks | None = None
    samples: int = 0
    scene_map: SceneMap | None = None

    @property
    def encoder(self) -> LocalEncoder:
        """The local encoder, with the PCA behind it if there is one."""
        return self.context.encoder if self.pca is None else ReducedEncoder(self.context.encoder, self.pca)

    def features(self) -> list[SizedFeatures]:
        """Local features of the learned images, in their order."""
        return self.context.features(self.context.learned.frames, self.encoder)

    def assembled(self) -> SceneMap:
        """The map, without its acceptance."""
        context, trainings = self.context, self.trainings
        return SceneMap(
            config=context.config,
            heads=tuple(training.head.cpu() for training in trainings),
            normalization=context.normalization,
            dim=self.encoder.dim,
            weights_sha256=context.encoder.weights_sha256,
            metric=context.scene.metric,
            built_from={**context.built_from, "samples": self.samples},
            training=[
                {"network": part, **vars(point)} for part, training in enumerate(trainings) for point in training.history
            ],
            encoding=self.encoding,
            landmarks=self.landmarks,
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
    context = draft.context
    draft.encoding, draft.image_encodings = context.workers.first_then_all(
        lambda: build_encodings(
            context.learned,
            draft.features,
            context.config.global_encoding,
            seed=context.seed,
            folder=context.job.folder,
            depths=lambda: context.depths,
            device=context.device,
        )
    )


def find_supervision(draft: MapDraft) -> None:
    """Known scene coordinates for the training: from the scene, or triangulated here."""
    context, kind = draft.context, draft.context.config.loss.supervision
    if kind != "landmarks":
        draft.supervision = supervision_of(kind, context.scene)
        return
    landmarks = context.workers.first_then_all(
        lambda: landmark_tracks(
            context.learned,
            draft.features,
            context.config.landmarks,
            context.normalization,
            depths=lambda: context.depths,
            seed=context.seed,
            folder=context.job.folder,
            stop=context.stop,
        )
    )
    draft.supervision = landmark_supervision(landmarks)
    if draft.supervision is None:
        _LOGGER.warning(
            "only %.1f %% of the keypoints are landmarks: learning from reprojection errors alone; "
            "'trigpoint info SCENE' checks whether poses and cameras fit the images",
            100 * landmarks.fraction,
        )


def train_networks(draft: MapDraft) -> None:
    """Fill buffers of samples and train the networks on them, in rounds; counted as ``samples`` and ``training``."""
    context = draft.context
    rounds = TrainingRounds(context, draft.encoder, draft.image_encodings, draft.supervision)
    draft.trainings, draft.samples = rounds.run()
    encoding = draft.encoding
    if encoding is not None and encoding.index is not None and context.config.ensemble > 1:
        draft.encoding = replace(encoding, heads=torch.from_numpy(rounds.heads.astype(np.uint8)))


def make_landmarks(draft: MapDraft) -> None:
    """Landmarks of a map without networks: keypoints matched between images and triangulated."""
    context = draft.context
    images, config = unit_length(draft.features()), context.config.landmarks
    triangulated = triangulate_images(
        context.learned,
        images,
        config,
        context.normalization,
        depths=lambda: context.depths,
        seed=context.seed,
        folder=context.job.folder,
        stop=context.stop,
    )
    draft.landmarks = build_landmarks(images, triangulated, config, seed=context.seed, scene=context.scene.root)
    draft.samples = len(draft.landmarks.seen)


def accept(draft: MapDraft) -> None:
    """The map, and its acceptance: which inlier ratios can be trusted in it."""
    context, scene_map = draft.context, draft.assembled()
    acceptance = measure_acceptance(scene_map, draft.encoder, context.learned.frames, context.validation_frames)
    draft.scene_map = replace(scene_map, acceptance=acceptance)


def _has_networks(config: MappingConfig) -> bool:
    return config.method != "hierarchical"


STAGES = (
    Stage("images", check_validation_images, lambda config: config.acceptance.validation_images > 0),
    Stage("pca", fit_descriptors_pca, lambda config: config.features.pca_dim > 0),
    Stage("encodings", make_encodings, lambda config: _has_networks(config) and config.global_encoding.kind != "none"),
    Stage("supervision", find_supervision, lambda config: _has_networks(config) and config.loss.supervision != "none"),
    Stage("training", train_networks, _has_networks),
    # Matching takes a minute: not worth a division among processes.
    Stage("landmarks", make_landmarks, lambda config: config.method == "hierarchical", shared=False),
    Stage("acceptance", accept, shared=False),
)
