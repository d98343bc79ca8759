"""Several scenes in one coordinate frame, mapped as one: the integrated scenes of ESAC and GLACE (i7, i12, i19).

Scenes are centred on their mapping cameras and put on a square grid, 5 m apart, as GLACE does. A file ``NAME.joint.json``
says which scenes and where::

    {"format": "trigpoint-joint", "version": 2, "spacing": 5,
     "scenes": [{"path": "chess"},
                {"path": "fire", "name": "fire", "offset": [0, -5, 0], "scale": 1, "holdout": "every:8:0"}]}

``path`` is relative to the file. Without ``offset`` the scene takes its cell of the grid. ``scale`` is the metres of one
unit of the scene. An image is called ``SCENE/IMAGE``, and its sequence begins with the scene.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import ConfigError, SceneError
from trigpoint.core.pose import MAX_COORDINATE, Pose
from trigpoint.core.scene import Frame, Problem, Scene
from trigpoint.core.tracks import Tracks, TrackSource, joined_tracks
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_json

Array = NDArray[np.float64]
# Name of the format.
JOINT = "joint"
SUFFIX = ".joint.json"
VERSION = 2
SPACING = 5.0
MAX_SCENES = 1000
_KEYS = {"path", "name", "offset", "scale", "holdout", "format"}


@dataclass(frozen=True)
class JointPart:
    """One scene of a joint file.

    Attributes:
        path: folder of the scene.
        name: what its images' names begin with.
        offset: (3,) added to its coordinates after scaling, or None for its cell of the grid.
        scale: metres of one unit, or None for the unit of its format.
        holdout: hold-out rule, or None for the split of its format.
        format: name of the format, or None to find out.
    """

    path: Path
    name: str
    offset: tuple[float, float, float] | None = None
    scale: float | None = None
    holdout: str | None = None
    format: str | None = None


def joint_scene(
    scenes: Sequence[Scene],
    spacing: float = SPACING,
    *,
    names: Sequence[str] | None = None,
    offsets: Sequence[Sequence[float] | None] | None = None,
    scales: Sequence[float | None] | None = None,
    root: Path | None = None,
) -> Scene:
    """Several scenes as one scene.

    Args:
        scenes: the scenes.
        spacing: distance of the grid's cells, in the unit of the joint scene.
        names: one a scene; the folders' names if None.
        offsets: (3,) added to the scaled coordinates of each scene; None for the grid.
        scales: metres of one unit of each scene; None for the unit of its format.
        root: folder of the joint scene; that of the first scene if None.

    Raises:
        SceneError: no scenes, or names that occur twice or hold a slash (TP-261); scenes of known and of unknown scale
            together (TP-262).
    """
    names = [scene.root.resolve().name for scene in scenes] if names is None else list(names)
    _check_names(names, scenes[0].root if scenes else root)
    scales = [None] * len(scenes) if scales is None else list(scales)
    metric = _common_metric(scenes, names, scales)
    frames: list[Frame] = []
    problems: list[Problem] = []
    moves: list[tuple[float, Array]] = []
    for index, (scene, name, scale) in enumerate(zip(scenes, names, scales, strict=True)):
        factor = 1.0 if scale is None else scale
        given = offsets[index] if offsets is not None else None
        offset = grid_offset(scene, index, len(scenes), spacing, factor) if given is None else np.array(given, dtype=float)
        moves.append((factor, offset))
        frames += [_moved(frame, name, factor, offset) for frame in scene.frames]
        shift = " ".join(f"{value:.6f}" for value in offset)
        problems.append(Problem("note", f"{name} ({scene.format}, {len(scene.frames)} images) is shifted by {shift}."))
        problems += [replace(problem, message=f"{name}: {problem.message}") for problem in scene.problems]
    frames.sort(key=lambda frame: frame.name)
    tracks = _joint_tracks(scenes, names, moves)
    return Scene(root or scenes[0].root, JOINT, tuple(frames), metric, tuple(problems), track_source=tracks)


def grid_offset(scene: Scene, index: int, count: int, spacing: float, scale: float = 1.0) -> Array:
    """(3,) that centres the mapping cameras of a scene on cell ``index`` of the square grid (GLACE, integrated scenes)."""
    side = math.ceil(math.sqrt(count))
    row, column = divmod(index, side)
    centres = np.array([frame.pose().centre() for frame in scene.for_mapping()]).reshape(-1, 3)
    mean = centres.mean(axis=0) if len(centres) else np.zeros(3)
    return np.array([-row * spacing, -column * spacing, 0.0]) - scale * mean


def scene_of(frame_name: str) -> str:
    """The scene that an image of a joint scene belongs to."""
    return frame_name.partition("/")[0]


def write_joint(path: Path, scenes: Sequence[JointPart], spacing: float = SPACING) -> None:
    """Write a joint file; paths are kept as they are. Raises OutputError TP-801."""
    entries: list[dict[str, Any]] = []
    for scene in scenes:
        entry = {key: getattr(scene, key) for key in ("name", "offset", "scale", "holdout", "format")}
        entries.append({"path": scene.path.as_posix(), **{key: value for key, value in entry.items() if value is not None}})
    write_json(path, {"format": "trigpoint-joint", "version": VERSION, "spacing": spacing, "scenes": entries})


def sniff(path: Path) -> bool:
    """Whether this is a ``.joint.json`` file, or a folder with exactly one."""
    return _joint_file(path) is not None


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all scenes of a joint file.

    Raises:
        SceneError: the file is not as described above (TP-213, TP-261); mixed scales (TP-262).
        ConfigError: a folder of images was named (TP-728).
        TrigpointError: a scene cannot be read, as ``open_scene``.
    """
    file = _joint_file(path)
    assert file is not None and options.open_part is not None  # sniffed, and read by open_scene
    if options.images is not None:
        fix = "Leave --images out: each scene finds its own."
        raise ConfigError("TP-728", "a joint scene has the images of several scenes", where=options.images, fix=fix)
    parts, spacing = read_joint(file)
    scenes: list[Scene] = []
    for part in parts:
        if sniff(part.path):
            raise SceneError("TP-261", "a joint scene inside a joint scene", where=part.path, fix="List its scenes here.")
        scenes.append(options.open_part(part.path, part.format, part.holdout))
    joint = joint_scene(
        scenes,
        spacing,
        names=[part.name for part in parts],
        offsets=[part.offset for part in parts],
        scales=[part.scale for part in parts],
        root=path,
    )
    return joint if options.metric is None else replace(joint, metric=options.metric)


def read_joint(file: Path) -> tuple[list[JointPart], float]:
    """The scenes of a joint file, and the spacing of the grid.

    Raises:
        SceneError: TP-210 to TP-213; not as described above (TP-261).
    """
    document = read_json(file)
    if document.get("format") != "trigpoint-joint" or document.get("version") != VERSION:
        raise _wrong(file, f'"format": "trigpoint-joint" with "version": {VERSION} is missing')
    spacing = document.get("spacing", SPACING)
    entries = document.get("scenes")
    if not _is_number(spacing) or spacing <= 0:
        raise _wrong(file, f"the spacing {_short(spacing)} is not a positive number below {MAX_COORDINATE:g}")
    if not isinstance(entries, list) or not entries:
        raise _wrong(file, "it lists no scenes")
    if len(entries) > MAX_SCENES:
        raise _wrong(file, f"it lists {len(entries)} scenes, more than {MAX_SCENES}")
    parts = [_scene(entry, file, number) for number, entry in enumerate(entries, start=1)]
    _check_names([part.name for part in parts], file)
    return parts, float(spacing)


def _scene(entry: Any, file: Path, number: int) -> JointPart:
    where = f"scene {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not set(entry) <= _KEYS:
        raise _wrong(file, f"{where} needs a path, and may have {', '.join(sorted(_KEYS - {'path'}))}")
    offset, scale = entry.get("offset"), entry.get("scale")
    if offset is not None and not (isinstance(offset, list) and len(offset) == 3 and all(map(_is_number, offset))):
        raise _wrong(file, f"the offset of {where} is not three numbers below {MAX_COORDINATE:g}")
    if scale is not None and not (_is_number(scale) and scale >= 1 / MAX_COORDINATE):
        raise _wrong(file, f"the scale of {where} is not a number from {1 / MAX_COORDINATE:g} to {MAX_COORDINATE:g}")
    texts = {key: entry.get(key) for key in ("name", "holdout", "format")}
    if any(value is not None and not isinstance(value, str) for value in texts.values()):
        raise _wrong(file, f"name, holdout and format of {where} are texts")
    path = file.parent / entry["path"]
    try:
        name = texts["name"] or path.resolve().name
        there = path.exists()
    except (OSError, ValueError, RuntimeError):
        # Too long, with NUL, no Unicode, a circle of links.
        raise _wrong(file, f"the path of {where} cannot be one: {entry['path'][:80]!r}") from None
    if not there:
        raise SceneError("TP-201", f"the folder of {where} does not exist", where=path, fix=f"Correct its path in {file}.")
    return JointPart(path, name, None if offset is None else tuple(offset), scale, texts["holdout"], texts["format"])


def _is_number(value: Any) -> bool:
    # Compared, not asked whether it is finite: a whole number of JSON may have a thousand digits.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_COORDINATE <= value <= MAX_COORDINATE


def _short(value: Any) -> str:
    return repr(value)[:20] if isinstance(value, (str, float)) else type(value).__name__


def _wrong(where: Path | None, what: str) -> SceneError:
    return SceneError("TP-261", f"this is not a joint scene: {what}", where=where, fix="See docs/formats.md for an example.")


def _joint_file(path: Path) -> Path | None:
    if is_file(path):
        return path if path.name.endswith(SUFFIX) else None
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
    return files[0] if len(files) == 1 else None


def _check_names(names: Sequence[str], where: Path | None) -> None:
    if not names:
        raise _wrong(where, "it has no scenes")
    counts = Counter(names)
    for name in names:
        if not name or "/" in name or "\\" in name:
            raise _wrong(where, f"'{name}' cannot be the name of a scene")
        if counts[name] > 1:
            raise _wrong(where, f"two scenes are called '{name}'")


def _common_metric(scenes: Sequence[Scene], names: Sequence[str], scales: Sequence[float | None]) -> bool:
    known = {name: scene.metric or scale is not None for scene, name, scale in zip(scenes, names, scales, strict=True)}
    unknown = [name for name in names if not known[name]]
    if unknown and len(unknown) < len(names):
        raise SceneError(
            "TP-262",
            f"the scale of {unknown[0]} is unknown and that of other scenes is known: they cannot share a frame",
            where=scenes[list(names).index(unknown[0])].root,
            fix='Give "scale", the metres of one unit, for each scene whose scale is unknown.',
        )
    return not unknown


def _joint_tracks(scenes: Sequence[Scene], names: Sequence[str], moves: Sequence[tuple[float, Array]]) -> TrackSource | None:
    """The triangulated points of all scenes that have any, scaled and shifted as their poses are."""
    sources = [scene.track_source for scene in scenes]
    if not any(sources):
        return None

    def read() -> Tracks | None:
        parts = [None if source is None else source.read() for source in sources]
        moved = [None if part is None else part.moved(*move) for part, move in zip(parts, moves, strict=True)]
        frames = [[frame.name for frame in scene.frames] for scene in scenes]
        return joined_tracks(moved, frames, [f"{name}/" for name in names])

    return TrackSource(read, [file for source in sources if source is not None for file in source.files])


def _moved(frame: Frame, scene: str, scale: float, offset: Array) -> Frame:
    pose = frame.cam_from_world
    if pose is not None:
        pose = Pose(pose.rotation, scale * pose.translation - pose.rotation @ offset)
        if np.abs(pose.translation).max() > MAX_COORDINATE:
            what = f"the scale and offset of '{scene}' put its images more than {MAX_COORDINATE:g} units away"
            raise _wrong(frame.image_path, what)
    sequence = f"{scene}/{frame.sequence}" if frame.sequence else scene
    name, unit = f"{scene}/{frame.name}", scale * frame.depth_unit
    return replace(frame, name=name, cam_from_world=pose, sequence=sequence, depth_unit=unit)


READER = Reader(JOINT, sniff, read, "a file NAME.joint.json that lists scenes")
