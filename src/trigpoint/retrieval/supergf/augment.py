"""Images made different for training: fewer keypoints, only a window of the image, other scores, mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from trigpoint.core.randomness import torch_generator
from trigpoint.retrieval.supergf.config import AggregatorTrainingConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens

# Half the width of a window, in units of ``ImageTokens.where``, whose longer side spans 1.4; its height is 3/4 of it.
_NARROWEST, _WIDEST, _HEIGHT = 0.2, 0.5, 0.75
_FEWEST = 60


def augmented(
    images: Sequence[ImageTokens], config: AggregatorTrainingConfig, seed: int, step: int
) -> Sequence[ImageTokens]:
    """The images of a step as they are shown to a sparse aggregator; those of a dense one stay as they are."""
    changes = (config.keypoints, config.keypoint_dropout, config.score_jitter, config.flip, config.windows)
    if images[0].grid != (0, 0) or not any(changes):
        return images
    generator = torch_generator(seed, "supergf-augmentation", step)
    mirrored = float(torch.rand((), generator=generator)) < config.flip
    return [_changed(image, config, mirrored, generator) for image in images]


def window(image: ImageTokens, generator: torch.Generator) -> ImageTokens:
    """What lies in a window around a keypoint of an image, as if it had been taken closer; the image, if that is little."""
    if len(image.where) == 0:
        return image
    centre = image.where[int(torch.randint(len(image.where), (), generator=generator)), :2]
    half = _NARROWEST + (_WIDEST - _NARROWEST) * float(torch.rand((), generator=generator))
    inside = ((image.where[:, :2] - centre).abs() < half * torch.tensor([1.0, _HEIGHT])).all(dim=1)
    if int(inside.sum()) < _FEWEST:
        return image
    where = image.where[inside].clone()
    where[:, :2] = (where[:, :2] - centre) * (0.7 / half)
    return replace(image, descriptors=image.descriptors[inside], where=where)


def _changed(
    image: ImageTokens, config: AggregatorTrainingConfig, mirrored: bool, generator: torch.Generator
) -> ImageTokens:
    if config.windows and float(torch.rand((), generator=generator)) < config.windows:
        image = window(image, generator)
    count = len(image.descriptors)
    left_out = config.keypoint_dropout * float(torch.rand((), generator=generator))
    most = min(count, config.keypoints) if config.keypoints else count
    rows = torch.randperm(count, generator=generator)[: max(1, round(most * (1 - left_out)))]
    where = image.where[rows].clone()
    if mirrored:
        where[:, 0] *= -1
    if config.score_jitter:
        noise = config.score_jitter * torch.randn(len(where), generator=generator)
        where[:, 2] = (where[:, 2] + noise).clamp(0, 1)
    return replace(image, descriptors=image.descriptors[rows], where=where)
