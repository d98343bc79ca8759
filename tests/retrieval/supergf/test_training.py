"""Training: it learns, it resumes exactly, it writes whole files."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from support.supergf_images import LISTS, SMALL, SMALL_DENSE, MemoryCache, tokens, walk_images, walk_overlap, walks

from trigpoint.core.errors import ConfigError, ImageError, MappingError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.job import JobControl, open_job
from trigpoint.features.encoders import load_encoder
from trigpoint.retrieval.supergf.build import TrainingControl, TrainingData, train_aggregator
from trigpoint.retrieval.supergf.config import AggregatorTrainingConfig, APConfig, SuperGFConfig, SuperGFRecipe
from trigpoint.retrieval.supergf.images import CachedImages
from trigpoint.retrieval.supergf.labels import labels_from_overlaps
from trigpoint.retrieval.supergf.training import TrainingStart, fit_aggregator, learning_rate

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
ON_CPU = TrainingControl(device="cpu")
LENGTHS = (12, 10)
RECIPE = SuperGFRecipe(
    aggregator=SMALL,
    lists=replace(LISTS, shared=True),
    ap=APConfig(running_percentile=True),
    training=AggregatorTrainingConfig(
        steps=12, learning_rate=1e-3, keypoints=16, keypoint_dropout=0.3, score_jitter=0.05, flip=0.5, warmup_steps=3
    ),
)


class StopAfter(StopRequest):
    """Asks to stop at the n-th look."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def __bool__(self):
        self.looks -= 1
        return self.looks < 0


def fit(recipe, folder, stop=None, lengths=LENGTHS):
    folder.mkdir(exist_ok=True)
    images = MemoryCache(walk_images(lengths))
    return fit_aggregator(
        images, walks(*lengths), recipe, TrainingStart(3), folder=folder, stop=StopRequest() if stop is None else stop
    )


def weights(training):
    return torch.cat([value.detach().flatten() for value in training.model.state_dict().values()])


def test_stopped_training_ends_in_the_same_weights(tmp_path):
    whole = fit(RECIPE, tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(RECIPE, tmp_path / "parts", StopAfter(8))
    resumed = fit(RECIPE, tmp_path / "parts")
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history == resumed.history and whole.history[-1].step == 12


def test_training_learns_scenes_it_has_not_seen(tmp_path):
    lengths = (14,) * 5
    recipe = replace(RECIPE, training=AggregatorTrainingConfig(steps=120, learning_rate=3e-3, warmup_steps=10))
    unseen, labels = walk_images((14, 14), seed=50), np.asarray(walks(14, 14).pairs.todense())

    def first_hits(model):
        with torch.inference_mode():
            found = model(unseen).descriptors
        similarity = (found @ found.T).fill_diagonal_(-1)
        return (labels[np.arange(28), similarity.argmax(dim=1).numpy()] >= 0.5).mean()

    start = fit(
        replace(recipe, training=replace(recipe.training, steps=1, learning_rate=1e-9)), tmp_path / "a", None, lengths
    )
    trained = fit(recipe, tmp_path / "b", None, lengths)
    assert trained.history[-1].ranking < trained.history[0].ranking - 0.05
    assert first_hits(trained.model) >= max(0.7, first_hits(start.model))


def test_dense_variant_trains(tmp_path):
    recipe = SuperGFRecipe(SMALL_DENSE, LISTS, APConfig(), AggregatorTrainingConfig(steps=2))
    images = MemoryCache([tokens(12, seed=index, grid=(3, 4)) for index in range(8)])
    training = fit_aggregator(images, walks(8), recipe, TrainingStart(), folder=tmp_path, stop=StopRequest())
    assert training.history[-1].decorrelation == 0 and math.isfinite(training.history[-1].ranking)


def test_rates():
    config = AggregatorTrainingConfig(steps=101, learning_rate=1e-4, final_rate=1e-6)
    assert learning_rate(0, config) == pytest.approx(1e-4) and learning_rate(100, config) == pytest.approx(1e-6)
    assert learning_rate(50, config) == pytest.approx(0.5 * (1e-4 + 1e-6))
    warm = replace(config, warmup_steps=10)
    assert learning_rate(0, warm) == pytest.approx(1e-5) and learning_rate(9, warm) == pytest.approx(1e-4)


def test_divergence_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "trigpoint.retrieval.supergf.training.attention_decorrelation", lambda attention: attention.sum() * math.nan
    )
    with pytest.raises(MappingError, match="TP-604"):
        fit(RECIPE, tmp_path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Crops of one noise picture, side by side: a walk."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0).integers(0, 256, (12, 60), dtype=np.uint8)
    wide = Image.fromarray(noise).resize((480, 96), Image.Resampling.BICUBIC)
    for index in range(8):
        wide.crop((index * 40, 0, index * 40 + 128, 96)).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


SIFT = SuperGFRecipe(
    aggregator=replace(SMALL, encoder="dense-sift", input_dim=128, short_side_px=96),
    lists=LISTS,
    training=AggregatorTrainingConfig(steps=4, learning_rate=1e-3),
)


@pytest.mark.parametrize("variant", ["sparse", "dense"])
def test_file_from_images(tmp_path, pictures, variant):
    recipe = replace(SIFT, aggregator=replace(SIFT.aggregator, variant=variant))
    labels = labels_from_overlaps([walk_overlap(8)])
    result = train_aggregator(
        TrainingData(pictures, labels, "noise", "CC0-1.0"), tmp_path / "a", recipe=recipe, control=ON_CPU
    )
    found = result.descriptor.provenance
    assert (found.data, found.licence, found.training["images"], found.training["scenes"]) == ("noise", "CC0-1.0", 8, 1)
    assert result.bytes == (tmp_path / "a").stat().st_size and not result.resumed
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_interrupted_training_ends_in_the_same_bytes(tmp_path, pictures):
    data = TrainingData(pictures, labels_from_overlaps([walk_overlap(8)]))
    train_aggregator(data, tmp_path / "whole", recipe=SIFT, control=ON_CPU)
    for looks in (3, 6):
        control = TrainingControl(stop=StopAfter(looks), device="cpu")
        with pytest.raises(Interrupted):
            train_aggregator(data, tmp_path / "parts", recipe=SIFT, control=control)
        assert not (tmp_path / "parts").exists()
    result = train_aggregator(data, tmp_path / "parts", recipe=SIFT, control=ON_CPU)
    assert result.resumed and (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_is_refused_before_any_work(tmp_path, pictures):
    labels = labels_from_overlaps([walk_overlap(8)])
    with pytest.raises(MappingError, match="TP-643"):
        train_aggregator(TrainingData(pictures[:5], labels), tmp_path / "a", recipe=SIFT)
    with pytest.raises(MappingError, match="TP-644"):
        train_aggregator(TrainingData(pictures, labels_from_overlaps([np.zeros((8, 8))])), tmp_path / "a", recipe=SIFT)
    with pytest.raises(ConfigError, match="TP-702"):
        train_aggregator(
            TrainingData(pictures, labels),
            tmp_path / "a",
            recipe=replace(SIFT, aggregator=replace(SIFT.aggregator, input_dim=5)),
        )
    assert not list(tmp_path.iterdir())


def test_a_missing_image_is_named(tmp_path, pictures):
    data = TrainingData([*pictures[:7], tmp_path / "gone.png"], labels_from_overlaps([walk_overlap(8)]))
    with pytest.raises(ImageError, match=r"TP-101.*gone"):
        train_aggregator(data, tmp_path / "a", recipe=SIFT, control=ON_CPU)


def test_second_training_of_a_file_is_refused(tmp_path, pictures):
    with open_job(tmp_path / "a", JobControl(), MappingError("TP-649", "")), pytest.raises(MappingError) as caught:
        train_aggregator(TrainingData(pictures, labels_from_overlaps([walk_overlap(8)])), tmp_path / "a", recipe=SIFT)
    assert caught.value.code == "TP-649"


class Blind:
    """A local encoder that finds nothing."""

    name, dim, size_multiple, weights_sha256 = "blind", 8, 8, ""

    def encode(self, view, max_keypoints):
        from trigpoint.features.local import LocalFeatures

        return LocalFeatures(torch.zeros(0, 2), torch.zeros(0, 8), torch.zeros(0))


def test_images_without_any_keypoint(tmp_path, pictures):
    with pytest.raises(MappingError) as caught:
        CachedImages(pictures, Blind(), SMALL, tmp_path, StopRequest())
    assert caught.value.code == "TP-647"


def test_cached_images_are_half_precision_and_keep_grids(tmp_path, pictures):
    config = SuperGFConfig(variant="dense", encoder="dense-sift", input_dim=128, short_side_px=96, max_keypoints=50)
    encoder = load_encoder("dense-sift", CPU)
    images = CachedImages(pictures, encoder, config, tmp_path, StopRequest())
    assert len(images) == 8 and len(list(tmp_path.iterdir())) == 8
    image = images[5]
    # Every cell, however many keypoints a sparse aggregator would take.
    assert image.grid == (12, 16) and image.descriptors.shape == (192, 128) and image.where.shape == (192, 3)
    view = torch.from_numpy(np.array(Image.open(pictures[5])))
    exact = encoder.encode(view, 50).descriptors
    assert torch.equal(image.descriptors, exact.half().float())
