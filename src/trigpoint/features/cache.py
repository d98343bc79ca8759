"""Local features of whole images, extracted once and cached raw: input of PCA, global descriptors, landmarks and samples.

The cache holds what the encoder gives, before any PCA, in one file an image. The file's name is a digest of everything the
features depend on, and files are written whole or not at all, so several processes, resumed builds and different PCAs share
a folder. A PCA is applied on the way out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trigpoint.core.artifact import read_artifact, sha256_of, write_artifact
from trigpoint.core.errors import ImageError, MapFileError, MappingError
from trigpoint.core.image import image_size, read_image
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.features.extract import ImageFeatures, extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.reduced import ReducedEncoder
from trigpoint.features.views import plain_view

# The local features of an image with the (width, height) of the upright image, px.
SizedFeatures = tuple[ImageFeatures, tuple[int, int]]

_FORMAT = "trigpoint-features"
_ARRAYS = {"image_px", "descriptors", "scores"}


@dataclass(frozen=True)
class ViewPolicy:
    """How images are looked at.

    Attributes:
        short_side_px: shorter side of the view.
        max_keypoints: keypoints of an image at most.
        every_cell: keep all cells of a dense encoder's grid, instead of ``max_keypoints`` evenly chosen ones.
    """

    short_side_px: int = 480
    max_keypoints: int = 1024
    every_cell: bool = False


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

    Args:
        paths: image files.
        encoder: local encoder; the features of a ``ReducedEncoder`` are cached before its PCA.
        policy: size of the view and number of keypoints.
        cache: folder for the features; None: nothing is kept.
        title: title of the progress bar.
        stop: checked after each image.

    Raises:
        ImageError: an image cannot be used.
        MappingError: a file of the cache cannot be used (TP-638).
        OutputError: the cache cannot be written.
        Interrupted: stopped on request; what is in the cache stays there.
    """
    features: list[SizedFeatures] = []
    with progress(title, len(paths)) as advance:
        for path in paths:
            features.append(features_of_image(path, encoder, policy, cache))
            advance()
            if stop:
                raise Interrupted
    return features


def features_of_image(path: Path, encoder: LocalEncoder, policy: ViewPolicy, cache: Path | None = None) -> SizedFeatures:
    """Local features of one image, and its (width, height), px; arguments and errors as for ``image_features``.

    Descriptors are rounded to float16, before and after a PCA, whether or not there is a cache: so a cache changes nothing.
    """
    # Checked before the cache is asked, so that a missing image is the same error with and without one.
    size = image_size(path)
    if isinstance(encoder, ReducedEncoder):
        raw, _ = features_of_image(path, encoder.encoder, policy, cache)
        return replace(raw, descriptors=_rounded(encoder.pca.apply(raw.descriptors))), size
    file = None if cache is None else cache / f"{_key(path, encoder, policy)}.features"
    if file is not None and file.exists():
        return _read(file), size
    features = _extract(path, encoder, policy)
    if file is not None:
        _write(file, features)
    return features, size


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file of a scene; it is read again only when its size, time or place on the disk has changed.

    Raises:
        ImageError: the file cannot be read (TP-101).
    """
    try:
        state = path.stat()
        return _digest(path, state.st_ino, state.st_size, state.st_mtime_ns)
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        raise ImageError("TP-101", what, where=path, fix="Check that it is there, and its permissions.") from error


@cache
def _digest(path: Path, *_state: int) -> str:
    return sha256_of(path)


def _key(path: Path, encoder: LocalEncoder, policy: ViewPolicy) -> str:
    parts = [file_digest(path), encoder.name, encoder.weights_sha256, policy.short_side_px, policy.max_keypoints]
    if policy.every_cell:
        parts.append("every cell")
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def _extract(path: Path, encoder: LocalEncoder, policy: ViewPolicy) -> ImageFeatures:
    image = read_image(path, short_side_px=policy.short_side_px)
    view = plain_view(image.width, image.height, policy.short_side_px, encoder.size_multiple)
    features = extract_features(encoder, image, view, policy.max_keypoints)
    if len(features) > policy.max_keypoints and not policy.every_cell:
        # Dense encoders return every cell: an even choice of them.
        features = features.select(np.linspace(0, len(features) - 1, policy.max_keypoints).round().astype(np.int64))
    return replace(features, descriptors=_rounded(features.descriptors))


def _rounded(descriptors: Tensor) -> Tensor:
    return descriptors.half().float()


def _write(file: Path, features: ImageFeatures) -> None:
    arrays = {
        "image_px": features.image_px,
        "descriptors": features.descriptors.numpy().astype(np.float16),
        "scores": features.scores.numpy(),
    }
    write_artifact(file, arrays, {"format": _FORMAT, "scale": features.scale})


def _read(file: Path) -> ImageFeatures:
    damaged = MappingError("TP-638", "this file of the feature cache is damaged", where=file, fix="Delete the file.")
    try:
        artifact = read_artifact(file)
    except MapFileError as error:
        if error.code == "TP-401":
            # It may be whole.
            raise MappingError("TP-638", error.what, where=file, fix=error.fix) from error
        raise damaged from error
    arrays = artifact.tensors
    if artifact.metadata.get("format") != _FORMAT or not arrays.keys() >= _ARRAYS:
        raise damaged
    descriptors = torch.from_numpy(arrays["descriptors"].astype(np.float32))
    return ImageFeatures(arrays["image_px"], descriptors, torch.from_numpy(arrays["scores"]), artifact.metadata["scale"])
