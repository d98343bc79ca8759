"""One build: what it is made from, and its stages."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from trigpoint.build.context import BuildContext
from trigpoint.build.training_rounds import DESCRIBED, Stopwatch, TrainingRounds
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.interrupt import StopRequest
from trigpoint.features.cache import SizedFeatures, image_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.pca import Pca, fit_pca
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.localization.acceptance import measure_acceptance
from trigpoint.mapping.encoding_build import build_encodings
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.landmark_build import build_landmarks, triangulate_images, unit_length
from trigpoint.mapping.landmark_tracks import landmark_tracks
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.mapping.scene_map import SceneMap
from trigpoint.mapping.supervision import Supervision, landmark_supervision, supervision_of

_LOGGER = logging.getLogger(__name__)

# Enough images to fit a PCA of at most a few hundred numbers.
_PCA_IMAGES = 200
# Gives the local features of the images that are learned, extracted once.
Images = Callable[[], Sequence[SizedFeatures]]


class Job(BuildContext):
    """One build, and its stages."""

    def run(self, work: Path, stop: StopRequest) -> tuple[SceneMap | None, dict[str, float]]:
        """Make the map, or finish it from what is in the work folder; with the seconds that each stage took.

        Of several processes only the first gets the map.
        """
        watch = Stopwatch()
        for frame in self.held_out:
            # They are used at the very end: an image that cannot be used must not cost a whole training.
            read_image(frame.image_path)
        pca = self._pca(stop)
        encoder = self.encoder if pca is None else ReducedEncoder(self.encoder, pca)
        normalization = Normalization.of_cameras(self.centres, self.scene.metric, self.near())
        if self.config.method == "hierarchical":
            return self._hierarchical(encoder, pca, normalization, work, stop, watch), watch.laps
        images = functools.cache(lambda: self._images(encoder, work / DESCRIBED, stop))
        scene, own = self._encodings(images, work) if self.config.global_encoding.kind != "none" else (None, None)
        watch.lap("encodings" if scene is not None or pca is not None else "")
        supervision = self._supervision(images, normalization, work, stop)
        watch.lap("landmarks" if self.config.loss.supervision == "landmarks" else "")
        images.cache_clear()
        positions = normalization.to_normalized(self.centres)
        rounds = TrainingRounds(self, encoder, own, supervision, normalization, positions, work, stop)
        trainings, samples = rounds.run(watch)
        if scene is not None and scene.index is not None and self.config.ensemble > 1:
            scene = replace(scene, heads=torch.from_numpy(rounds.heads.astype(np.uint8)))
        if not self.workers.first:
            return None, watch.laps
        scene_map = replace(
            self._empty_map(encoder, normalization, pca, samples),
            heads=tuple(training.head.cpu() for training in trainings),
            training=[{"network": part, **vars(point)} for part, each in enumerate(trainings) for point in each.history],
            encoding=scene,
        )
        return self._with_acceptance(scene_map, encoder, watch), watch.laps

    def _hierarchical(
        self,
        encoder: LocalEncoder,
        pca: Pca | None,
        normalization: Normalization,
        work: Path,
        stop: StopRequest,
        watch: Stopwatch,
    ) -> SceneMap | None:
        """The map of landmarks. Further processes have nothing to do: matching takes a minute."""
        if not self.workers.first:
            return None
        images = unit_length(self._images(encoder, work / DESCRIBED, stop))
        watch.lap("features")
        scene = self.scene.with_frames(self.learned)
        config = self.config.landmarks
        found = triangulate_images(
            scene, images, config, normalization, depths=self.depths, seed=self.seed, folder=work, stop=stop
        )
        landmarks = build_landmarks(images, found, config, seed=self.seed, scene=scene.root)
        watch.lap("landmarks")
        samples = len(landmarks.seen)
        scene_map = replace(self._empty_map(encoder, normalization, pca, samples), landmarks=landmarks)
        return self._with_acceptance(scene_map, encoder, watch)

    def _empty_map(self, encoder: LocalEncoder, normalization: Normalization, pca: Pca | None, samples: int) -> SceneMap:
        """All but what is learned."""
        return SceneMap(
            config=self.config,
            heads=(),
            normalization=normalization,
            dim=encoder.dim,
            weights_sha256=encoder.weights_sha256,
            metric=self.scene.metric,
            built_from={**self.built_from, "samples": samples},
            training=[],
            pca=pca,
        )

    def _with_acceptance(self, scene_map: SceneMap, encoder: LocalEncoder, watch: Stopwatch) -> SceneMap:
        scene_map = replace(scene_map, acceptance=measure_acceptance(scene_map, encoder, self.learned, self.held_out))
        watch.lap("acceptance")
        return scene_map

    def _pca(self, stop: StopRequest) -> Pca | None:
        if self.config.features.pca_dim == 0:
            return None
        paths = [self.learned[index].image_path for index in evenly(len(self.learned), _PCA_IMAGES)]
        found = image_features(paths, self.encoder, self.policy, title="fitting the PCA", stop=stop)
        return fit_pca((features.descriptors for features, _ in found), self.config.features.pca_dim)

    def _encodings(self, images: Images, work: Path) -> tuple[SceneEncoding, ImageEncodings]:
        scene = self.scene.with_frames(self.learned)
        config = self.config.global_encoding
        make = functools.partial(
            build_encodings,
            scene,
            images,
            config,
            seed=self.seed,
            folder=work,
            depths=self.depths,
            device=self.device,
        )
        return self.workers.first_then_all(make)

    def _supervision(
        self, images: Images, normalization: Normalization, work: Path, stop: StopRequest
    ) -> Supervision | None:
        kind = self.config.loss.supervision
        if kind == "none":
            return None
        if kind != "landmarks":
            return supervision_of(kind, self.scene)
        make = functools.partial(
            landmark_tracks,
            self.scene.with_frames(self.learned),
            images,
            self.config.landmarks,
            normalization,
            depths=self.depths,
            seed=self.seed,
            folder=work,
            stop=stop,
        )
        landmarks = self.workers.first_then_all(make)
        found = landmark_supervision(landmarks)
        if found is None:
            _LOGGER.warning(
                f"only {landmarks.fraction:.1%} of the keypoints are landmarks: learning from reprojection errors alone; "
                "'trigpoint info SCENE' checks whether poses and cameras fit the images"
            )
        return found

    def _images(self, encoder: LocalEncoder, cache: Path, stop: StopRequest) -> Sequence[SizedFeatures]:
        paths = [frame.image_path for frame in self.learned]
        return image_features(paths, encoder, self.policy, cache=cache, title="describing images", stop=stop)
