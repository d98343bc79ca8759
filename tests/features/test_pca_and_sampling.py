"""The PCA of descriptors against scikit-learn's, and the choice of features of a view."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from trigpoint.core.errors import ConfigError
from trigpoint.features.extract import ImageFeatures
from trigpoint.features.pca import Pca, fit_pca
from trigpoint.features.sampling import sample_features, sample_rows


def descriptors(count=600, width=24, seed=0):
    """Correlated, far from the origin, with falling variances."""
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.normal(size=(width, width)))
    return torch.from_numpy((generator.normal(size=(count, width)) * np.geomspace(3, 0.1, width)) @ turn + 50).float()


def test_pca_agrees_with_scikit_learn():
    data = descriptors()
    found = fit_pca(data.split([1, 99, 0, 300, 200]), 8)
    expected = PCA(8, svd_solver="full").fit(data.double().numpy())
    assert found.mean.numpy() == pytest.approx(expected.mean_, rel=1e-6)
    signs = np.sign((found.components.numpy() * expected.components_).sum(axis=1))
    assert found.components.numpy() == pytest.approx(signs[:, None] * expected.components_, abs=1e-5)
    assert found.explained_variance.numpy() == pytest.approx(expected.explained_variance_, rel=1e-6)
    assert found.explained_fraction == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-6)
    result = found.apply(data)
    assert result.dtype == torch.float32 and result.shape == (600, 8) and found.dim == 8
    assert result.numpy() == pytest.approx(signs * expected.transform(data.double().numpy()), abs=1e-3)
    # No whitening.
    assert result.var(dim=0).numpy() == pytest.approx(found.explained_variance.numpy(), rel=1e-3)


def test_pca_does_not_depend_on_the_chunks_and_signs_are_fixed():
    data = descriptors()
    whole, parts = fit_pca([data], 8), fit_pca(data.split(37), 8)
    assert torch.allclose(whole.components, parts.components, atol=1e-5)
    largest = whole.components.gather(1, whole.components.abs().argmax(dim=1, keepdim=True))
    assert (largest > 0).all()
    again = fit_pca([data], 8)
    assert torch.equal(whole.components, again.components) and torch.equal(whole.mean, again.mean)


def test_all_components_keep_everything():
    data = descriptors(width=6)
    found = fit_pca([data], 6)
    assert found.explained_fraction == pytest.approx(1)
    assert torch.allclose(found.apply(data) @ found.components + found.mean, data, atol=1e-3)


def test_pca_returns_from_its_arrays():
    found = fit_pca([descriptors()], 4)
    back = Pca.restore(found.state())
    assert torch.equal(back.mean, found.mean) and torch.equal(back.components, found.components)
    assert torch.equal(back.explained_variance, found.explained_variance) and back.total_variance == found.total_variance
    with pytest.raises(ValueError, match="fit together"):
        Pca.restore(found.state() | {"mean": np.zeros(3, np.float32)})
    with pytest.raises(KeyError):
        Pca.restore({"mean": np.zeros(3, np.float32)})


@pytest.mark.parametrize(
    ("chunks", "dim", "code"),
    [
        ([descriptors()], 0, "TP-753"),
        ([descriptors()], 25, "TP-753"),
        ([], 4, "TP-754"),
        ([torch.zeros(0, 24)], 4, "TP-754"),
        ([descriptors(4)], 4, "TP-754"),
        ([descriptors(), descriptors(width=23)], 4, "TP-755"),
        ([torch.full((9, 4), torch.nan)], 2, "TP-755"),
        ([torch.zeros(9)], 2, "TP-755"),
    ],
)
def test_pca_refuses(chunks, dim, code):
    with pytest.raises(ConfigError, match=code):
        fit_pca(chunks, dim)


def test_a_pca_of_equal_descriptors_is_finite():
    found = fit_pca([torch.ones(9, 4)], 2)
    assert found.explained_fraction == 1 and torch.equal(found.apply(torch.ones(3, 4)), torch.zeros(3, 2))


def features(scores):
    count = len(scores)
    rows = torch.arange(count, dtype=torch.float32)
    return ImageFeatures(np.arange(2.0 * count).reshape(-1, 2), rows[:, None], torch.tensor(scores).float(), 0.5)


@pytest.mark.parametrize("how", ["uniform", "score"])
def test_samples_are_whole_features_in_their_order(how):
    found = features(np.linspace(0.1, 1, 50))
    chosen = sample_features(found, 20, how, np.random.default_rng(3))
    assert len(chosen) == 20 and chosen.scale == 0.5
    rows = chosen.descriptors[:, 0].numpy().astype(int)
    assert (np.diff(rows) > 0).all()
    assert (chosen.image_px[:, 0] == 2 * rows).all() and torch.equal(chosen.scores, found.scores[rows])
    again = sample_features(found, 20, how, np.random.default_rng(3))
    assert torch.equal(again.descriptors, chosen.descriptors)
    assert sample_features(found, 50, how, np.random.default_rng(3)) is found
    assert len(sample_features(found, 0, how, np.random.default_rng(3))) == 0


def test_uniform_draws_are_those_of_a_plain_choice():
    expected = np.sort(np.random.default_rng(7).choice(90, 30, replace=False))
    assert (sample_rows(np.ones(90), 30, "uniform", np.random.default_rng(7)) == expected).all()


def test_scores_weight_the_draws():
    """One draw picks each row as often as its fraction; two draws follow the law of drawing without replacement."""
    weights = np.array([1.0, 2.0, 5.0])
    generator = np.random.default_rng(0)
    single = np.bincount([sample_rows(weights, 1, "score", generator)[0] for _ in range(6000)], minlength=3) / 6000
    assert single == pytest.approx(weights / 8, abs=0.025)
    left_out = np.bincount([3 - sample_rows(weights, 2, "score", generator).sum() for _ in range(6000)], minlength=3) / 6000
    first_out = 2 / 8 * 5 / 6 + 5 / 8 * 2 / 3
    assert left_out[0] == pytest.approx(first_out, abs=0.025)


def test_scores_that_are_not_positive_come_last():
    scores = np.array([0.0, 3.0, -2.0, 1.0, 0.0])
    rows = [tuple(sample_rows(scores, 3, "score", np.random.default_rng(seed))) for seed in range(30)]
    assert all({1, 3} < set(chosen) for chosen in rows) and len(set(rows)) == 3


def test_sampling_refuses():
    with pytest.raises(ConfigError, match=r"TP-751.*Did you mean 'score'"):
        sample_rows(np.ones(3), 1, "scores", np.random.default_rng(0))
    with pytest.raises(ConfigError, match="TP-752"):
        sample_rows(np.ones(3), -1, "uniform", np.random.default_rng(0))
