"""Posed images as ``transforms.json`` of nerfstudio: camera-to-world poses in OpenGL axes, the world as it is.

The key ``metric`` is ours; nerfstudio passes over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.artifact import write_bytes, write_json
from trigpoint.core.camera import Camera, parameter_names
from trigpoint.core.errors import OutputError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame
from trigpoint.formats.export.colmap import Points
from trigpoint.formats.export.image_files import ImageFiles, check_paths, put_image_files
from trigpoint.formats.export.ply import ply_bytes

PLY_NAME = "points.ply"
_GL_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])
# Both families hold all models whose formula is theirs with some coefficients left out.
_PERSPECTIVE = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
_FISHEYE = ("SIMPLE_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "OPENCV_FISHEYE")
_COEFFICIENTS = ("k1", "k2", "k3", "k4", "p1", "p2")


def write_nerfstudio(folder: Path, frames: Sequence[Frame], metric: bool, points: Points | None, images: ImageFiles) -> None:
    """Write ``transforms.json``, images and points into an existing folder.

    Args:
        folder: gets the images under the names of the frames.
        frames: images with poses. Their splits are kept; validation images are the test images.
        metric: whether the unit of the poses is the metre.
        points: (N, 3) points in world and their (N, 3) colours, which ``ply_file_path`` then names, or None.
        images: what to do with the image files.

    Raises:
        OutputError: a camera (TP-821) or image name (TP-822) that the format cannot hold.
    """
    names = [frame.name for frame in frames]
    check_paths(names, "nerfstudio", unfit=r"[\0\\]|^\s+$")
    document = transforms([(frame.name, frame.camera, frame.pose()) for frame in frames], metric)
    document |= _split_lists(frames)
    if points is not None:
        document["ply_file_path"] = PLY_NAME
        write_bytes(folder / PLY_NAME, ply_bytes(*points))
    put_image_files(frames, folder, images)
    write_json(folder / "transforms.json", document)


def transforms(images: Iterable[tuple[str, Camera, Pose]], metric: bool) -> dict[str, Any]:
    """The document.

    Args:
        images: name, camera and ``cam_from_world`` of each.
        metric: whether the unit of the poses is the metre.

    Raises:
        OutputError: a camera that the format cannot hold (TP-821).
    """
    frames: list[dict[str, Any]] = []
    model = ""
    for name, camera, pose in images:
        values = camera_values(camera, name)
        if frames and values["camera_model"] != model:
            raise _cannot_hold(f"{camera.model} beside cameras of the other family", name)
        model = values.pop("camera_model")
        world_from_gl = pose.inverse().matrix() @ _GL_FROM_CV
        frames.append({"file_path": name, **values, "transform_matrix": world_from_gl.tolist()})
    shared = _shared(frames)
    per_frame = [{key: value for key, value in frame.items() if key not in shared} for frame in frames]
    return {"camera_model": model or "OPENCV", **shared, "metric": metric, "frames": per_frame}


def camera_values(camera: Camera, name: str) -> dict[str, Any]:
    """The intrinsics in nerfstudio's keys.

    Args:
        camera: of the image.
        name: of the image, for errors.

    Raises:
        OutputError: TP-821.
    """
    given: Mapping[str, float] = dict(zip(parameter_names(camera.model), camera.params, strict=True))
    fx, fy, cx, cy = camera.pinhole_params()
    values: dict[str, Any] = {"w": camera.width, "h": camera.height, "fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}
    if camera.model in _PERSPECTIVE and not any(given.get(key, 0.0) for key in ("k4", "k5", "k6")):
        kind = "OPENCV"
    elif camera.model in _FISHEYE:
        kind = "OPENCV_FISHEYE"
    else:
        raise _cannot_hold(camera.model, name)
    coefficients = {"k1": given.get("k", 0.0), **given}
    return {"camera_model": kind, **values, **{key: float(coefficients.get(key, 0.0)) for key in _COEFFICIENTS}}


def _split_lists(frames: Sequence[Frame]) -> dict[str, list[str]]:
    test = [frame.name for frame in frames if frame.split == TEST]
    if not test:
        return {}
    train = [frame.name for frame in frames if frame.split == TRAIN]
    # Where only test images are marked, all others are for training.
    train = train or [frame.name for frame in frames if frame.split is None]
    return {"train_filenames": train, "val_filenames": test, "test_filenames": test}


def _shared(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The intrinsics that all images have, to stand once."""
    if not frames:
        return {}
    keys = [key for key in frames[0] if key not in ("file_path", "transform_matrix")]
    return {key: frames[0][key] for key in keys if all(frame[key] == frames[0][key] for frame in frames)}


def _cannot_hold(model: str, name: str) -> OutputError:
    return OutputError(
        "TP-821",
        f"transforms.json cannot hold a camera of model {model}",
        where=name,
        fix="Export to colmap or json, which hold every model.",
    )
