"""Cached local features: they equal those without a cache, are raw, and are shared by processes, resumed builds and PCAs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from trigpoint.core.errors import ImageError, MappingError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.features.cache import ViewPolicy, file_digest, image_features
from trigpoint.features.dense_sift import DenseSift
from trigpoint.features.pca import fit_pca
from trigpoint.features.reduced import ReducedEncoder

CPU = torch.device("cpu")
POLICY = ViewPolicy(32, 20)


class CountingEncoder(DenseSift):
    """An encoder that counts the views it has seen."""

    views = 0

    def encode(self, view, max_keypoints):
        self.views += 1
        return super().encode(view, max_keypoints)


@pytest.fixture
def paths(tmp_path):
    """Two images of noise, 64 x 48 px."""
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for index, path in enumerate(paths):
        pixels = np.random.default_rng(index).integers(0, 255, (48, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def encoder():
    return CountingEncoder(CPU)


def equal(first, second):
    return all(
        np.array_equal(a.image_px, b.image_px)
        and torch.equal(a.descriptors, b.descriptors)
        and torch.equal(a.scores, b.scores)
        and (a.scale, size_a) == (b.scale, size_b)
        for (a, size_a), (b, size_b) in zip(first, second, strict=True)
    )


def test_a_cache_changes_nothing_and_spares_the_encoder(paths, cache, encoder):
    plain = image_features(paths, encoder, POLICY)
    assert [len(features) for features, _ in plain] == [20, 20] and plain[0][1] == (64, 48)
    assert equal(plain, image_features(paths, encoder, POLICY, cache=cache))
    assert len(list(cache.iterdir())) == 2 and encoder.views == 4
    assert equal(plain, image_features(paths, encoder, POLICY, cache=cache)) and encoder.views == 4


def test_one_raw_cache_serves_descriptors_of_every_length(paths, cache, encoder):
    raw = image_features(paths, encoder, POLICY, cache=cache)
    for dim in (3, 8, 128):
        pca = fit_pca([torch.cat([features.descriptors for features, _ in raw]), torch.rand(200, 128)], dim)
        reduced = image_features(paths, ReducedEncoder(encoder, pca), POLICY, cache=cache)
        for (features, _), (short, _) in zip(raw, reduced, strict=True):
            assert short.descriptors.shape == (20, dim)
            assert torch.equal(short.descriptors, pca.apply(features.descriptors).half().float())
            assert np.array_equal(short.image_px, features.image_px)
        assert equal(reduced, image_features(paths, ReducedEncoder(encoder, pca), POLICY))
    assert equal(raw, image_features(paths, encoder, POLICY, cache=cache))
    # Two images for the raw features, and two for each PCA without a cache.
    assert len(list(cache.iterdir())) == 2 and encoder.views == 2 + 3 * 2


def test_other_settings_or_pixels_are_not_in_the_cache(paths, cache, encoder):
    policies = (POLICY, ViewPolicy(32, 10), ViewPolicy(40, 20), ViewPolicy(32, 20, every_cell=True))
    for policy in policies:
        image_features(paths, encoder, policy, cache=cache)
    first = file_digest(paths[0])
    paths[0].unlink()
    paths[0].write_bytes(paths[1].read_bytes())
    assert file_digest(paths[0]) == file_digest(paths[1]) != first
    changed = image_features(paths, encoder, POLICY, cache=cache)
    assert equal(changed[:1], changed[1:]) and len(list(cache.iterdir())) == 2 * len(policies)


def test_every_cell_of_a_grid(paths, encoder):
    (features, _), _ = image_features(paths, encoder, ViewPolicy(48, 20, every_cell=True))
    assert len(features) == 6 * 8 and features.descriptors.shape == (48, 128)


def test_a_damaged_cache_is_named(paths, cache, encoder):
    image_features(paths, encoder, POLICY, cache=cache)
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(MappingError, match=r"TP-638.*features\]"):
        image_features(paths, encoder, POLICY, cache=cache)
    paths[0].unlink()
    with pytest.raises(ImageError, match="TP-101"):
        image_features(paths, encoder, POLICY, cache=cache)


def test_a_stopped_extraction_goes_on_behind_its_last_image(paths, cache, encoder):
    request = StopRequest()
    request.requested = True
    with pytest.raises(Interrupted):
        image_features(paths, encoder, POLICY, cache=cache, stop=request)
    assert len(list(cache.iterdir())) == 1
    assert len(image_features(paths, encoder, POLICY, cache=cache, stop=StopRequest())) == 2 and encoder.views == 2
