"""Made-up images and labels for the tests of SuperGF."""

from __future__ import annotations

import numpy as np
import torch

from trigpoint.core.randomness import torch_generator
from trigpoint.retrieval.supergf.config import ListConfig, SuperGFConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens
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
    return ImageTokens(torch.randn(count, dim, generator=generator), where, grid)


def walk_overlap(images, reach=4):
    """Images along a walk: overlap falls linearly with their distance."""
    apart = np.abs(np.subtract.outer(np.arange(images), np.arange(images)))
    return np.clip(1 - apart / reach, 0, 1).astype(np.float32)


def walks(*lengths, reach=4):
    return labels_from_overlaps([walk_overlap(length, reach) for length in lengths])


class MemoryCache:
    """The interface of ``Images`` over images in memory."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def walk_images(lengths, dim=8, keypoints=20, seed=0):
    """Images of walks past landmarks: each shows the descriptors of those within reach."""
    images = []
    for scene, length in enumerate(lengths):
        landmarks = torch.randn(length + 4, 5, dim, generator=torch_generator(seed, "landmarks", scene))
        for index in range(length):
            seen = landmarks[index : index + 4].reshape(-1, dim)[:keypoints]
            noise = 0.1 * torch.randn(seen.shape, generator=torch_generator(seed, "noise", scene, index))
            where = torch.rand(len(seen), 3, generator=torch_generator(seed, "where", scene, index))
            images.append(ImageTokens(seen + noise, where))
    return images
