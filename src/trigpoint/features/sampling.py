"""Which features of a view become samples: all alike, or more often those the detector trusts more."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.features.extract import ImageFeatures

WAYS = ("uniform", "score")


def sample_features(features: ImageFeatures, count: int, how: str, generator: np.random.Generator) -> ImageFeatures:
    """At most ``count`` features of a view, in the order they had.

    Args:
        features: features of one view.
        count: number to keep.
        how: ``uniform``, or ``score`` for draws weighted by the detector (GLACE with SuperPoint).
        generator: source of randomness; untouched where all are kept.

    Raises:
        ConfigError: unknown ``how`` (TP-751), negative ``count`` (TP-752).
    """
    chosen = sample_rows(features.scores.numpy(), count, how, generator)
    if len(chosen) == len(features):
        return features
    return features.select(chosen)


def sample_rows(scores: ArrayLike, count: int, how: str, generator: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers of at most ``count`` of N features, ascending, drawn without replacement.

    ``score`` draws one after the other, each with probability proportional to its score among those left: the ``count``
    largest of log score plus Gumbel noise (Kool et al., ICML 2019). Scores that are not positive come last, in random order.

    Args:
        scores: (N,) scores.
        count: number to keep.
        how: one of ``WAYS``.
        generator: source of randomness.

    Raises:
        ConfigError: as ``sample_features``.
    """
    if how not in WAYS:
        raise ConfigError("TP-751", f"there is no way to sample features named '{how}'", fix=did_you_mean(how, WAYS))
    if count < 0:
        raise ConfigError("TP-752", f"{count} features cannot be sampled", fix="Ask for 0 or more.")
    weights = np.asarray(scores, dtype=np.float64)
    if len(weights) <= count:
        return np.arange(len(weights), dtype=np.int64)
    if how == "uniform":
        return np.sort(generator.choice(len(weights), count, replace=False))
    noise = generator.gumbel(size=len(weights))
    positive = weights > 0
    keys = noise + np.log(weights, out=np.zeros_like(weights), where=positive)
    order = np.lexsort((-keys, ~positive))
    return np.sort(order[:count])
