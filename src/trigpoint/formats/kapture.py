"""kapture, the format of NAVER LABS (NAVER and Hyundai indoor data sets among others), versions 1.0 and 1.1.

``sensors/sensors.txt`` (cameras), ``records_camera.txt`` (images below ``records_data``), ``trajectories.txt`` (poses
device-from-world) and ``rigs.txt`` (sensor-from-rig). Data sets come in parts, one kapture each: those in a folder
``mapping`` are for training, those in ``query``, ``test`` or ``validation`` for testing. Images of the test parts may lack
poses, which are then known to the organisers only. The unit is the metre if a lidar or depth sensor is listed, since these
measure metres; otherwise the scale is unknown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_text, to_numbers, to_whole_px

_SENSORS = PurePosixPath("sensors/sensors.txt")
_LOOKED_AT = 20_000
_SPLITS = {
    **dict.fromkeys(("mapping", "map", "train", "training"), TRAIN),
    **dict.fromkeys(("query", "test", "testing", "validation"), TEST),
}
_RIG_LEVELS = 5
_METRE_SENSORS = ("lidar", "depth")


@dataclass(frozen=True)
class _Row:
    """The values of one line, and where it stands."""

    words: list[str]
    where: str


def sniff(path: Path) -> bool:
    """Whether ``sensors/sensors.txt`` is there or in part folders up to two levels below."""
    return bool(_parts(path))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all parts.

    Raises:
        SceneError: no records of images (TP-210); a line with too few values or without numbers (TP-214).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    parts = _parts(path)
    sensors = {part: _sensors(part) for part in parts}
    metric = any(row.words[2].lower() in _METRE_SENSORS for part in parts for row in sensors[part].values())
    builder = SceneBuilder(path, "kapture", metric=metric, options=options)
    for part in parts:
        prefix = "" if part == path else f"{part.relative_to(path).as_posix()}/"
        _read_part(builder, part, sensors[part], prefix)
    return builder.build()


def _parts(path: Path) -> list[Path]:
    """The folder itself, or the folders of parts below it, which lie side by side."""
    if is_file(path / _SENSORS):
        return [path]
    children = _folders(path)
    for level in (children, [item for child in children for item in _folders(child)]):
        parts = [item for item in level if is_file(item / _SENSORS)]
        if parts:
            # Parts with different parents are different scenes, such as the floors of a building.
            named = any(_split_of(part, path) for part in parts)
            return parts if named and len({part.parent for part in parts}) == 1 else []
    return []


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(path / entry.name for entry in islice(entries, _LOOKED_AT) if entry.is_dir())
    except (OSError, ValueError):
        return []


def _split_of(part: Path, root: Path) -> str | None:
    names = part.relative_to(root).parts if part != root else ()
    words = [word for name in names for word in name.lower().replace("-", "_").split("_")]
    return next((_SPLITS[word] for word in reversed(words) if word in _SPLITS), None)


def _rows(file: Path, count: int, *, at_most: int | None = None) -> list[_Row]:
    """The lines, which have at least ``count`` values."""
    result: list[_Row] = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = [word.strip() for word in line.split(",")]
        where = f"{file}, line {number}"
        if len(words) < count:
            raise SceneError(
                "TP-214", f"{count} values were expected, got {len(words)}", where=where, fix="Export the data again."
            )
        if at_most is not None and len(words) > at_most and not any("." in word for word in words[2:]):
            what = f"{at_most} values were expected, got {len(words)}: numbers may have decimal commas"
            raise SceneError("TP-214", what, where=where, fix="Write decimal points; commas stand between the values.")
        result.append(_Row(words, where))
    return result


def _sensors(part: Path) -> dict[str, _Row]:
    result: dict[str, _Row] = {}
    for row in _rows(part / _SENSORS, 3):
        if row.words[0] in result:
            what = f"the sensor '{row.words[0][:40]}' is there twice, here and at {result[row.words[0]].where}"
            raise SceneError("TP-205", what, where=row.where, fix="Remove one of the lines.")
        result[row.words[0]] = row
    return result


def _read_part(builder: SceneBuilder, part: Path, sensors: dict[str, _Row], prefix: str) -> None:
    split = _split_of(part, builder.root)
    trajectories = _Trajectories(part / "sensors")
    for row in _rows(part / "sensors" / "records_camera.txt", 3):
        stamp, device, image = row.words[:3]
        name = prefix + image
        with builder.image(name):
            image_path = builder.locate(name, part / "sensors" / "records_data" / image, listed=image)
            if image_path is not None:
                camera = _camera(builder, sensors.get(device), device, row.where)
                pose = trajectories.pose(stamp, device)
                frame = Frame(name, image_path, camera, pose, split, name.rpartition("/")[0])
                if split == TEST:
                    builder.add_query(frame)
                else:
                    builder.add(frame)


def _camera(builder: SceneBuilder, sensor: _Row | None, device: str, where: str) -> Camera:
    if sensor is None or sensor.words[2].lower() != "camera" or len(sensor.words) < 7:
        raise SceneError(
            "TP-214",
            f"sensors.txt has no calibrated camera '{device[:40]}'",
            where=where,
            fix="Calibrate it, or give --skip-invalid to leave its images out.",
        )
    size, params = to_whole_px(sensor.words[4:6], sensor.where), to_numbers(sensor.words[6:], sensor.where)
    return builder.camera(sensor.words[3], size, tuple(params), sensor.where)


class _Trajectories:
    """Poses of devices, through the rigs that carry them."""

    def __init__(self, folder: Path) -> None:
        poses = folder / "trajectories.txt"
        rigs = folder / "rigs.txt"
        # Zeros before a number of a time stamp mean nothing.
        self._poses: dict[tuple[str, str], _Row] = {}
        self._twice: dict[tuple[str, str], _Row] = {}
        for row in _rows(poses, 9, at_most=9) if _has_rows(poses) else []:
            key = (row.words[0].lstrip("0"), row.words[1])
            if key in self._poses:
                self._twice[key] = row
            self._poses.setdefault(key, row)
        self._rigs: dict[str, dict[str, _Row]] = {}
        for row in _rows(rigs, 9, at_most=9) if _has_rows(rigs) else []:
            other = self._rigs.setdefault(row.words[1], {}).setdefault(row.words[0], row)
            if other.words != row.words:
                what = f"'{row.words[1][:40]}' has two places on this rig, here and at {other.where}"
                raise SceneError("TP-205", what, where=row.where, fix="Remove one of the lines.")

    def pose(self, stamp: str, device: str) -> Pose | None:
        """``cam_from_world`` of a sensor or rig at a time, None if unknown.

        Raises:
            GeometryError: TP-301 to TP-303.
            SceneError: TP-214; two poses (TP-205).
        """
        return self._through_rigs(stamp, device, {device}, _RIG_LEVELS)

    def _through_rigs(self, stamp: str, device: str, seen: set[str], levels: int) -> Pose | None:
        key = (stamp.lstrip("0"), device)
        row, other = self._poses.get(key), self._twice.get(key)
        if row is not None and other is not None and other.words[2:] != row.words[2:]:
            what = f"'{device[:40]}' has two poses at this time, here and at {row.where}"
            raise SceneError("TP-205", what, where=other.where, fix="Remove one of the lines.")
        if row is not None:
            return _pose(row)
        for row in self._rigs.get(device, {}).values() if levels else ():
            # A damaged file lets rigs carry each other, in as many lines as it likes: each is asked once.
            if row.words[0] not in seen:
                seen.add(row.words[0])
                rig_from_world = self._through_rigs(stamp, row.words[0], seen, levels - 1)
                if rig_from_world is not None:
                    return _pose(row) @ rig_from_world
        return None


def _has_rows(file: Path) -> bool:
    return is_file(file) and file.stat().st_size > 0


def _pose(row: _Row) -> Pose:
    values = np.array(to_numbers(row.words[2:9], row.where))
    return Pose.from_quaternion(values[:4], values[4:], where=row.where)


READER = Reader("kapture", sniff, read, "sensors/sensors.txt, or folders mapping and query that hold it")
