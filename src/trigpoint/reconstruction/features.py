"""Keypoints and descriptors for matching: COLMAP's SIFT on the upright photos of our own decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.errors import ImageError
from trigpoint.core.image import Photo, read_photo
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.reconstruction.images import SourcePhoto

MAX_SIDE_PX = 1600
# Doubling the image first finds finer detail and takes four times as long: worth it for small photos only.
_DOUBLED_BELOW_PX = 1_000_000
MAX_KEYPOINTS = 8192


def extract_features(
    database_path: Path, photos: Sequence[SourcePhoto], threads: int, stop: StopRequest
) -> list[tuple[str, ImageError]]:
    """Find the keypoints of every photo that has none yet, and write them to the database.

    Args:
        database_path: database that knows the photos, in their order.
        photos: sorted by name.
        threads: CPU threads.
        stop: looked at after each photo.

    Returns:
        (name, error) of photos that turned out to be damaged.

    Raises:
        Interrupted: on request; finished photos stay in the database.
    """
    import pycolmap

    invalid: list[tuple[str, ImageError]] = []
    extractors = {double: _extractor(double, threads) for double in (False, True)}
    with pycolmap.Database.open(database_path) as database:
        # Descriptors are written last, so they tell which photos are finished.
        todo = [(number, photo) for number, photo in enumerate(photos, 1) if not database.exists_descriptors(number)]
        with progress("Finding detail", len(photos), start=len(photos) - len(todo)) as advance:
            for number, photo in todo:
                try:
                    decoded = read_photo(photo.path, short_side_px=_short_side_px(photo))
                except ImageError as error:
                    invalid.append((photo.name, error))
                else:
                    double = decoded.gray.size <= _DOUBLED_BELOW_PX
                    _write(database, number, decoded, *extractors[double].extract_from_uint8_array(decoded.gray))
                advance()
                if stop:
                    raise Interrupted
    return invalid


def _extractor(double: bool, threads: int) -> Any:
    import pycolmap

    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.num_threads = threads
    options.sift.first_octave = -1 if double else 0
    options.sift.max_num_features = MAX_KEYPOINTS
    return pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)


def _short_side_px(photo: SourcePhoto) -> int:
    return max(1, round(min(photo.width, photo.height) * min(1.0, MAX_SIDE_PX / max(photo.width, photo.height))))


def _write(database: Any, number: int, photo: Photo, keypoints: Any, descriptors: Any) -> None:
    height, width = photo.gray.shape
    scale = np.array([photo.width / width, photo.height / height], dtype=np.float64)
    values = np.array([(point.x, point.y, point.compute_scale(), point.compute_orientation()) for point in keypoints])
    values = values.reshape(-1, 4)
    values[:, :2] *= scale
    values[:, 2] *= scale.mean()
    save = database.update_keypoints if database.exists_keypoints(number) else database.write_keypoints
    save(number, values.astype(np.float32))
    database.write_descriptors(number, descriptors)
