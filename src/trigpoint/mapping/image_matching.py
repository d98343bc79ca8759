"""Matches between mapping images that their poses confirm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.evenly import evenly
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.covisibility.graph import CovisibilityGraph
from trigpoint.features.cache import SizedFeatures
from trigpoint.mapping.landmark_config import MatcherName
from trigpoint.mapping.observations import PosedKeypoints
from trigpoint.mapping.triangulation import MAX_ERROR_PX
from trigpoint.retrieval.rerank import load_matcher

Indices = NDArray[np.int64]
# Images nearer to each other than this, in the unit of the normalised frame, have no epipolar lines.
_SMALLEST_BASELINE = 1e-6


def image_pairs(graph: CovisibilityGraph, neighbours: int) -> Indices:
    """(Q, 2) pairs of images to match, sorted, the smaller index first.

    The neighbours of an image are chosen evenly from much to little overlap: those with the most overlap stand so close
    together that their points have no certain depth.
    """
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for image in range(len(graph)):
        row = slice(graph.weights.indptr[image], graph.weights.indptr[image + 1])
        others: Indices = graph.weights.indices[row].astype(np.int64)
        overlap: NDArray[np.float64] = graph.weights.data[row].astype(np.float64)
        ranked = others[np.lexsort((others, -overlap))]
        even = evenly(len(ranked), neighbours)
        chosen = ranked[even]
        pairs.append(np.sort(np.column_stack([np.full(len(chosen), image), chosen]), axis=1))
    return np.unique(np.concatenate(pairs), axis=0)


def match_images(
    images: Sequence[SizedFeatures], keypoints: PosedKeypoints, pairs: Indices, matcher: MatcherName, stop: StopRequest
) -> Indices:
    """(M, 2) matches, as indices among the keypoints of all images, that lie on each other's epipolar lines.

    Args:
        images: local features.
        keypoints: of the same images.
        pairs: (Q, 2) images to match.
        matcher: which keypoints of two images belong together.
        stop: asks to stop.

    Raises:
        Interrupted: stopped on request. The matches are not kept: this stage takes a minute or so.
        WeightsError: the matcher's weights are missing.
    """
    match = load_matcher(matcher, torch.device("cpu")).match
    centres = keypoints.centres()
    matches = [np.zeros((0, 2), dtype=np.int64)]
    with progress("matching images", len(pairs)) as advance:
        for a, b in pairs.tolist():
            if stop:
                raise Interrupted
            if np.linalg.norm(centres[a] - centres[b]) > _SMALLEST_BASELINE:
                pair = match(images[a], images[b])
                # Keypoints without a ray have a distance of NaN, which compares as false.
                confirmed = keypoints.epipolar_errors_px(a, b, pair) < MAX_ERROR_PX
                matches.append(pair[confirmed] + (keypoints.first[a], keypoints.first[b]))
            advance()
    return np.concatenate(matches)
