"""The front end's features of all training photos on disk, in half precision, extracted once.

They are appended to plain files and used through memory maps; an interrupted extraction continues behind the last photo that
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
from trigpoint.core.image import read_photo
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.features.extract import extract_features
from trigpoint.features.local import LocalEncoder
from trigpoint.features.views import plain_view
from trigpoint.retrieval.supergf.config import SuperGFConfig
from trigpoint.retrieval.supergf.inputs import PhotoTokens, photo_tokens

_RECORD_INTERVAL_S = 10.0


def encode_photo(path: Path, encoder: LocalEncoder, config: SuperGFConfig) -> PhotoTokens:
    """The features of one photo as the aggregator takes them.

    Raises:
        ImageError: the photo cannot be used.
        MappingError: the encoder does not fit the aggregator (TP-641, TP-642).
    """
    photo = read_photo(path, short_side_px=config.short_side_px)
    view = plain_view(photo.width, photo.height, config.short_side_px, encoder.size_multiple)
    features = extract_features(encoder, photo, view, config.max_keypoints)
    return photo_tokens(features, (photo.width, photo.height), config)


class FeatureCache:
    """Features of photos by index.

    Args:
        folder: where the files are.
        dim: length of a local descriptor.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self.record_path = folder / "features.json"
        self.paths = {"descriptors": folder / "features.descriptors.bin", "where": folder / "features.where.bin"}
        self.dtypes = {"descriptors": np.dtype((np.float16, (dim,))), "where": np.dtype((np.float32, (3,)))}
        record = json.loads(self.record_path.read_text()) if self.record_path.exists() else []
        # Rows and the size of the grid of each photo.
        self.photos: list[list[int]] = record
        self._maps: dict[str, NDArray[Any]] = {}

    def fill(self, paths: Sequence[Path], encoder: LocalEncoder, config: SuperGFConfig, stop: StopRequest) -> FeatureCache:
        """Extract what is not there yet.

        Raises:
            ImageError: a photo cannot be used.
            MappingError: the encoder does not fit (TP-641, TP-642), or no photo has any keypoint (TP-647).
            Interrupted: stopped on request; what is done is recorded.
        """
        rows = sum(photo[0] for photo in self.photos)
        for name, path in self.paths.items():
            path.touch()
            os.truncate(path, rows * self.dtypes[name].itemsize)
        recorded = time.monotonic()
        with (
            self.paths["descriptors"].open("ab") as descriptors,
            self.paths["where"].open("ab") as where,
            progress("reading photos", len(paths), start=len(self.photos)) as advance,
        ):
            for path in paths[len(self.photos) :]:
                tokens = encode_photo(path, encoder, config)
                descriptors.write(tokens.descriptors.numpy().astype(np.float16).tobytes())
                where.write(tokens.where.numpy().astype(np.float32).tobytes())
                self.photos.append([len(tokens.descriptors), *tokens.grid])
                advance()
                if stop or time.monotonic() - recorded > _RECORD_INTERVAL_S or len(self.photos) == len(paths):
                    for stream in (descriptors, where):
                        stream.flush()
                        os.fsync(stream.fileno())
                    write_json(self.record_path, self.photos)
                    recorded = time.monotonic()
                if stop:
                    raise Interrupted
        self._open()
        return self

    def _open(self) -> None:
        rows = sum(photo[0] for photo in self.photos)
        if rows == 0:
            raise MappingError(
                "TP-647",
                f"the local encoder found no keypoint in any of {len(self.photos)} photos",
                fix="Are the photos black, blank or out of focus?",
            )
        for name, path in self.paths.items():
            dtype = self.dtypes[name]
            self._maps[name] = np.memmap(path, dtype=dtype.base, mode="r", shape=(rows, *dtype.shape))
        self._starts = np.concatenate([[0], np.cumsum([photo[0] for photo in self.photos])])

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> PhotoTokens:
        """The features of photo ``index``."""
        span = slice(int(self._starts[index]), int(self._starts[index + 1]))
        descriptors, where = (torch.from_numpy(np.array(self._maps[name][span])) for name in ("descriptors", "where"))
        _, rows, columns = self.photos[index]
        return PhotoTokens(descriptors.float(), where, (rows, columns))
