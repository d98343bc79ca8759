"""OpenSfM, and OpenDroneMap, which uses it: ``reconstruction.json`` beside ``images``. Scale unknown.

Rotations are world-to-camera as angle-axis, OpenCV axes. Lengths on the image are in units of its longer side, from its
centre.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError, SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.jsonkeys import image_size, mapping, number_list, numbers
from trigpoint.formats.textfiles import is_file, read_any_json, to_numbers

_FILES = ("reconstruction.json", "opensfm/reconstruction.json")
_TERMS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s0", "s1", "s2", "s3")


def sniff(path: Path) -> bool:
    """Whether ``reconstruction.json`` exists, or is the file itself."""
    return (path.name == "reconstruction.json" and is_file(path)) or any(is_file(path / name) for name in _FILES)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the reconstruction with the most images.

    Raises:
        SceneError: not JSON or not a list of reconstructions (TP-213); a missing key (TP-219).
        GeometryError: a projection that cannot be used (TP-311).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    file = path if is_file(path) else next(path / name for name in _FILES if is_file(path / name))
    parts = _parts(file)
    part = max(parts, key=lambda item: len(mapping(item, "shots", str(file))))
    folder = next((up / "images" for up in (file.parent, file.parent.parent) if (up / "images").is_dir()), file.parent)
    builder = SceneBuilder(path if path.is_dir() else path.parent, "opensfm", metric=False, options=options)
    if len(parts) > 1:
        builder.note(f"There are {len(parts)} partial reconstructions; the one with the most images is used.")
    cameras = mapping(part, "cameras", str(file))
    for name, shot in mapping(part, "shots", str(file)).items():
        where = f"{file}, {name}"
        with builder.image(name):
            if not isinstance(shot, dict) or not isinstance(cameras.get(str(shot.get("camera"))), dict):
                raise SceneError("TP-219", "this image names no camera of the file", where=where, fix="Export it again.")
            image = builder.locate(name, folder / name)
            if image is not None:
                camera = _camera(builder, cameras[str(shot["camera"])], f"{file}, camera {shot['camera']}")
                builder.add(Frame(name, image, camera, _pose(shot, where)))
    return builder.build()


def _parts(file: Path) -> list[dict[str, Any]]:
    document = read_any_json(file)
    if not isinstance(document, list) or not document or not all(isinstance(item, dict) for item in document):
        raise SceneError("TP-213", "the JSON is not a list of reconstructions", where=file, fix="Export it again.")
    return document


def _pose(shot: dict[str, Any], where: str) -> Pose:
    from scipy.spatial.transform import Rotation

    vector, translation = (np.array(number_list(shot, key, 3, where)) for key in ("rotation", "translation"))
    if not np.isfinite(vector).all():
        raise GeometryError("TP-301", "the pose contains NaN or infinity", where=where, fix="Give --skip-invalid.")
    matrix = np.column_stack([Rotation.from_rotvec(vector).as_matrix(), translation])
    return Pose.from_matrix(matrix, where=where)


def _camera(builder: SceneBuilder, values: dict[str, Any], where: str) -> Camera:
    size = image_size(values, ("width", "height"), where)
    longer, kind = max(size), str(values.get("projection_type", "perspective"))
    focals = numbers(values, ("focal", "focal") if "focal" in values else ("focal_x", "focal_y"), where)
    offsets = to_numbers([values.get("c_x", 0.0), values.get("c_y", 0.0)], where)
    terms = dict(zip(_TERMS, to_numbers([values.get(name, 0.0) for name in _TERMS], where), strict=True))
    k1, k2, k3, k4, p1, p2 = (terms[name] for name in ("k1", "k2", "k3", "k4", "p1", "p2"))
    pinhole = (
        *(focal * longer for focal in focals),
        *(side / 2 + offset * longer for side, offset in zip(size, offsets, strict=True)),
    )
    if kind in ("perspective", "brown", "radial", "simple_radial"):
        if k3:
            return builder.camera("FULL_OPENCV", size, (*pinhole, k1, k2, p1, p2, k3, 0.0, 0.0, 0.0), where)
        return builder.camera("OPENCV", size, (*pinhole, k1, k2, p1, p2), where)
    if kind in ("fisheye", "fisheye_opencv"):
        return builder.camera("OPENCV_FISHEYE", size, (*pinhole, k1, k2, k3, k4), where)
    if kind in ("fisheye62", "fisheye624"):
        return builder.camera("RAD_TAN_THIN_PRISM_FISHEYE", size, (*pinhole, *terms.values()), where)
    raise GeometryError(
        "TP-311",
        f"the projection '{kind[:40]}' is not supported",
        where=where,
        fix="Images must have one direction of view: 'opensfm undistort' makes perspective ones.",
    )


READER = Reader("opensfm", sniff, read, "reconstruction.json beside images")
