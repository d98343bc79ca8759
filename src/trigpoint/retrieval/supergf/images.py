"""Training images of an aggregator by index, with their local features in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from trigpoint.core.errors import MappingError
from trigpoint.core.interrupt import StopRequest
from trigpoint.features.cache import ViewPolicy, features_of_image, image_features
from trigpoint.features.local import LocalEncoder
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens, image_tokens

# Images that stay in memory, some 300 kB each; the others are read from the cache when they are drawn.
_IN_MEMORY = 2000


class Images(Protocol):
    """Images of a training by index, as an aggregator takes them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> ImageTokens: ...


class CachedImages:
    """Images whose features are extracted once; an interrupted extraction continues behind the last image.

    Args:
        paths: image files.
        encoder: the aggregator's local encoder.
        config: the aggregator.
        cache: folder for the features.
        stop: checked after each image.

    Raises:
        ImageError: an image cannot be used.
        MappingError: no image has any keypoint (TP-647), or a file of the cache is damaged (TP-638).
        Interrupted: stopped on request; what is in the cache stays there.
    """

    def __init__(
        self, paths: Sequence[Path], encoder: LocalEncoder, config: SuperGFConfig, cache: Path, stop: StopRequest
    ) -> None:
        self.paths, self.encoder, self.config, self.cache = paths, encoder, config, cache
        self.policy = ViewPolicy(config.short_side_px, config.max_keypoints, every_cell=True)
        features = image_features(paths, encoder, self.policy, cache=cache, title="reading images", stop=stop)
        if not any(len(image) for image, _ in features):
            raise MappingError(
                "TP-647",
                f"the local encoder found no keypoint in any of {len(paths)} images",
                fix="Are the images black, blank or out of focus?",
            )
        self._read = lru_cache(maxsize=_IN_MEMORY)(self._tokens)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> ImageTokens:
        """Image ``index``; raises MappingError TP-641, TP-642 if the encoder does not fit the aggregator."""
        return self._read(index)

    def _tokens(self, index: int) -> ImageTokens:
        features, size = features_of_image(self.paths[index], self.encoder, self.policy, self.cache)
        return image_tokens(features, size, self.config)
