"""A trained aggregator on rendered places that it has not seen, against pooling without training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from trigpoint.core.interrupt import StopRequest
from trigpoint.data.synthetic.scene import SyntheticConfig, write_synthetic_scene
from trigpoint.features.encoders import load_encoder
from trigpoint.retrieval.supergf.cache import FeatureCache
from trigpoint.retrieval.supergf.config import COMPACT
from trigpoint.retrieval.supergf.labels import labels_from_overlaps
from trigpoint.retrieval.supergf.training import fit_aggregator

KINDS = ("room", "street")
TRAINED, UNSEEN, PHOTOS = 8, 4, 24


def near(frames):
    """How alike the views are, from poses alone: near and turned the same way."""
    centres = np.array([frame.pose().centre() for frame in frames])
    axes = np.array([frame.pose().rotation[2] for frame in frames])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return np.clip(1 - apart / 4, 0, 1) * np.clip(2 * axes @ axes.T - 1, 0, 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("one_thread")
def test_trained_aggregator_beats_mean_pooling_on_unseen_places(tmp_path):
    paths, overlaps = [], []
    for index in range(TRAINED + UNSEEN):
        config = SyntheticConfig(KINDS[index % 2], 500 + index, 320, 240, n_train=PHOTOS, n_test=0, train_night_share=0.4)
        frames = write_synthetic_scene(tmp_path / str(index), config).frames
        paths += [frame.image_path for frame in frames]
        overlaps.append(near(frames))
    recipe = replace(
        COMPACT,
        aggregator=replace(COMPACT.aggregator, short_side_px=240),
        training=replace(COMPACT.training, steps=80, keypoints=128),
    )
    encoder = load_encoder("xfeat", torch.device("cpu"))
    photos = FeatureCache(tmp_path, encoder.dim).fill(paths, encoder, recipe.aggregator, StopRequest())
    seen = labels_from_overlaps(overlaps[:TRAINED])
    model = fit_aggregator(
        photos, seen, recipe, seed=0, folder=tmp_path, device=torch.device("cpu"), stop=StopRequest()
    ).model
    unseen = [photos[index] for index in range(TRAINED * PHOTOS, len(paths))]
    labels = labels_from_overlaps(overlaps[TRAINED:])
    truth = labels.of(np.arange(len(unseen)), np.arange(len(unseen)))
    with torch.inference_mode():
        trained = model(unseen).descriptors
    mean = functional.normalize(torch.stack([photo.descriptors.mean(dim=0) for photo in unseen]), dim=1)
    assert first_right(trained, truth) > first_right(mean, truth) + 0.1


def first_right(descriptors, truth):
    """Recall at 1 among all other photos of all unseen places."""
    similarity = (descriptors @ descriptors.T).fill_diagonal_(-1)
    asked = (truth >= 0.5).any(axis=1)
    return float((truth[np.arange(len(truth)), similarity.argmax(dim=1).numpy()] >= 0.5)[asked].mean())
