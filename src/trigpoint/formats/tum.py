"""TUM RGB-D: ``rgb.txt`` and ``groundtruth.txt``, lists with time stamps of their own, paired by nearest time.

Poses are world-from-camera, metres, quaternion scalar last. Frames are named by their path in ``rgb.txt``.

Intrinsics come from ``camera.json`` in the folder (``{"model": ..., "width": ..., "height": ..., "params": [...]}``, a
COLMAP camera); else the published ones of freiburg1, freiburg2 or freiburg3, named by the folder or by ``rgb.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError, TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_json, read_rows, read_text, to_numbers, to_whole_px

MAX_TIME_GAP_S = 0.02
# Published calibrations: fx fy cx cy k1 k2 p1 p2 k3.
_PUBLISHED = {
    "1": (517.306408, 516.469215, 318.643040, 255.313989, 0.262383, -0.953104, -0.005358, 0.002628, 1.163314),
    "2": (520.908620, 521.007327, 325.141442, 249.701764, 0.231222, -0.784899, -0.003257, -0.000105, 0.917205),
    "3": (535.4, 539.2, 320.1, 247.6),
}
_RECORDING = re.compile(r"(?<![a-z])(?:freiburg|fr)([123])(?!\d)")
_AGAIN = "Copy the file again."
# The format's depth images have 5,000 steps a metre.
_DEPTH_UNIT_M = 1 / 5000


def sniff(path: Path) -> bool:
    """Whether both lists exist."""
    return is_file(path / "rgb.txt") and is_file(path / "groundtruth.txt")


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images that have a pose within 20 ms; others have none (TP-204).

    Raises:
        SceneError: intrinsics unknown (TP-218); a list with malformed lines (TP-214).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "tum", metric=True, options=options)
    camera = _camera(path)
    image_times, image_names = _read_list(path / "rgb.txt")
    times, rows, lines = _trajectory(path / "groundtruth.txt")
    depths = _depths(path, image_times)
    for number, (name, pose) in enumerate(zip(image_names, _nearest(image_times, times), strict=True)):
        image = path / name
        with builder.image(name):
            if pose is None:
                gap = f"this image has no pose: none in groundtruth.txt within {1e3 * MAX_TIME_GAP_S:g} ms of its time"
                raise SceneError("TP-204", gap, where=image, fix="Give --skip-invalid to leave such images out.")
            file = builder.locate(name, image)
            if file is not None:
                cam_from_world = _pose(rows[pose], f"{path / 'groundtruth.txt'}, line {lines[pose]}").inverse()
                builder.add(Frame(name, file, camera, cam_from_world, depth_path=depths[number], depth_unit=_DEPTH_UNIT_M))
    return builder.build()


def _read_list(file: Path) -> tuple[NDArray[np.float64], list[str]]:
    stamps: list[float] = []
    names: list[str] = []
    for number, words in read_rows(file):
        where = f"{file}, line {number}"
        if len(words) < 2:
            raise SceneError("TP-214", "a time and a file were expected, got one word", where=where, fix=_AGAIN)
        stamps.append(_time(words[0], where))
        names.append(" ".join(words[1:]))
    return np.array(stamps), names


def _time(word: str, where: str) -> float:
    value = to_numbers([word], where)[0]
    if not np.isfinite(value):
        raise SceneError("TP-214", f"the time is {value}", where=where, fix=_AGAIN)
    return value


def _trajectory(file: Path) -> tuple[NDArray[np.float64], list[list[float]], list[int]]:
    """Times, s, sorted; rows tx ty tz qx qy qz qw; line numbers."""
    poses: list[tuple[float, list[float], int]] = []
    for number, words in read_rows(file):
        where = f"{file}, line {number}"
        if len(words) != 8:
            raise SceneError("TP-214", f"8 numbers were expected, got {len(words)} words", where=where, fix=_AGAIN)
        poses.append((_time(words[0], where), to_numbers(words[1:], where), number))
    if not poses:
        raise SceneError("TP-211", "the file holds no poses", where=file, fix=_AGAIN)
    poses.sort(key=lambda item: item[0])
    return np.array([item[0] for item in poses]), [item[1] for item in poses], [item[2] for item in poses]


def _nearest(wanted: NDArray[np.float64], times: NDArray[np.float64]) -> list[int | None]:
    """For each wanted time the index of the nearest of the sorted ``times``, None beyond 20 ms."""
    if not len(times) or not len(wanted):
        return [None] * len(wanted)
    after = np.searchsorted(times, wanted).clip(1, max(len(times) - 1, 1))
    before = after - 1
    after = after.clip(max=len(times) - 1)
    best = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    # Times are printed with 4 to 6 digits: a microsecond of tolerance keeps exactly 20 ms inside.
    close = np.abs(times[best] - wanted) <= MAX_TIME_GAP_S + 1e-6
    return [int(index) if near else None for index, near in zip(best, close, strict=True)]


def _pose(row: list[float], where: str) -> Pose:
    return Pose.from_quaternion([row[6], row[3], row[4], row[5]], row[:3], where=where)


def _depths(root: Path, image_times: NDArray[np.float64]) -> list[Path | None]:
    if not is_file(root / "depth.txt"):
        return [None] * len(image_times)
    times, names = _read_list(root / "depth.txt")
    order = np.argsort(times, kind="stable")
    nearest = _nearest(image_times, times[order])
    files = [None if index is None else root / names[order[index]] for index in nearest]
    return [file if file is not None and is_file(file) else None for file in files]


def _camera(root: Path) -> Camera:
    file = root / "camera.json"
    if is_file(file):
        return _camera_from_json(file)
    header = "\n".join(line for line in read_text(root / "rgb.txt").splitlines()[:10] if line.startswith("#"))
    match = _RECORDING.search(root.resolve().name.lower()) or _RECORDING.search(header.lower())
    if match is None:
        raise SceneError(
            "TP-218",
            "the camera is unknown: neither the folder's name nor rgb.txt says freiburg1, freiburg2 or freiburg3",
            where=root,
            fix='Put a camera.json there: {"model": "PINHOLE", "width": 640, "height": 480, "params": [fx, fy, cx, cy]}.',
        )
    values = _PUBLISHED[match[1]]
    if len(values) == 4:
        return Camera("PINHOLE", 640, 480, values)
    return Camera("FULL_OPENCV", 640, 480, (*values, 0.0, 0.0, 0.0))


def _camera_from_json(file: Path) -> Camera:
    document = read_json(file)
    missing = [key for key in ("model", "width", "height", "params") if key not in document]
    if missing:
        raise SceneError("TP-219", f"'{missing[0]}' is missing", where=file, fix="It needs model, width, height, params.")
    params = document["params"] if isinstance(document["params"], list) else [document["params"]]
    size = to_whole_px([document["width"], document["height"]], str(file))
    try:
        return Camera(str(document["model"]), *size, tuple(to_numbers(params, str(file))))
    except TrigpointError as error:
        raise type(error)(error.code, error.what, where=error.where or file, fix=error.fix) from error


READER = Reader("tum", sniff, read, "rgb.txt and groundtruth.txt", poses="opencv-c2w")
