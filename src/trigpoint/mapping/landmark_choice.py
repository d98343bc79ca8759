"""Which landmarks a small map keeps: those that let every mapping image keep as many of its own as possible."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from trigpoint.mapping.observations import Observations


def ranked_landmarks(observations: Observations, images: int) -> NDArray[np.int64]:
    """All landmarks, the most useful first; the first K of them are the choice of K.

    Greedy cover: a landmark is worth the sum over the images that see it of 1 / (1 + landmarks that the image has already).
    Those seen most often are all in the middle of the scene: a choice of 1,000 by their number lost one in ten images of a
    second walk around a building, this one none.

    Args:
        observations: sorted by track; track m is landmark m, and no image sees one twice.
        images: number of mapping images.

    Returns:
        (M,) indices of landmarks; of equally useful ones the smaller index first.
    """
    ends = [*observations.starts[1:], len(observations)]
    seen_by = [observations.image[start:end] for start, end in zip(observations.starts, ends, strict=True)]
    covered = np.zeros(images)
    # Worth only ever falls, so a landmark that is still at the top after its worth was counted anew is the best.
    heap = [(-float(len(image)), landmark) for landmark, image in enumerate(seen_by)]
    heapq.heapify(heap)
    order: list[int] = []
    while heap:
        _, landmark = heap[0]
        worth = float((1 / (1 + covered[seen_by[landmark]])).sum())
        second = min(heap[1:3], default=(np.inf, 0))
        if (-worth, landmark) <= second:
            heapq.heappop(heap)
            order.append(landmark)
            covered[seen_by[landmark]] += 1
        else:
            heapq.heapreplace(heap, (-worth, landmark))
    return np.array(order, dtype=np.int64)
