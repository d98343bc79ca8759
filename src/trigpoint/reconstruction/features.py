"""Keypoints and descriptors for matching: COLMAP's SIFT on the upright images of our own decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.errors import ImageError
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.reconstruction.images import SourceImage

MAX_SIDE_PX = 1600
# Doubling the image first finds finer detail and takes four times as long: worth it for small images only.
_DOUBLED_BELOW_PX = 1_000_000
MAX_KEYPOINTS = 8192


def extract_features(
    database_path: Path, images: Sequence[SourceImage], threads: int, stop: StopRequest
) -> list[tuple[str, ImageError]]:
    """Find the keypoints of every image that has none yet, and write them to the database.

    Args:
        database_path: database that knows the images, in their order.
        images: sorted by name.
        threads: CPU threads.
        stop: looked at after each image.

    Returns:
        (name, error) of images that turned out to be damaged.

    Raises:
        Interrupted: on request; finished images stay in the database.
    """
    import pycolmap

    invalid: list[tuple[str, ImageError]] = []
    extractors = {double: _extractor(double, threads) for double in (False, True)}
    with pycolmap.Database.open(database_path) as database:
        # Descriptors are written last, so they tell which images are finished.
        todo = [(number, image) for number, image in enumerate(images, 1) if not database.exists_descriptors(number)]
        with progress("Extracting features", len(images), start=len(images) - len(todo)) as advance:
            for number, image in todo:
                try:
                    decoded = read_image(image.path, short_side_px=_short_side_px(image))
                except ImageError as error:
                    invalid.append((image.name, error))
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


def _short_side_px(image: SourceImage) -> int:
    return max(1, round(min(image.width, image.height) * min(1.0, MAX_SIDE_PX / max(image.width, image.height))))


def _write(database: Any, number: int, image: DecodedImage, keypoints: Any, descriptors: Any) -> None:
    height, width = image.gray.shape
    scale = np.array([image.width / width, image.height / height], dtype=np.float64)
    values = np.array([(point.x, point.y, point.compute_scale(), point.compute_orientation()) for point in keypoints])
    values = values.reshape(-1, 4)
    values[:, :2] *= scale
    values[:, 2] *= scale.mean()
    save = database.update_keypoints if database.exists_keypoints(number) else database.write_keypoints
    save(number, values.astype(np.float32))
    database.write_descriptors(number, descriptors)
