"""The training samples: descriptors of augmented views with the rays along which they were seen.

They lie on disk (``AppendOnlyArrays``), so the buffer may be larger than memory, and an interrupted fill continues behind
the last image that was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.append_only import AppendOnlyArrays
from trigpoint.core.image import read_image
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.features.extract import ImageFeatures, extract_features, rays_of
from trigpoint.features.local import LocalEncoder
from trigpoint.features.sampling import sample_features
from trigpoint.features.views import augmented_view
from trigpoint.mapping.config import FeatureConfig
from trigpoint.mapping.network_config import BufferConfig
from trigpoint.mapping.normalization import Normalization
from trigpoint.mapping.supervision import Supervision

# Keypoints of sparse encoders that samples are drawn from by their scores, for each sample.
_POOL = 4


@dataclass(frozen=True, eq=False)
class SampleBuffer:
    """All training samples.

    Attributes:
        descriptors: (N, C) float16.
        rays: (N, 2) float32 directions x/z, y/z in the camera frame, distortion removed.
        view: (N,) int32 index of the view in which the sample was seen.
        cam_from_world: (V, 3, 4) float32 for each view, in the normalised world frame.
        focal_px: (V, 2) float32 focal lengths of each view, px of the view.
        image: (V,) int32 index among all mapping images of the image of each view.
        truth: (N, 3) float32 ground-truth points in the normalised world frame, NaN where unknown; None without supervision.
    """

    descriptors: Tensor
    rays: Tensor
    view: Tensor
    cam_from_world: Tensor
    focal_px: Tensor
    image: Tensor
    truth: Tensor | None = None

    def __len__(self) -> int:
        return len(self.view)


def views_per_image(config: BufferConfig, images: int) -> int:
    """Views of each image: as configured, or as many as the wanted number of samples takes."""
    if config.samples == 0:
        return config.views_per_image
    return max(1, -(-config.samples // (config.keypoints_per_view * images)))


@dataclass(frozen=True, eq=False)
class ViewReader:
    """Local features of the views of an image.

    Attributes:
        encoder: local encoder.
        features: size of the views.
        config: number of views and samples, augmentation.
        described: gives the local features of an image as it is, which become its samples; None: views are made of it.
    """

    encoder: LocalEncoder
    features: FeatureConfig
    config: BufferConfig
    described: Callable[[Path], ImageFeatures] | None = None

    def samples_of(self, frame: Frame, generators: Sequence[np.random.Generator]) -> Iterator[ImageFeatures]:
        """The samples of one random view of an image for each generator."""
        if self.described is None:
            views: Iterable[ImageFeatures] = self._augmented(frame, generators)
        else:
            views = repeat(self.described(frame.image_path), len(generators))
        for view, generator in zip(views, generators, strict=True):
            yield sample_features(view, self.config.keypoints_per_view, self.config.sampling, generator)

    def _augmented(self, frame: Frame, generators: Sequence[np.random.Generator]) -> Iterator[ImageFeatures]:
        config, side = self.config, self.features.short_side_px
        image = read_image(frame.image_path, short_side_px=round(side * config.augmentation.scale))
        count = config.keypoints_per_view * (_POOL if config.sampling == "score" else 1)
        for generator in generators:
            multiple = self.encoder.size_multiple
            view = augmented_view(image.width, image.height, side, multiple, config.augmentation, generator)
            yield extract_features(self.encoder, image, view, count)


@dataclass(frozen=True, eq=False)
class SamplePlan:
    """What the buffer of one process is made of.

    Attributes:
        frames: the mapping images, all with poses.
        shard: indices of the frames that this process is for.
        normalization: frame in which the network works.
        seed: seed of the map.
        number: of the buffer, where several are used one after the other: each has views of its own.
        supervision: source of ground-truth points, or None.
        min_samples: of all frames: views keep samples whose points are known, and others only until so many come together;
            0: all.
    """

    frames: Sequence[Frame]
    shard: Sequence[int]
    normalization: Normalization
    seed: int
    number: int = 0
    supervision: Supervision | None = None
    min_samples: int = 0


def fill_buffer(plan: SamplePlan, reader: ViewReader, folder: Path, stop: StopRequest) -> SampleBuffer:
    """Make the training samples, or continue an interrupted fill in ``folder``.

    Args:
        plan: images, frame and supervision.
        reader: makes views of the images.
        folder: work folder.
        stop: checked after each image.

    Raises:
        ImageError: an image cannot be used.
        OutputError: the samples cannot be written (TP-801).
        Interrupted: stopped on request; what is done is recorded.
    """
    repeats = views_per_image(reader.config, len(plan.frames))
    shard = plan.shard
    fewest = math.ceil(plan.min_samples / (repeats * len(plan.frames)))
    arrays = _sample_arrays(folder, reader.encoder.dim, plan.supervision is not None)
    with arrays, progress("reading images", len(shard), start=arrays.items) as advance:
        for position in range(arrays.items, len(shard)):
            index = shard[position]
            views = range(plan.number * repeats, (plan.number + 1) * repeats)
            generators = [numpy_generator(plan.seed, "view", index, view) for view in views]
            samples = reader.samples_of(plan.frames[index], generators)
            for view, chosen in enumerate(samples, start=position * repeats):
                arrays.append(_rows(plan.frames[index], chosen, view, plan.supervision, fewest))
            arrays.complete_item()
            advance()
            if stop:
                raise Interrupted
    return _open_buffer(arrays, plan, repeats)


def _sample_arrays(folder: Path, dim: int, supervised: bool) -> AppendOnlyArrays:
    """The arrays of a buffer on disk: an image is one item."""
    columns: dict[str, np.dtype[Any]] = {
        "descriptors": np.dtype((np.float16, (dim,))),
        "rays": np.dtype((np.float32, (2,))),
        "view": np.dtype(np.int32),
        "scales": np.dtype(np.float64),
    }
    if supervised:
        columns["truth"] = np.dtype((np.float64, (3,)))
    advice = "buffer.rounds makes fewer samples at a time."
    return AppendOnlyArrays(folder, "samples", columns, advice)


def _rows(
    frame: Frame, features: ImageFeatures, view: int, supervision: Supervision | None, fewest: int
) -> dict[str, NDArray[Any]]:
    """The samples of one view by column: keypoints that have a ray and, under supervision, are ``_wanted``."""
    rays = rays_of(frame.camera, features.image_px)
    usable: NDArray[np.bool_] = np.asarray(np.isfinite(rays).all(axis=1))
    truth = None
    if supervision is not None:
        truth = supervision.points(frame, features.image_px)
        usable &= _wanted(np.asarray(np.isfinite(truth).all(axis=1)), usable, fewest)
    columns: dict[str, NDArray[Any]] = {
        "descriptors": features.descriptors.numpy()[usable],
        "rays": rays[usable],
        "view": np.full(int(usable.sum()), view),
        "scales": np.array([features.scale]),
    }
    if truth is not None:
        columns["truth"] = truth[usable]
    return columns


def _wanted(known: NDArray[np.bool_], usable: NDArray[np.bool_], fewest: int) -> NDArray[np.bool_]:
    """(N,) keypoints whose points are known, and an even choice of the others where those are fewer than ``fewest``."""
    if fewest == 0:
        return np.ones(len(known), dtype=bool)
    others = np.flatnonzero(usable & ~known)
    missing = min(max(fewest - int((known & usable).sum()), 0), len(others))
    wanted = known.copy()
    wanted[others[np.linspace(0, len(others) - 1, missing).round().astype(int)]] = True
    return wanted


def _open_buffer(arrays: AppendOnlyArrays, plan: SamplePlan, repeats: int) -> SampleBuffer:
    normalization, frames = plan.normalization, [plan.frames[index] for index in plan.shard]
    poses = np.stack([normalization.cam_from_normalized(frame.pose()) for frame in frames])
    focals = np.array([frame.camera.pinhole_params()[:2] for frame in frames])
    scales = np.asarray(arrays.load("scales"))
    truth = None
    if plan.supervision is not None:
        truth = torch.from_numpy(normalization.to_normalized(arrays.load("truth"))).float()
    return SampleBuffer(
        descriptors=torch.from_numpy(arrays.load("descriptors")),
        rays=torch.from_numpy(arrays.load("rays")),
        view=torch.from_numpy(arrays.load("view")),
        cam_from_world=torch.from_numpy(np.repeat(poses, repeats, axis=0)).float(),
        focal_px=torch.from_numpy(np.repeat(focals, repeats, axis=0) * scales[:, None]).float(),
        image=torch.tensor(list(plan.shard), dtype=torch.int32).repeat_interleave(repeats),
        truth=truth,
    )
