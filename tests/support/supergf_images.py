"""Made-up photos and labels for the tests of SuperGF."""

from __future__ import annotations

import numpy as np
import torch

from trigpoint.core.randomness import torch_generator
from trigpoint.retrieval.supergf.config import ListConfig, SuperGFConfig
from trigpoint.retrieval.supergf.inputs import PhotoTokens
from trigpoint.retrieval.supergf.labels import labels_from_overlaps

SIZES = {"input_dim": 8, "width": 32, "hidden": 32, "heads": 2, "slots": 6, "max_keypoints": 40, "position_hidden": (8,)}
SMALL = SuperGFConfig(pooling="gem", layers=2, **SIZES)
SMALL_DENSE = SuperGFConfig(variant="dense", pooling="gem", layers=1, **SIZES)
SLOTS = SuperGFConfig(pooling="slots", layers=1, slot_width=4, whitening_rank=5, **SIZES)
SLOTS_DENSE = SuperGFConfig(variant="dense", pooling="slots", layers=1, slot_width=4, whitening_rank=5, **SIZES)
LISTS = ListConfig(queries=4, positives=1, soft_negatives=2, negatives=6)


def tokens(count, dim=8, seed=0, grid=(0, 0)):
    generator = torch_generator(seed, "tokens", count)
    where = torch.rand(count, 3, generator=generator) * 2 - 1
    return PhotoTokens(torch.randn(count, dim, generator=generator), where, grid)


def walk_overlap(photos, reach=4):
    """Photos along a walk: overlap falls linearly with their distance."""
    apart = np.abs(np.subtract.outer(np.arange(photos), np.arange(photos)))
    return np.clip(1 - apart / reach, 0, 1).astype(np.float32)


def walks(*lengths, reach=4):
    return labels_from_overlaps([walk_overlap(length, reach) for length in lengths])


class MemoryCache:
    """The interface of FeatureCache over photos in memory."""

    def __init__(self, photos):
        self.photos = photos

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, index):
        return self.photos[index]


def walk_photos(lengths, dim=8, keypoints=20, seed=0):
    """Photos of walks past landmarks: each shows the descriptors of those within reach."""
    photos = []
    for place, length in enumerate(lengths):
        landmarks = torch.randn(length + 4, 5, dim, generator=torch_generator(seed, "landmarks", place))
        for index in range(length):
            seen = landmarks[index : index + 4].reshape(-1, dim)[:keypoints]
            noise = 0.1 * torch.randn(seen.shape, generator=torch_generator(seed, "noise", place, index))
            where = torch.rand(len(seen), 3, generator=torch_generator(seed, "where", place, index))
            photos.append(PhotoTokens(seen + noise, where))
    return photos
