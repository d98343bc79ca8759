"""Second stage of retrieval: candidates in the order of how many of their matches one homography explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError, did_you_mean
from trigpoint.features.cache import SizedFeatures
from trigpoint.retrieval.lighterglue import LighterGlue
from trigpoint.retrieval.matching import Matcher, MutualNearest

MATCHERS: dict[str, Callable[[torch.device], Matcher]] = {
    "nearest": lambda device: MutualNearest(),
    "lighterglue": LighterGlue,
}

# A homography through four matches explains those; nothing is learned from fewer than this many.
MIN_MATCHES = 8
THRESHOLD_PX = 8.0
MAX_ITERATIONS = 500
CONFIDENCE = 0.999


def load_matcher(name: str, device: torch.device) -> Matcher:
    """Make a matcher.

    Raises:
        MappingError: unknown name (TP-631).
        WeightsError: its weights are missing or wrong.
    """
    if name not in MATCHERS:
        raise MappingError("TP-631", f"unknown matcher '{name}'", fix=did_you_mean(name, MATCHERS))
    return MATCHERS[name](device)


def homography_inliers(first_px: NDArray[np.float64], second_px: NDArray[np.float64]) -> int:
    """Number of matches that agree with the best homography; 0 if there are too few. Deterministic.

    Args:
        first_px: (M, 2) points, px of the view, so that the threshold means the same for every image size.
        second_px: (M, 2) points of the other image, px of its view.
    """
    import cv2

    if len(first_px) < MIN_MATCHES:
        return 0
    _, inliers = cv2.findHomography(
        first_px, second_px, cv2.USAC_MAGSAC, THRESHOLD_PX, maxIters=MAX_ITERATIONS, confidence=CONFIDENCE
    )
    return 0 if inliers is None else int(inliers.sum())


def candidate_inliers(query: SizedFeatures, candidates: Sequence[SizedFeatures], matcher: Matcher) -> NDArray[np.int64]:
    """(K,) int64 number of homography inliers of each of K candidates, at 8 px of the view."""
    return np.array([_inliers(query, candidate, matcher) for candidate in candidates], dtype=np.int64)


def _inliers(query: SizedFeatures, candidate: SizedFeatures, matcher: Matcher) -> int:
    pairs = matcher.match(query, candidate)
    first, second = query[0], candidate[0]
    return homography_inliers(first.image_px[pairs[:, 0]] * first.scale, second.image_px[pairs[:, 1]] * second.scale)
