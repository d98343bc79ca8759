"""The front end's features of all training images on disk, in half precision, extracted once.

They are appended to plain files and used through memory maps; an interrupted extraction continues behind the last image that
was recorded.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import MappingError
from trigpoint.core.image import read_image
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.features.extract import extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import ImageTokens, image_tokens

_RECORD_INTERVAL_S = 10.0


def encode_image(path: Path, encoder: LocalEncoder, config: SuperGFConfig) -> ImageTokens:
    """The features of one image as the aggregator takes them.

    Raises:
        ImageError: the image cannot be used.
        MappingError: the encoder does not fit the aggregator (TP-641, TP-642).
    """
    image = read_image(path, short_side_px=config.short_side_px)
    view = plain_view(image.width, image.height, config.short_side_px, encoder.size_multiple)
    features = extract_features(encoder, image, view, config.max_keypoints)
    return image_tokens(features, (image.width, image.height), config)


class FeatureCache:
    """Features of images by index.

    Args:
        folder: where the files are.
        dim: length of a local descriptor.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self.record_path = folder / "features.json"
        self.paths = {"descriptors": folder / "features.descriptors.bin", "where": folder / "features.where.bin"}
        self.dtypes = {"descriptors": np.dtype((np.float16, (dim,))), "where": np.dtype((np.float32, (3,)))}
        record = json.loads(self.record_path.read_text()) if self.record_path.exists() else []
        # Rows and the size of the grid of each image.
        self.images: list[list[int]] = record
        self._maps: dict[str, NDArray[Any]] = {}

    def fill(self, paths: Sequence[Path], encoder: LocalEncoder, config: SuperGFConfig, stop: StopRequest) -> FeatureCache:
        """Extract what is not there yet.

        Raises:
            ImageError: an image cannot be used.
            MappingError: the encoder does not fit (TP-641, TP-642), or no image has any keypoint (TP-647).
            Interrupted: stopped on request; what is done is recorded.
        """
        rows = sum(image[0] for image in self.images)
        for name, path in self.paths.items():
            path.touch()
            os.truncate(path, rows * self.dtypes[name].itemsize)
        recorded = time.monotonic()
        with (
            self.paths["descriptors"].open("ab") as descriptors,
            self.paths["where"].open("ab") as where,
            progress("reading images", len(paths), start=len(self.images)) as advance,
        ):
            for path in paths[len(self.images) :]:
                tokens = encode_image(path, encoder, config)
                descriptors.write(tokens.descriptors.numpy().astype(np.float16).tobytes())
                where.write(tokens.where.numpy().astype(np.float32).tobytes())
                self.images.append([len(tokens.descriptors), *tokens.grid])
                advance()
                if stop or time.monotonic() - recorded > _RECORD_INTERVAL_S or len(self.images) == len(paths):
                    for stream in (descriptors, where):
                        stream.flush()
                        os.fsync(stream.fileno())
                    write_json(self.record_path, self.images)
                    recorded = time.monotonic()
                if stop:
                    raise Interrupted
        self._open()
        return self

    def _open(self) -> None:
        rows = sum(image[0] for image in self.images)
        if rows == 0:
            raise MappingError(
                "TP-647",
                f"the local encoder found no keypoint in any of {len(self.images)} images",
                fix="Are the images black, blank or out of focus?",
            )
        for name, path in self.paths.items():
            dtype = self.dtypes[name]
            self._maps[name] = np.memmap(path, dtype=dtype.base, mode="r", shape=(rows, *dtype.shape))
        self._starts = np.concatenate([[0], np.cumsum([image[0] for image in self.images])])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> ImageTokens:
        """The features of image ``index``."""
        span = slice(int(self._starts[index]), int(self._starts[index + 1]))
        descriptors, where = (torch.from_numpy(np.array(self._maps[name][span])) for name in ("descriptors", "where"))
        _, rows, columns = self.images[index]
        return ImageTokens(descriptors.float(), where, (rows, columns))
