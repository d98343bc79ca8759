"""MVSNet and BlendedMVS: ``cams/NNNNNNNN_cam.txt`` beside ``images`` or ``blended_images``. Scale unknown.

A camera file holds the 4x4 matrix world-to-camera after the word ``extrinsic``, OpenCV axes, and the 3x3 calibration
matrix after ``intrinsic``; the range of depths that follows is not used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigpoint.core.errors import SceneError
from trigpoint.core.folders import matching
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pairing import images_by_stem, paired
from trigpoint.formats.pinhole import pinhole_camera
from trigpoint.formats.textfiles import read_text, to_numbers

_ENDING = "_cam.txt"
_FOLDERS = ("blended_images", "images")


def sniff(path: Path) -> bool:
    """Whether there is a folder ``cams`` with camera files."""
    return (path / "cams").is_dir() and next((path / "cams").glob(f"*{_ENDING}"), None) is not None


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all images that have a camera file.

    Raises:
        SceneError: a file of another form (TP-214); images and cameras do not pair up (TP-215); reduced images (TP-221).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "mvsnet", metric=False, options=options)
    folder = next((name for name in _FOLDERS if (path / name).is_dir()), _FOLDERS[1])
    # BlendedMVS has each image a second time without its background.
    images = {stem: file for stem, file in images_by_stem(path / folder).items() if not stem.endswith("_masked")}
    cameras = {file.name.removesuffix(_ENDING): file for file in matching(path / "cams", f"*{_ENDING}")}
    for stem in paired(builder, path, images, cameras):
        name, where = f"{folder}/{images[stem].name}", str(cameras[stem])
        with builder.image(name):
            extrinsic, intrinsic = _matrices(cameras[stem])
            camera = pinhole_camera(builder, intrinsic, builder.size_of(images[stem]), where)
            builder.add(Frame(name, images[stem], camera, Pose.from_matrix(extrinsic, where=where)))
    return builder.build()


def _matrices(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The (4, 4) matrix world-to-camera and the (3, 3) calibration matrix, px."""
    words = read_text(file).split()
    if words[:1] != ["extrinsic"] or words[17:18] != ["intrinsic"] or len(words) < 27:
        raise SceneError(
            "TP-214",
            "'extrinsic' with a 4x4 matrix and 'intrinsic' with a 3x3 matrix were expected",
            where=file,
            fix="Copy the file again.",
        )
    return np.array(to_numbers(words[1:17], str(file))).reshape(4, 4), np.array(to_numbers(words[18:27], str(file))).reshape(
        3, 3
    )


READER = Reader("mvsnet", sniff, read, "cams/*_cam.txt beside images or blended_images")
