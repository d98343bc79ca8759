"""One build: what it is made from, and its stages."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trigpoint._version import __version__
from trigpoint.build.training_rounds import DESCRIBED, Stopwatch, TrainingRounds
from trigpoint.core.artifact import sha256_of
from trigpoint.core.config import to_json
from trigpoint.core.errors import ImageError
from trigpoint.core.evenly import evenly
from trigpoint.core.image import read_image
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.covisibility.depth_range import DepthRange, depth_range
from trigpoint.features.cache import SizedFeatures, ViewPolicy, image_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.pca import Pca, fit_pca
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.formats.colmap_tracks import read_tracks, tracks_files
from trigpoint.localization.acceptance import measure_acceptance
from trigpoint.mapping.config import MappingConfig
from trigpoint.mapping.encoding_build import build_encodings
from trigpoint.mapping.image_encodings import ImageEncodings
from trigpoint.mapping.landmark_build import build_landmarks, triangulate_images, unit_length
from trigpoint.mapping.landmark_tracks import landmark_tracks
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.parallel import Workers
from trigpoint.mapping.scene_encoding import SceneEncoding
from trigpoint.mapping.scene_map import FORMAT_VERSION, SceneMap
from trigpoint.mapping.supervision import Supervision, landmark_supervision, supervision_of
from trigpoint.retrieval.descriptor import AGGREGATOR

_LOGGER = logging.getLogger(__name__)

# Enough images to fit a PCA of at most a few hundred numbers.
_PCA_IMAGES = 200
# Gives the local features of the images that are learned, extracted once.
Images = Callable[[], Sequence[SizedFeatures]]


@dataclass(frozen=True, eq=False)
class Job:
    """One build.

    Attributes:
        scene: where the images come from.
        frames: the mapping images.
        config: the recipe.
        holdout: the rule by which images were left out, or None.
        seed: seed of every random number.
        device: of the training.
        encoder: local encoder, as it is loaded.
        workers: the processes that share the work.
    """

    scene: Scene
    frames: tuple[Frame, ...]
    config: MappingConfig
    holdout: str | None
    seed: int
    device: torch.device
    encoder: LocalEncoder
    workers: Workers

    def record(self) -> dict[str, Any]:
        """Everything that the map's bytes depend on. Two jobs whose records are equal may share their work."""
        program = {"trigpoint": __version__, "map_format": FORMAT_VERSION, "torch": torch.__version__}
        where = {"device": self.device.type, "threads": torch.get_num_threads(), "workers": self.workers.count}
        weights = self.encoder.weights_sha256
        return {"config": to_json(self.config), "built_from": self._built_from, **program, **where, "weights": weights}

    @cached_property
    def _built_from(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for frame in self.frames:
            digest.update(json.dumps([frame.name, frame.camera.to_json(), frame.pose().matrix().tolist()]).encode())
            digest.update(_content(frame.image_path).encode())
        digest.update(self._digest_of_extras().encode())
        return {
            "scene": self.scene.root.resolve().name,
            "format": self.scene.format,
            "images": len(self.frames),
            "held_out": sum(frame.split == TEST for frame in self.scene.frames),
            "holdout": self.holdout,
            "seed": self.seed,
            "digest": digest.hexdigest(),
        }

    def _digest_of_extras(self) -> str:
        """What the map depends on beside images and poses: the unit, and the files that its recipe reads."""
        config, scene = self.config, self.scene
        # Its points tell how far away things are.
        files = tracks_files(scene)
        if config.loss.supervision == "depth":
            files += [frame.depth_path for frame in self.frames if frame.depth_path]
        descriptor = config.landmarks.descriptor if config.method == "hierarchical" else config.global_encoding.descriptor
        if descriptor.startswith(AGGREGATOR):
            files.append(Path(descriptor.removeprefix(AGGREGATOR)))
        units = [frame.depth_unit for frame in self.frames]
        # What is missing is reported, better than here, by the stage that needs it.
        return json.dumps([scene.metric, units, [_content(path) for path in files if path.is_file()]])

    def run(self, work: Path, stop: StopRequest) -> tuple[SceneMap | None, dict[str, float]]:
        """Make the map, or finish it from what is in the work folder; with the seconds that each stage took.

        Of several processes only the first gets the map.
        """
        watch = Stopwatch()
        for frame in self._held_out:
            # They are used at the very end: an image that cannot be used must not cost a whole training.
            read_image(frame.image_path)
        pca = self._pca(stop)
        encoder = self.encoder if pca is None else ReducedEncoder(self.encoder, pca)
        normalization = Normalization.of_cameras(self._centres, self.scene.metric, self._near())
        if self.config.method == "hierarchical":
            return self._hierarchical(encoder, pca, normalization, work, stop, watch), watch.laps
        images = functools.cache(lambda: self._images(encoder, work / DESCRIBED, stop))
        scene, own = self._encodings(images, work) if self.config.global_encoding.kind != "none" else (None, None)
        watch.lap("encodings" if scene is not None or pca is not None else "")
        supervision = self._supervision(images, normalization, work, stop)
        watch.lap("landmarks" if self.config.loss.supervision == "landmarks" else "")
        images.cache_clear()
        positions = normalization.to_normalized(self._centres)
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
            scene, images, config, normalization, depths=self._depths, seed=self.seed, folder=work, stop=stop
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
            built_from={**self._built_from, "samples": samples},
            training=[],
            pca=pca,
        )

    def _with_acceptance(self, scene_map: SceneMap, encoder: LocalEncoder, watch: Stopwatch) -> SceneMap:
        scene_map = replace(scene_map, acceptance=measure_acceptance(scene_map, encoder, self.learned, self._held_out))
        watch.lap("acceptance")
        return scene_map

    @cached_property
    def learned(self) -> tuple[Frame, ...]:
        """The mapping images without those that are held out for the calibration."""
        apart = set(self._apart)
        return tuple(frame for index, frame in enumerate(self.frames) if index not in apart)

    @property
    def _held_out(self) -> list[Frame]:
        return [self.frames[index] for index in self._apart]

    @property
    def _apart(self) -> list[int]:
        """Indices of the images held out, in the middle of as many equal parts of the walk."""
        count = self.config.acceptance.validation_images
        return [len(self.frames) * (2 * part + 1) // (2 * count) for part in range(count)]

    @cached_property
    def _centres(self) -> np.ndarray:
        return self.scene.with_frames(self.learned).centres()

    def _near(self) -> float | None:
        """Depth from which the images of a scene of unknown scale see something, where its points or poses tell."""
        if self.scene.metric:
            return None
        depths = self._depths()
        return None if depths.source == "spread" else depths.near

    @cached_property
    def _depths(self) -> Callable[[], DepthRange]:
        """Gives how far the learned images see, found out when it is first asked for."""
        return functools.cache(lambda: depth_range(self.learned, read_tracks(self.scene), self.seed))

    @property
    def policy(self) -> ViewPolicy:
        """How images are looked at as they are."""
        return ViewPolicy(self.config.features.short_side_px, self.config.features.query_keypoints)

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
            depths=self._depths,
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
            depths=self._depths,
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


def _content(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        raise ImageError("TP-101", what, where=path, fix="Check that it is there, and its permissions.") from error
