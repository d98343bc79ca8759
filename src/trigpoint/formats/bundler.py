"""Models of Bundler: ``bundle.out`` or ``bundle/bundle.out``, with the images that ``list.txt`` names. Scale unknown.

A camera is five lines: focal length, px, and two radial terms; the rotation world-to-camera in OpenGL's axes; the
translation. All zeros mean that the image was not registered. The principal point is the image centre.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.axes import CV_FROM_GL
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, numbered_lines, read_rows, to_numbers

_FILES = ("bundle.out", "bundle/bundle.out", "bundle.rd.out")
_LISTS = ("list.txt", "bundle.rd.out.list.txt", "bundle.out.list.txt")
_LINES = 5
_AGAIN = "Copy the file again."


def sniff(path: Path) -> bool:
    """Whether there is a model with its list of images."""
    return any(is_file(path / name) for name in _FILES) and any(is_file(path / name) for name in _LISTS)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the registered images; the others are counted in a note. The points are not read.

    Raises:
        SceneError: not a model of Bundler, or a line without its numbers (TP-214); another number of cameras than the list
            has images (TP-215).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    model = next(path / name for name in _FILES if is_file(path / name))
    listed = next(path / name for name in _LISTS if is_file(path / name))
    builder = SceneBuilder(path, "bundler", metric=False, options=options)
    # A line may hold a guess of the focal length behind the name.
    names = [words[0].replace("\\", "/") for _, words in read_rows(listed)]
    cameras = _cameras(model)
    if len(names) != len(cameras):
        what = f"{len(names)} images are listed, and the model has {len(cameras)} cameras"
        raise SceneError("TP-215", what, where=listed, fix="Copy the list that belongs to the model.")
    unregistered: list[str] = []
    for listed_name, (where, values) in zip(names, cameras, strict=True):
        name = builder.frame_name(listed_name, path / listed_name)
        if values[0] == 0:
            unregistered.append(name)
            continue
        with builder.image(name):
            image = builder.locate(name, path / listed_name, listed=listed_name)
            if image is not None:
                size = builder.size_of(image)
                camera = builder.camera("RADIAL", size, (values[0], size[0] / 2, size[1] / 2, *values[1:3]), where)
                matrix = np.column_stack([np.array(values[3:12]).reshape(3, 3), values[12:]])
                pose = CV_FROM_GL @ Pose.from_matrix(matrix, where=where)
                builder.add(Frame(name, image, camera, pose, sequence=name.rpartition("/")[0]))
    if unregistered:
        builder.note(f"Images that Bundler did not register: {len(unregistered)} ({shortened(unregistered, 3)}).")
    return builder.build()


def _cameras(file: Path) -> list[tuple[str, list[float]]]:
    """(file and line, focal length, k1, k2, rotation row by row, translation) of each camera."""
    lines = ((number, line.split()) for number, line in numbered_lines(file) if line.strip() and not line.startswith("#"))
    number, words = next(lines, (1, []))
    counts = to_numbers(words, f"{file}, line {number}")
    if len(counts) != 2 or not 0 < counts[0] < 1e7 or counts[0] != int(counts[0]):
        raise SceneError(
            "TP-214", "the numbers of cameras and points were expected", where=f"{file}, line {number}", fix=_AGAIN
        )
    result: list[tuple[str, list[float]]] = []
    for _ in range(int(counts[0])):
        rows = list(islice(lines, _LINES))
        where = f"{file}, line {rows[0][0]}" if rows else str(file)
        values = [value for at, row in rows for value in to_numbers(row, f"{file}, line {at}")]
        if len(rows) != _LINES or any(len(row) != 3 for _, row in rows):
            raise SceneError("TP-214", "a camera of five lines with three numbers was expected", where=where, fix=_AGAIN)
        result.append((where, values))
    return result


READER = Reader("bundler", sniff, read, "bundle.out beside list.txt", poses="opengl-w2c")
