"""Cambridge Landmarks: ``dataset_train.txt``, ``dataset_test.txt``, ``reconstruction.nvm`` and the images of each scene.

Lines of the lists: ``image x y z qw qx qy qz`` after three header lines; camera centre in metres, rotation world-to-camera.
The lists give the poses, the NVM file focal length and radial term; images that the NVM file does not hold, and poses more
than 10 km away, are left out, as in the conversions of DSAC* and ACE. Those ignore the radial term and shrink the images;
here the images stay as they are.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from trigpoint.core.errors import SceneError
from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.nvm import NvmCamera, nvm_camera, pose_from_centre, read_nvm
from trigpoint.formats.textfiles import is_file, read_text, to_numbers

_LISTS = {TRAIN: "dataset_train.txt", TEST: "dataset_test.txt"}
_MODEL = "reconstruction.nvm"
_HEADER_LINES = 3
_NUMBERS = 7
MAX_TRANSLATION = 1e4


def sniff(path: Path) -> bool:
    """Whether one of the two lists is there."""
    return any(is_file(path / name) for name in _LISTS.values())


def read(path: Path, options: ReadOptions) -> Scene:
    """Read both lists, or the one that exists.

    Raises:
        SceneError: no NVM file (TP-210); a line that is not an image with its pose (TP-214).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "cambridge", metric=True, options=options)
    # The model names .jpg files; the images that are published are .png.
    cameras: dict[str, NvmCamera] = {}
    for camera in read_nvm(path / _MODEL):
        with builder.image(camera.name):
            if _stem(camera.name) in cameras:
                what = f"this image is listed twice, here and at {cameras[_stem(camera.name)].where}"
                raise SceneError("TP-205", what, where=camera.where, fix="Remove one of the lines.")
            cameras[_stem(camera.name)] = camera
    unknown: list[str] = []
    outliers: list[str] = []
    for split, file_name in _LISTS.items():
        if is_file(path / file_name):
            for where, words in _rows(path / file_name):
                camera = cameras.get(_stem(words[0]))
                if camera is None:
                    unknown.append(words[0])
                    continue
                image = builder.locate(words[0], path / words[0])
                if image is not None and not _add(builder, split, where, words, (image, camera)):
                    outliers.append(words[0])
    if unknown:
        builder.warn(f"Images that {_MODEL} does not hold, left out: {len(unknown)} ({shortened(unknown, 3)}).")
    if outliers:
        builder.warn(f"Images placed more than 10 km away, left out: {len(outliers)} ({shortened(outliers, 3)}).")
    return builder.build()


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix()


def _rows(file: Path) -> list[tuple[str, list[str]]]:
    result: list[tuple[str, list[str]]] = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        words = line.split()
        if number <= _HEADER_LINES or not words:
            continue
        where = f"{file}, line {number}"
        # The name may have spaces.
        name = " ".join(words[:-_NUMBERS])
        if not name or (" " in name and PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES):
            raise SceneError(
                "TP-214", f"an image and 7 numbers were expected, got {len(words)} words", where=where, fix="Copy it again."
            )
        result.append((where, [name, *words[-_NUMBERS:]]))
    return result


def _add(builder: SceneBuilder, split: str, where: str, words: list[str], found: tuple[Path, NvmCamera]) -> bool:
    """Add one image; False for a pose that cannot be meant."""
    name = words[0]
    with builder.image(name):
        values = np.array(to_numbers(words[1:], where))
        pose = pose_from_centre(values[3:], values[:3], where)
        if np.abs(pose.translation).max() > MAX_TRANSLATION:
            return False
        image, camera = found
        intrinsics = nvm_camera(builder, camera, image)
        builder.add(Frame(name, image, intrinsics, pose, split, name.rpartition("/")[0]))
    return True


READER = Reader(
    "cambridge", sniff, read, "dataset_train.txt or dataset_test.txt beside reconstruction.nvm", poses="opencv-w2c-centre"
)
