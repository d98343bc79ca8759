"""Local features of many images, the input of every global descriptor, with an optional cache on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.artifact import Artifact, read_artifact, sha256_of, write_artifact
from trigpoint.core.errors import MapFileError, MappingError
from trigpoint.core.image import image_size, read_image
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.features.extract import ImageFeatures, extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view

# The local features of an image with the (width, height) of the upright image, px.
SizedFeatures = tuple[ImageFeatures, tuple[int, int]]


@dataclass(frozen=True)
class ViewPolicy:
    """How images are looked at.

    Attributes:
        short_side_px: shorter side of the view.
        max_keypoints: keypoints of an image at most.
    """

    short_side_px: int = 480
    max_keypoints: int = 1024


def image_features(
    paths: Sequence[Path],
    encoder: LocalEncoder,
    policy: ViewPolicy,
    *,
    cache: Path | None = None,
    title: str = "images",
    stop: StopRequest | None = None,
) -> list[SizedFeatures]:
    """Local features of images, in their order.

    Descriptors are rounded to float16 whether or not there is a cache, so that a cache changes no result.

    Args:
        paths: image files.
        encoder: local encoder.
        policy: size of the view and number of keypoints.
        cache: folder for the features; files there are found again by the content of the image and by the encoder.
        title: title of the progress bar.
        stop: checked after each image.

    Raises:
        ImageError: an image cannot be used.
        MappingError: a file of the cache cannot be used (TP-638).
        OutputError: the cache cannot be written.
        Interrupted: stopped on request; what is in the cache stays there.
    """
    found: list[SizedFeatures] = []
    with progress(title, len(paths)) as advance:
        for path in paths:
            found.append(features_of_image(path, encoder, policy, cache))
            advance()
            if stop:
                raise Interrupted
    return found


def features_of_image(path: Path, encoder: LocalEncoder, policy: ViewPolicy, cache: Path | None = None) -> SizedFeatures:
    """Local features of one image; arguments and errors as for ``image_features``."""
    # Checked before the cache is asked, so that a missing image is the same error with and without one.
    size = image_size(path)
    kept = None if cache is None else cache / f"{_key(path, encoder, policy)}.features"
    if kept is not None and kept.exists():
        return _read(kept), size
    features = _extract(path, encoder, policy)
    if kept is not None:
        write_artifact(kept, _arrays(features), {"format": "trigpoint-features", "scale": features.scale})
    return features, size


def _extract(path: Path, encoder: LocalEncoder, policy: ViewPolicy) -> ImageFeatures:
    image = read_image(path, short_side_px=policy.short_side_px)
    view = plain_view(image.width, image.height, policy.short_side_px, encoder.size_multiple)
    found = extract_features(encoder, image, view, policy.max_keypoints)
    if len(found) > policy.max_keypoints:
        # Dense encoders return every cell: an even choice, as for localization.
        even = np.linspace(0, len(found) - 1, policy.max_keypoints).round().astype(np.int64)
        index = torch.from_numpy(even)
        found = ImageFeatures(found.image_px[even], found.descriptors[index], found.scores[index], found.scale)
    return ImageFeatures(found.image_px, found.descriptors.half().float(), found.scores, found.scale)


def _key(path: Path, encoder: LocalEncoder, policy: ViewPolicy) -> str:
    parts = (sha256_of(path), encoder.name, encoder.weights_sha256, policy.short_side_px, policy.max_keypoints)
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def _arrays(features: ImageFeatures) -> dict[str, NDArray]:
    return {
        "image_px": features.image_px,
        "descriptors": features.descriptors.numpy().astype(np.float16),
        "scores": features.scores.numpy(),
    }


def _read(path: Path) -> ImageFeatures:
    try:
        kept = read_artifact(path)
    except MapFileError as error:
        raise _unusable(path) from error
    if not _is_whole(kept):
        raise _unusable(path)
    tensors = kept.tensors
    descriptors = torch.from_numpy(tensors["descriptors"].astype(np.float32))
    return ImageFeatures(tensors["image_px"], descriptors, torch.from_numpy(tensors["scores"]), kept.metadata["scale"])


def _is_whole(kept: Artifact) -> bool:
    return (
        kept.metadata.get("format") == "trigpoint-features" and {"image_px", "descriptors", "scores"} <= kept.tensors.keys()
    )


def _unusable(path: Path) -> MappingError:
    return MappingError("TP-638", "this file of the feature cache is damaged", where=path, fix="Delete the file.")
