"""Initialisation of the slots: k-means centres of local descriptors, which makes the aggregator a soft VLAD."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError
from trigpoint.core.evenly import evenly
from trigpoint.core.randomness import derived_seed, numpy_generator, torch_generator
from trigpoint.retrieval.supergf.aggregator import Aggregator
from trigpoint.retrieval.supergf.augment import window
from trigpoint.retrieval.supergf.images import Images
from trigpoint.retrieval.supergf.slots import SlotAggregator

# Keypoints for the vocabulary, images for the whitening.
_SAMPLE, _WHITENED = 60_000, 4000
_FEWEST_FOR_BASIS = 32


def start_from_images(model: Aggregator, images: Images, seed: int) -> None:
    """Set centres by k-means, each slot's basis to the main directions of its differences, and the whitening. Deterministic.

    Does nothing to an aggregator without centres.

    Raises:
        MappingError: fewer different keypoints than slots (TP-647).
    """
    if not isinstance(model, SlotAggregator):
        return
    from sklearn.cluster import KMeans

    sample = _sample(model, images, seed)
    config = model.config
    distinct = len(np.unique(sample[: 16 * config.slots], axis=0))
    if distinct < config.slots:
        raise MappingError(
            "TP-647",
            f"{distinct} different keypoints in {len(images)} images are too few for {config.slots} slots",
            fix="Use more images, or lower the setting aggregator.slots.",
        )
    random_state = derived_seed(seed, "supergf-centres") % 2**32
    means = KMeans(config.slots, max_iter=50, random_state=random_state).fit(sample)
    centres = means.cluster_centers_.astype(np.float32)
    bases = _bases(sample, centres, np.asarray(means.labels_), config.slot_width, config.residual_power)
    with torch.no_grad():
        model.codebook.centres.copy_(torch.from_numpy(centres))
        model.codebook.bases.copy_(torch.from_numpy(bases))
    _start_whitening(model, images, seed)


@torch.no_grad()
def _start_whitening(model: SlotAggregator, images: Images, seed: int) -> None:
    generator = torch_generator(seed, "supergf-windows")
    descriptors = []
    for index in evenly(len(images), _WHITENED):
        image = images[int(index)]
        # Parts of an image are images too: with them, fewer scenes give a better estimate of what images have in common.
        views = [image] if image.grid != (0, 0) else [image, window(image, generator), window(image, generator)]
        descriptors.append(model.gather(views).descriptors.cpu())
    model.whitening.start(torch.cat(descriptors))


def _sample(model: SlotAggregator, images: Images, seed: int) -> NDArray[np.float32]:
    """Local descriptors drawn evenly from all images, in random order."""
    generator = numpy_generator(seed, "supergf-sample")
    count = -(-_SAMPLE // len(images))
    drawn = []
    with torch.no_grad():
        for index in range(len(images)):
            local = model.tokens([images[index]])[0][0].cpu().numpy()
            drawn.append(local[generator.permutation(len(local))[:count]])
    joined = np.concatenate(drawn).astype(np.float32)
    return joined[generator.permutation(len(joined))]


def _bases(
    sample: NDArray[np.float32], centres: NDArray[np.float32], nearest: NDArray[np.int32], width: int, power: float
) -> NDArray[np.float32]:
    """(N, C, R) principal directions, about 0, of the differences of each centre; of all, for a centre with few."""
    residuals = sample - centres[nearest]
    residuals /= np.linalg.norm(residuals, axis=1, keepdims=True).clip(1e-2) ** power
    everything = _principal(residuals, width)
    bases = [everything] * len(centres)
    for slot in range(len(centres)):
        members = residuals[nearest == slot]
        if len(members) >= _FEWEST_FOR_BASIS:
            bases[slot] = _principal(members, width)
    return np.stack(bases).astype(np.float32)


def _principal(residuals: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    doubled = residuals.astype(np.float64)
    directions = np.linalg.eigh(doubled.T @ doubled).eigenvectors[:, ::-1][:, :count]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return directions * np.where(largest < 0, -1, 1)
