"""EuRoC MAV, and TUM VI in the same layout: ``mav0/cam0`` and the ground truth of the body, in metres.

``cam0/sensor.yaml`` holds the intrinsics and where the camera sits on the body (``T_BS``, body-from-sensor). The ground
truth is world-from-body, quaternion scalar first, with times of its own: poses are interpolated. Only the left camera is
read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.opencv_lens import distorted
from trigpoint.formats.textfiles import is_file, read_csv, read_yaml, to_numbers, to_whole_px

_TRUTHS = ("state_groundtruth_estimate0", "mocap0")
_AGAIN = "Copy the file again."
# A rig of the ground truth runs at 100 to 200 Hz: beyond this it was lost.
_MAX_GAP_NS = 50e6


def sniff(path: Path) -> bool:
    """Whether ``mav0/cam0/data.csv`` exists, from the folder of the recording or from ``mav0``."""
    return is_file(path / "mav0" / "cam0" / "data.csv") or is_file(path / "cam0" / "data.csv")


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images of the left camera. Those from before or after the ground truth are left out with a warning.

    Raises:
        SceneError: no ground truth (TP-210); a file with malformed lines (TP-214) or missing keys (TP-219).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    root = path / "mav0" if is_file(path / "mav0" / "cam0" / "data.csv") else path
    builder = SceneBuilder(path, "euroc", metric=True, options=options)
    sensor = read_yaml(root / "cam0" / "sensor.yaml")
    camera = _camera(builder, sensor, str(root / "cam0" / "sensor.yaml"))
    cam_from_body = _mount(sensor, root / "cam0" / "sensor.yaml").inverse()
    times, rows, lines, truth = _trajectory(root)
    others = sorted(folder.name for folder in root.glob("cam[1-9]") if folder.is_dir())
    if others:
        builder.note(f"The images of cam0 are used, not those of {' and '.join(others)}.")
    prefix = (root / "cam0" / "data").relative_to(path).as_posix()
    lost: list[str] = []
    for number, words in read_csv(root / "cam0" / "data.csv"):
        where = f"{root / 'cam0' / 'data.csv'}, line {number}"
        if len(words) != 2:
            raise SceneError("TP-214", f"a time and a file were expected, got {len(words)} values", where=where, fix=_AGAIN)
        place = root / "cam0" / "data" / words[1]
        name = f"{prefix}/{words[1]}"
        with builder.image(name):
            state = _interpolated(to_numbers(words[:1], where)[0], times, rows)
            if state is None:
                lost.append(name)
                continue
            image = builder.locate(name, place)
            if image is not None:
                index, values = state
                at = f"{truth}, line {lines[index]}"
                world_from_body = Pose.from_quaternion(values[3:7], values[:3], where=at)
                builder.add(Frame(name, image, camera, cam_from_body @ world_from_body.inverse()))
    if lost:
        builder.warn(f"Images outside the times of the ground truth, left out: {len(lost)} ({shortened(lost, 3)}).")
    return builder.build()


def _camera(builder: SceneBuilder, sensor: dict[str, Any], where: str) -> Camera:
    size, pinhole = (_numbers(sensor, key, count, where) for key, count in (("resolution", 2), ("intrinsics", 4)))
    terms = sensor.get("distortion_coefficients") or []
    terms = to_numbers(terms, where) if isinstance(terms, list) else []
    model, params = distorted(pinhole, str(sensor.get("distortion_model") or ""), terms, where)
    return builder.camera(model, to_whole_px(size, where), params, where)


def _mount(sensor: dict[str, Any], file: Path) -> Pose:
    """Body-from-sensor."""
    given = sensor.get("T_BS")
    values = _numbers(given if isinstance(given, dict) else {}, "data", 16, f"{file}, T_BS")
    return Pose.from_matrix(np.array(values).reshape(4, 4), where=f"{file}, T_BS")


def _numbers(values: dict[str, Any], key: str, count: int, where: str) -> list[float]:
    given = values.get(key)
    if not isinstance(given, list) or len(given) != count:
        raise SceneError("TP-219", f"'{key}' with {count} numbers is missing", where=where, fix=_AGAIN)
    numbers = to_numbers(given, f"{where}, {key}")
    if not np.isfinite(numbers).all():
        raise SceneError("TP-214", f"'{key}' contains NaN or infinity", where=where, fix=_AGAIN)
    return numbers


def _trajectory(root: Path) -> tuple[np.ndarray, np.ndarray, list[int], Path]:
    """Times, ns, sorted; (N, 7) rows x y z qw qx qy qz of world-from-body; line numbers; the file."""
    folder = next((root / name for name in _TRUTHS if is_file(root / name / "data.csv")), None)
    if folder is None:
        raise SceneError(
            "TP-210",
            f"the ground truth is missing: {' or '.join(f'{name}/data.csv' for name in _TRUTHS)}",
            where=root,
            fix="Copy it there. 'trigpoint reconstruct' finds poses where there are none.",
        )
    file = folder / "data.csv"
    states: list[tuple[float, list[float], int]] = []
    for number, words in read_csv(file):
        where = f"{file}, line {number}"
        if len(words) < 8:
            raise SceneError("TP-214", f"8 numbers were expected, got {len(words)} values", where=where, fix=_AGAIN)
        time, *values = to_numbers(words[:8], where)
        if not np.isfinite(time):
            raise SceneError("TP-214", f"the time is {time}", where=where, fix=_AGAIN)
        states.append((time, values, number))
    if not states:
        raise SceneError("TP-211", "the file holds no poses", where=file, fix=_AGAIN)
    states.sort(key=lambda state: state[0])
    return np.array([state[0] for state in states]), np.array([state[1] for state in states]), [s[2] for s in states], file


def _interpolated(time: float, times: np.ndarray, rows: np.ndarray) -> tuple[int, np.ndarray] | None:
    """(index of the state before, the state at this time); None outside the ground truth or in a gap of it."""
    after = int(np.searchsorted(times, time))
    if after < len(times) and times[after] == time:
        return after, rows[after]
    if after in (0, len(times)) or times[after] - times[after - 1] > _MAX_GAP_NS:
        return None
    before = after - 1
    part = (time - times[before]) / (times[after] - times[before])
    first, second = rows[before], rows[after]
    # Neighbours differ by a few degrees, where the normalised mean is as good as the arc; q and -q are one rotation.
    sign = -1.0 if first[3:] @ second[3:] < 0 else 1.0
    mixed = (1 - part) * first + part * np.concatenate([second[:3], sign * second[3:]])
    length = np.linalg.norm(first[3:])
    mixed[3:] *= length / np.linalg.norm(mixed[3:]) if np.isfinite(mixed).all() else 1.0
    return before, mixed


READER = Reader("euroc", sniff, read, "mav0/cam0/data.csv and mav0/state_groundtruth_estimate0", poses="opencv-c2w")
