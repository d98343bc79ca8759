"""Record3D, exported as "EXR + RGB" or an unpacked ``.r3d`` file: ``metadata.json`` and ``rgb/0.jpg`` ..., in metres.

``poses`` are camera-to-world in ARKit's axes, qx qy qz qw tx ty tz, one for each image; ``K`` is the calibration matrix
column by column, and ``perFrameIntrinsicCoeffs``, in newer files, fx fy cx cy of each image.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.axes import pose_from_opengl
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.jsonkeys import image_size, number_list
from trigpoint.formats.pairing import images_by_stem
from trigpoint.formats.textfiles import is_file, read_json, to_numbers

_FILES, _FOLDERS = ("metadata.json", "metadata"), ("rgb", "rgbd")


def sniff(path: Path) -> bool:
    """Whether there is a file of metadata beside a folder of images."""
    return any(is_file(path / name) for name in _FILES) and any((path / name).is_dir() for name in _FOLDERS)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images that have a pose, by their number.

    Raises:
        SceneError: no list of poses (TP-219); an image without one (TP-204).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    file = next(path / name for name in _FILES if is_file(path / name))
    folder = next(name for name in _FOLDERS if (path / name).is_dir())
    values = read_json(file)
    poses, coefficients = values.get("poses"), values.get("perFrameIntrinsicCoeffs")
    if not isinstance(poses, list) or not poses:
        raise SceneError("TP-219", "the list 'poses' is missing or empty", where=file, fix="Record it with poses.")
    builder = SceneBuilder(path, "record3d", metric=True, options=options)
    size = image_size(values, ("w", "h"), str(file))
    for stem, image in images_by_stem(path / folder).items():
        name = f"{folder}/{image.name}"
        with builder.image(name):
            index = int(stem) if stem.isdecimal() and stem.isascii() else len(poses)
            if index >= len(poses):
                what = f"this image has no pose: {file.name} has {len(poses)}"
                raise SceneError("TP-204", what, where=image, fix="Give --skip-invalid to leave such images out.")
            where = f"{file}, pose {index}"
            own = coefficients[index] if isinstance(coefficients, list) and index < len(coefficients) else None
            camera = builder.camera("PINHOLE", size, _intrinsics(values, own, str(file)), str(file))
            x, y, z, w, *position = number_list({"pose": poses[index]}, "pose", 7, where)
            pose = pose_from_opengl(Pose.from_quaternion([w, x, y, z], position, where=where))
            builder.add(Frame(name, image, camera, pose))
    return builder.build()


def _intrinsics(values: dict[str, Any], own: Any, where: str) -> tuple[float, ...]:
    """fx, fy, cx, cy, px."""
    if isinstance(own, list) and len(own) == 4:
        return tuple(to_numbers(own, where))
    matrix = number_list(values, "K", 9, where)
    return matrix[0], matrix[4], matrix[6], matrix[7]


READER = Reader("record3d", sniff, read, "metadata.json beside rgb", poses="opengl-c2w")
