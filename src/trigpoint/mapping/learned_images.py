"""Which images a map learned, so that no evaluation takes one of them for new."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigpoint.core.errors import ImageError
from trigpoint.core.image import read_image
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.features.cache import file_digest

# Bytes of a digest: of ten thousand images two are taken for the same once in millions of maps.
_DIGEST = 6
_LOOKS = 8
_IMAGE = 2 * _DIGEST + _LOOKS
# Copies in another size or file format differ in up to a few of the 64 bits of their looks, other images in half of them.
_SAME_LOOKS = 8
# Poses that went through other files agree in so many decimals.
_DECIMALS = 5


@dataclass(frozen=True)
class LearnedImages:
    """The images of a map as digests, none of which tells what is in them.

    An image is known again by the bytes of its file, or as a copy in another size or file format by pose and looks.

    Attributes:
        files: digests of the image files.
        views: (digest of the pose, looks) of each image.
    """

    files: frozenset[bytes] = frozenset()
    views: frozenset[tuple[bytes, int]] = frozenset()

    @staticmethod
    def of(frames: Iterable[Frame]) -> LearnedImages:
        """Of posed frames.

        Raises:
            ImageError: an image that cannot be read (TP-1xx).
        """
        return LearnedImages.parse(text_of(frames))

    @staticmethod
    def parse(text: str) -> LearnedImages:
        """From the text that ``text_of`` gives; ``""`` knows no image. Raises ValueError for another one."""
        data = base64.b64decode(text, validate=True)
        if len(data) % _IMAGE:
            raise ValueError("the digests of the learned images are cut short")
        rows = [data[start : start + _IMAGE] for start in range(0, len(data), _IMAGE)]
        return LearnedImages(
            frozenset(row[:_DIGEST] for row in rows),
            frozenset((row[_DIGEST : 2 * _DIGEST], int.from_bytes(row[2 * _DIGEST :], "big")) for row in rows),
        )

    def knows(self, frame: Frame) -> bool:
        """Whether an image is one of them; an image that cannot be read is none."""
        if self.knows_file(frame.image_path):
            return True
        if frame.cam_from_world is None or not self.views:
            return False
        pose = _pose_digest(frame.cam_from_world)
        same_pose = [looks for digest, looks in self.views if digest == pose]
        if not same_pose:
            return False
        try:
            looks = _looks(frame.image_path)
        except ImageError:
            return False
        return any((looks ^ other).bit_count() <= _SAME_LOOKS for other in same_pose)

    def knows_file(self, path: Path) -> bool:
        """Whether a file is that of one of the images, under any name; one that cannot be read is not."""
        try:
            # Anything but a file, such as a pipe, might never end.
            return bool(self.files) and path.is_file() and _file_digest(path) in self.files
        except ImageError:
            return False


def text_of(frames: Iterable[Frame]) -> str:
    """The digests of posed frames as text, 27 characters an image.

    Raises:
        ImageError: an image that cannot be read (TP-1xx).
    """
    rows = (
        _file_digest(frame.image_path) + _pose_digest(frame.pose()) + _looks(frame.image_path).to_bytes(_LOOKS, "big")
        for frame in frames
    )
    return base64.b64encode(b"".join(rows)).decode()


def _file_digest(path: Path) -> bytes:
    return bytes.fromhex(file_digest(path))[:_DIGEST]


def _pose_digest(pose: Pose) -> bytes:
    # Adding zero turns a negative zero into one.
    numbers = np.round(pose.matrix()[:3], _DECIMALS) + 0.0
    return hashlib.sha256(numbers.tobytes()).digest()[:_DIGEST]


def _looks(path: Path) -> int:
    """64 bits: whether each of 8 x 8 cells is brighter than the one to its right (difference hash)."""
    import cv2

    gray = read_image(path, short_side_px=64).gray
    cells = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(cells[:, :-1] > cells[:, 1:]).tobytes(), "big")
