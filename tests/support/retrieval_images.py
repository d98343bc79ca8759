"""Made-up local features: each scene has words of its own, images of it show most of them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from trigpoint.features.cache import SizedFeatures
from trigpoint.features.extract import ImageFeatures

SIZE = (640, 480)


def image(descriptors, points=None, scale=1.0, size=SIZE) -> SizedFeatures:
    """An image of given (N, C) descriptors, at random points if none are given."""
    values = torch.as_tensor(np.asarray(descriptors), dtype=torch.float32)
    if points is None:
        points = np.random.default_rng(len(values)).uniform(1, np.array(size) - 1, (len(values), 2))
    return ImageFeatures(np.asarray(points, dtype=np.float64), values, torch.ones(len(values)), scale), size


def scenes(count=6, images=5, words=40, dim=32, seed=0, common=200):
    """Images of several scenes in turn: words of the scene among words that are everywhere; and the scene of each image."""
    generator = np.random.default_rng(seed)
    everywhere = generator.standard_normal((common, dim))
    made, labels = [], []
    for scene in range(count):
        own = generator.standard_normal((words, dim))
        for _ in range(images):
            shown = np.concatenate([own, everywhere[generator.permutation(common)[:words]]])
            noisy = torch.from_numpy(shown + 0.3 * generator.standard_normal(shown.shape)).float()
            made.append(image(functional.normalize(noisy, dim=1)))
            labels.append(scene)
    return made, np.array(labels)
