"""Polycam's raw data: ``keyframes/images`` and ``keyframes/cameras``, or the corrected ones of each, in metres.

A camera is a JSON file with the matrix camera-to-world, ARKit's axes, as ``t_00`` to ``t_23``, and the intrinsics.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.folders import matching
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.axes import pose_from_opengl
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.jsonkeys import image_size, numbers
from trigpoint.formats.pairing import images_by_stem, paired
from trigpoint.formats.textfiles import read_json

_INTRINSICS = ("fx", "fy", "cx", "cy")
_MATRIX = tuple(f"t_{row}{column}" for row in range(3) for column in range(4))


def sniff(path: Path) -> bool:
    """Whether there are cameras of Polycam in ``keyframes`` or in the folder itself."""
    return _keyframes(path) is not None


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the corrected images and cameras where there are both, the original ones otherwise.

    Raises:
        SceneError: images and cameras do not pair up (TP-215); a missing key (TP-219) or no number (TP-214).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    folder = _keyframes(path) or path
    builder = SceneBuilder(path, "polycam", metric=True, options=options)
    corrected = (folder / "corrected_cameras").is_dir() and (folder / "corrected_images").is_dir()
    prefix = "corrected_" if corrected else ""
    if not corrected:
        builder.note("The poses are those of the phone's tracking, not corrected ones: they drift.")
    images = images_by_stem(folder / f"{prefix}images")
    cameras = {file.stem: file for file in matching(folder / f"{prefix}cameras", "*.json")}
    for stem in paired(builder, folder, images, cameras):
        name, where = images[stem].relative_to(path).as_posix(), str(cameras[stem])
        with builder.image(name):
            values = read_json(cameras[stem])
            params = tuple(numbers(values, _INTRINSICS, where))
            camera = builder.camera("PINHOLE", image_size(values, ("width", "height"), where), params, where)
            builder.add(Frame(name, images[stem], camera, pose_from_opengl(_pose(values, where))))
    return builder.build()


def _keyframes(path: Path) -> Path | None:
    for folder in (path / "keyframes", path):
        if any(
            next((folder / f"{kind}cameras").glob("*.json"), None) and (folder / f"{kind}images").is_dir()
            for kind in ("corrected_", "")
        ):
            return folder
    return None


def _pose(values: dict[str, Any], where: str) -> Pose:
    return Pose.from_matrix(np.array(numbers(values, _MATRIX, where)).reshape(3, 4), where=where)


READER = Reader("polycam", sniff, read, "keyframes/images and keyframes/cameras", poses="opengl-c2w")
