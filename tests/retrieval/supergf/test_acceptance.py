"""Aggregators on rendered scenes that they have not seen, against VLAD fitted to these and pooling without training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from trigpoint.core.interrupt import StopRequest
from trigpoint.features.cache import ViewPolicy, image_features
from trigpoint.features.encoders import load_encoder
from trigpoint.retrieval.descriptor import describe_images, fit_descriptor
from trigpoint.retrieval.supergf.config import COMPACT
from trigpoint.retrieval.supergf.descriptor import SuperGF
from trigpoint.retrieval.supergf.inputs import image_tokens
from trigpoint.retrieval.supergf.labels import labels_from_overlaps
from trigpoint.retrieval.supergf.training import TrainingStart, fit_aggregator
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
KINDS = ("room", "street")
TRAINED, UNSEEN, IMAGES = 2, 4, 18
# The shipped aggregator has learned from seeds in the thousands.
FIRST_SEED = 500


def near(frames):
    """How alike the views are, from poses alone: near and turned the same way."""
    centres = np.array([frame.pose().centre() for frame in frames])
    axes = np.array([frame.pose().rotation[2] for frame in frames])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return np.clip(1 - apart / 4, 0, 1) * np.clip(2 * axes @ axes.T - 1, 0, 1)


class Images:
    """Local features of the scenes, and how alike their images are."""

    def __init__(self, folder):
        paths, self.overlaps = [], []
        for index in range(TRAINED + UNSEEN):
            kind, seed = KINDS[index % 2], FIRST_SEED + index
            config = SyntheticConfig(kind, seed, 320, 240, n_train=IMAGES, n_test=0, train_night_fraction=0.4)
            frames = write_synthetic_scene(folder / str(index), config).frames
            paths += [frame.image_path for frame in frames]
            self.overlaps.append(near(frames))
        encoder = load_encoder("xfeat", torch.device("cpu"))
        found = image_features(paths, encoder, ViewPolicy(240, 1024))
        self.seen, self.unseen = found[: TRAINED * IMAGES], found[TRAINED * IMAGES :]
        everything = np.arange(len(self.unseen))
        self.truth = labels_from_overlaps(self.overlaps[TRAINED:]).of(everything, everything) >= 0.5

    def precision(self, descriptor):
        """Mean average precision among all other images of all unseen scenes."""
        vectors = describe_images(descriptor, self.unseen)
        order = (vectors @ vectors.T).fill_diagonal_(-2).argsort(dim=1, descending=True, stable=True)[:, :-1]
        hits = np.take_along_axis(self.truth, order.numpy(), axis=1)[self.truth.any(axis=1)]
        precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
        return float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return Images(tmp_path_factory.mktemp("scenes"))


def test_shipped_aggregator_beats_vlad_and_mean_on_unseen_scenes(images):
    shipped, vlad, mean = (images.precision(fit_descriptor(name, images.unseen)) for name in ("supergf", "vlad", "mean"))
    assert shipped > vlad + 0.02
    assert shipped > mean + 0.1


def test_trained_aggregator_beats_mean_on_unseen_scenes(images, tmp_path):
    recipe = replace(COMPACT, training=replace(COMPACT.training, steps=5))
    prepared = [image_tokens(found, size, recipe.aggregator) for found, size in images.seen]
    model = fit_aggregator(
        prepared,
        labels_from_overlaps(images.overlaps[:TRAINED]),
        recipe,
        TrainingStart(),
        folder=tmp_path,
        stop=StopRequest(),
    ).model
    assert images.precision(SuperGF(model)) > images.precision(fit_descriptor("mean", images.unseen)) + 0.1
