"""3D Scanner App, exported as "All Data": ``frame_00000.jpg`` and ``frame_00000.json`` for each image, in metres.

A JSON file holds the matrix camera-to-world, row by row, in ARKit's axes, as ``cameraPoseARFrame``, and the calibration
matrix as ``intrinsics``. Most frames have no image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.axes import pose_from_opengl
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.jsonkeys import number_list
from trigpoint.formats.pairing import images_by_stem, paired
from trigpoint.formats.pinhole import pinhole_camera
from trigpoint.formats.textfiles import read_json

_FRAME = "frame_?????"


def sniff(path: Path) -> bool:
    """Whether the folder holds a frame's JSON file."""
    return path.is_dir() and next(path.glob(f"{_FRAME}.json"), None) is not None


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all frames that have an image.

    Raises:
        SceneError: an image without its JSON file (TP-215); a missing key (TP-219); reduced images (TP-221).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "scannerapp", metric=True, options=options)
    images = {stem: image for stem, image in images_by_stem(path).items() if stem.startswith("frame_")}
    files = {file.stem: file for file in sorted(path.glob(f"{_FRAME}.json"))}
    builder.note(f"Frames without an image, not used: {len(files.keys() - images.keys())}.")
    for stem in paired(builder, path, images, files.keys() & images.keys()):
        name, where = images[stem].name, str(files[stem])
        with builder.image(name):
            values = read_json(files[stem])
            matrix = np.array(number_list(values, "intrinsics", 9, where)).reshape(3, 3)
            camera = pinhole_camera(builder, matrix, builder.size_of(images[stem]), where)
            world_from_gl = np.array(number_list(values, "cameraPoseARFrame", 16, where)).reshape(4, 4)
            builder.add(Frame(name, images[stem], camera, pose_from_opengl(Pose.from_matrix(world_from_gl, where=where))))
    return builder.build()


READER = Reader("scannerapp", sniff, read, "frame_00000.jpg and frame_00000.json", poses="opengl-c2w")
