"""KITTI odometry: one sequence, ``image_2/000000.png`` ..., ``calib.txt`` and its poses, in metres.

A line of the poses holds the 3x4 matrix camera-to-world of the left gray camera, OpenCV axes; ``calib.txt`` holds the
projection matrix of each rectified camera, P0 to P3, from which its place beside that one follows. One camera is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pairing import images_by_stem
from trigpoint.formats.pinhole import pinhole_camera
from trigpoint.formats.textfiles import is_file, read_rows, read_text, to_numbers

# The left colour camera first, then the left gray one.
_CAMERAS = ("image_2", "image_0", "image_3", "image_1")
_AGAIN = "Copy the file again."


def sniff(path: Path) -> bool:
    """Whether ``calib.txt`` and a folder of one of the four cameras exist."""
    return is_file(path / "calib.txt") and any((path / name).is_dir() for name in _CAMERAS)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images of one camera; the others are named in a note.

    Raises:
        SceneError: no file of poses (TP-210); a line without 12 numbers or a camera without calibration (TP-214); an image
            without a line (TP-204).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "kitti", metric=True, options=options)
    folders = [name for name in _CAMERAS if (path / name).is_dir()]
    if len(folders) > 1:
        builder.note(f"The images of {folders[0]} are used, not those of {' and '.join(folders[1:])}.")
    file = _pose_file(path)
    lines = read_rows(file)
    matrix, cam_from_left = _calibration(path / "calib.txt", f"P{folders[0][-1]}")
    for stem, image in images_by_stem(path / folders[0]).items():
        name = f"{folders[0]}/{image.name}"
        with builder.image(name):
            index = int(stem) if stem.isdecimal() and stem.isascii() else len(lines)
            if index >= len(lines):
                what = f"this image has no pose: {file.name} has {len(lines)} lines"
                raise SceneError("TP-204", what, where=image, fix="Give --skip-invalid to leave such images out.")
            number, words = lines[index]
            camera = pinhole_camera(builder, matrix, builder.size_of(image), str(path / "calib.txt"))
            world_from_left = Pose.from_matrix(_matrix(words, f"{file}, line {number}"), where=f"{file}, line {number}")
            builder.add(Frame(name, image, camera, cam_from_left @ world_from_left.inverse()))
    return builder.build()


def _pose_file(path: Path) -> Path:
    """``poses.txt`` in the folder, or the file of the sequence in ``poses`` beside ``sequences``."""
    number = path.resolve().name
    candidates = [path / "poses.txt", *(path.resolve().parents[up] / "poses" / f"{number}.txt" for up in (0, 1))]
    file = next((candidate for candidate in candidates if is_file(candidate)), None)
    if file is None:
        raise SceneError(
            "TP-210",
            f"the poses of this sequence are missing: no poses.txt, and no {candidates[-1]}",
            where=path,
            fix="Copy them there. Sequences 11 to 21 have none that are public: 'trigpoint reconstruct' finds poses.",
        )
    return file


def _calibration(file: Path, key: str) -> tuple[np.ndarray, Pose]:
    """The (3, 3) calibration matrix, px, and the camera's pose from the left gray camera, m."""
    lines = [(number, *line.partition(":")) for number, line in enumerate(read_text(file).splitlines(), start=1)]
    found = [(number, rest) for number, label, _, rest in lines if label.strip() == key]
    if len(found) > 1:
        what = f"the camera {key} is there twice, here and in line {found[0][0]}"
        raise SceneError("TP-205", what, where=f"{file}, line {found[1][0]}", fix="Remove one of the lines.")
    for number, rest in found:
        projection = _matrix(rest.split(), f"{file}, line {number}")
        if np.isfinite(projection).all() and np.linalg.det(projection[:, :3]) != 0:
            return projection[:, :3], Pose(np.eye(3), np.linalg.solve(projection[:, :3], projection[:, 3]))
    raise SceneError("TP-214", f"'{key}:' with a 3x4 projection matrix was expected", where=file, fix=_AGAIN)


def _matrix(words: list[str], where: str) -> np.ndarray:
    if len(words) != 12:
        raise SceneError("TP-214", f"12 numbers were expected, got {len(words)} words", where=where, fix=_AGAIN)
    return np.array(to_numbers(words, where)).reshape(3, 4)


READER = Reader("kitti", sniff, read, "calib.txt beside image_2 or image_0", poses="opencv-c2w")
