"""Photos made different for training: fewer keypoints, only a window of the photo, other scores, mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from trigpoint.core.randomness import torch_generator
from trigpoint.retrieval.supergf.config import AggregatorTrainingConfig
from trigpoint.retrieval.supergf.inputs import PhotoTokens

# Half the width of a window, in units of ``PhotoTokens.where``, whose longer side spans 1.4; its height is 3/4 of it.
_NARROWEST, _WIDEST, _HEIGHT = 0.2, 0.5, 0.75
_FEWEST = 60


def augmented(
    photos: Sequence[PhotoTokens], config: AggregatorTrainingConfig, seed: int, step: int
) -> Sequence[PhotoTokens]:
    """The photos of a step as they are shown to a sparse aggregator; those of a dense one stay as they are."""
    changes = (config.keypoints, config.keypoint_dropout, config.score_jitter, config.flip, config.windows)
    if photos[0].grid != (0, 0) or not any(changes):
        return photos
    generator = torch_generator(seed, "supergf-augmentation", step)
    mirrored = float(torch.rand((), generator=generator)) < config.flip
    return [_changed(photo, config, mirrored, generator) for photo in photos]


def window(photo: PhotoTokens, generator: torch.Generator) -> PhotoTokens:
    """What lies in a window around a keypoint of a photo, as if it had been taken closer; the photo, if that is little."""
    if len(photo.where) == 0:
        return photo
    centre = photo.where[int(torch.randint(len(photo.where), (), generator=generator)), :2]
    half = _NARROWEST + (_WIDEST - _NARROWEST) * float(torch.rand((), generator=generator))
    inside = ((photo.where[:, :2] - centre).abs() < half * torch.tensor([1.0, _HEIGHT])).all(dim=1)
    if int(inside.sum()) < _FEWEST:
        return photo
    where = photo.where[inside].clone()
    where[:, :2] = (where[:, :2] - centre) * (0.7 / half)
    return replace(photo, descriptors=photo.descriptors[inside], where=where)


def _changed(
    photo: PhotoTokens, config: AggregatorTrainingConfig, mirrored: bool, generator: torch.Generator
) -> PhotoTokens:
    if config.windows and float(torch.rand((), generator=generator)) < config.windows:
        photo = window(photo, generator)
    count = len(photo.descriptors)
    left_out = config.keypoint_dropout * float(torch.rand((), generator=generator))
    most = min(count, config.keypoints) if config.keypoints else count
    kept = torch.randperm(count, generator=generator)[: max(1, round(most * (1 - left_out)))]
    where = photo.where[kept].clone()
    if mirrored:
        where[:, 0] *= -1
    if config.score_jitter:
        noise = config.score_jitter * torch.randn(len(where), generator=generator)
        where[:, 2] = (where[:, 2] + noise).clamp(0, 1)
    return replace(photo, descriptors=photo.descriptors[kept], where=where)
