"""Localized images as files: JSON lines, TUM trajectories, COLMAP models, files for visuallocalization.net.

No image is ever missing from a file: those without a pose are named in comments with the reason. Only the file for the
benchmarks (``ltvl``) holds nothing but poses, because it has no comments.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast, get_args

from trigpoint.core.artifact import is_utf8, write_text
from trigpoint.core.camera import Camera
from trigpoint.core.errors import OutputError, did_you_mean
from trigpoint.core.localization import OK, Localization
from trigpoint.core.output import Kind, is_stream
from trigpoint.core.terminal import printable
from trigpoint.formats.export.tum import joined, timestamps

Format = Literal["jsonl", "tum", "colmap", "ltvl"]
FORMATS: tuple[Format, ...] = get_args(Format)
_BY_SUFFIX: dict[str, Format] = {".jsonl": "jsonl", ".tum": "tum", ".txt": "tum"}
_COLMAP_FILES = ("cameras.txt", "points3D.txt", "images.txt")
# COLMAP reads these instead of, or together with, the three files above.
_OTHER_COLMAP_FILES = ("cameras.bin", "images.bin", "points3D.bin", "rigs.bin", "frames.bin", "rigs.txt", "frames.txt")


def format_of(path: Path) -> Format:
    """The format that a path asks for: ``.jsonl``; ``.txt`` and ``.tum``; ``colmap`` for a folder or no suffix.

    Pipes and devices get JSON lines, unless their suffix says otherwise.

    Raises:
        OutputError: TP-802.
    """
    if path.suffix.lower() in _BY_SUFFIX:
        return _BY_SUFFIX[path.suffix.lower()]
    if is_stream(path):
        return "jsonl"
    # Not that of pathlib, which raises where a folder above may not be entered: check_outputs says so.
    if not path.suffix or os.path.isdir(path):  # noqa: PTH112
        return "colmap"
    raise OutputError(
        "TP-802",
        f"no format of results has the suffix '{path.suffix}'",
        where=path,
        fix="Use .jsonl, .txt or .tum, a folder for a COLMAP model, or name the format.",
    )


def check_output(path: Path, names: Iterable[str], format: str) -> None:
    """Refuse before the work what ``write_results`` would refuse after it.

    Args:
        path: file, or folder for ``colmap``.
        names: names of the images.
        format: one of ``FORMATS``.

    Raises:
        OutputError: unknown format (TP-802); names that the format cannot hold (TP-803); a folder that already holds
            another COLMAP model, a folder in place of a file or the reverse (TP-804).
    """
    if format not in FORMATS:
        raise OutputError("TP-802", f"unknown format of results '{format}'", where=path, fix=did_you_mean(format, FORMATS))
    if path.exists() and path.is_dir() != (format == "colmap"):
        kind = "a folder, results would be a file" if path.is_dir() else "a file, a COLMAP model is a folder"
        raise OutputError("TP-804", f"this is {kind}", where=path, fix="Give another path.")
    if format == "ltvl":
        _check_names([PurePosixPath(name).name for name in names], "the file for the benchmarks")
    if format != "colmap":
        return
    others = [name for name in _OTHER_COLMAP_FILES if (path / name).exists()]
    if others:
        raise OutputError(
            "TP-804", f"the folder holds another COLMAP model ({others[0]})", where=path, fix="Give a new folder."
        )
    _check_names(names, "COLMAP")


def output_kind(format: Format) -> Kind:
    """What a file or folder of results is to ``check_outputs``."""
    return "folder" if format == "colmap" else "lines" if format == "jsonl" else "text"


def _check_names(names: Iterable[str], holder: str) -> None:
    for name, count in Counter(names).items():
        if count > 1 or not name or re.search(r"\s", name, re.ASCII) or not is_utf8(name):
            problem = "occurs twice" if count > 1 else "is empty, has spaces or is not UTF-8"
            raise OutputError(
                "TP-803",
                f"the image name {problem}: {holder} cannot hold it",
                where=_quoted(name),
                fix="Rename it, or write .jsonl.",
            )


def write_results(path: Path, results: Sequence[Localization], format: str, *, include_rejected: bool = False) -> None:
    """Write results, each file whole or not at all.

    Args:
        path: file, or folder for ``colmap`` (cameras.txt, images.txt and an empty points3D.txt).
        results: localized images.
        format: one of ``FORMATS``. ``jsonl`` has a line with everything for every image; ``tum`` and ``colmap`` have
            the poses that are ``ok``, the other images as comments; ``ltvl`` has the poses that are ``ok``, nothing else.
        include_rejected: whether ``tum``, ``colmap`` and ``ltvl`` also get the poses that are not trusted.

    Raises:
        OutputError: as ``check_output``; a pose without a camera in ``colmap`` (TP-803); unwritable file (TP-801).
    """
    check_output(path, [result.name for result in results], format)
    if format == "jsonl":
        write_text(path, jsonl_text(results))
    elif format == "tum":
        write_text(path, tum_text(results, include_rejected=include_rejected))
    elif format == "ltvl":
        write_text(path, ltvl_text(results, include_rejected=include_rejected))
    else:
        for name, text in zip(_COLMAP_FILES, _colmap_texts(results, include_rejected), strict=True):
            write_text(path / name, text)


def jsonl_text(results: Sequence[Localization], *, ascii_only: bool = False) -> str:
    """One JSON object a line, as ``Localization.to_json``; numbers that are not finite become null.

    Args:
        results: localized images.
        ascii_only: escape all other characters, for a terminal that cannot show them.
    """
    write = partial(json.dumps, allow_nan=False) if ascii_only else _quoted
    return "".join(write(_finite(result.to_json())) + "\n" for result in results)


def tum_text(results: Sequence[Localization], *, include_rejected: bool = False) -> str:
    """A trajectory in TUM format: ``timestamp tx ty tz qx qy qz qw`` a line, ``world_from_cam``.

    The timestamp is the number that is the image's file name if all names are different numbers (lines are then sorted
    by it), else the position in ``results`` from 0. Comments name the image of each timestamp.
    """
    stamps = timestamps([result.name for result in results])
    rows = list(zip(stamps or map(str, range(len(results))), results, strict=True))
    if stamps:
        rows.sort(key=lambda row: float(row[0]))
    meaning = "the number in the image's name" if stamps else "the position in the list of images"
    comments = [
        "timestamp tx ty tz qx qy qz qw",
        f"poses are world_from_cam{_origin(results)}; the timestamp is {meaning}",
        *(f"{stamp} {_summary(result, include_rejected)}" for stamp, result in rows),
    ]
    lines = [f"# {comment}" for comment in comments]
    for stamp, result in rows:
        if is_written(result, include_rejected) and result.cam_from_world is not None:
            world_from_cam = result.cam_from_world.inverse()
            w, x, y, z = world_from_cam.quaternion_wxyz()
            lines.append(f"{stamp} {joined((*world_from_cam.translation, x, y, z, w))}")
    return "\n".join(lines) + "\n"


def ltvl_text(results: Sequence[Localization], *, include_rejected: bool = False) -> str:
    """Poses as the long-term visual localization benchmark takes them: ``image qw qx qy qz tx ty tz``, ``cam_from_world``.

    Images go by their file names without folders.
    """
    lines: list[str] = []
    for result in results:
        pose = result.cam_from_world
        if is_written(result, include_rejected) and pose is not None:
            values = joined((*pose.quaternion_wxyz(), *pose.translation))
            lines.append(f"{PurePosixPath(result.name).name} {values}\n")
    return "".join(lines)


def _colmap_texts(results: Sequence[Localization], include_rejected: bool) -> tuple[str, str, str]:
    """The texts of ``_COLMAP_FILES``."""
    cameras: dict[Camera, int] = {}
    images: list[str] = []
    for result in results:
        if not is_written(result, include_rejected) or result.cam_from_world is None:
            continue
        if result.camera is None:
            raise OutputError("TP-803", "a pose without a camera", where=result.name, fix="Write .jsonl or .txt.")
        camera_id = cameras.setdefault(result.camera, len(cameras) + 1)
        pose = result.cam_from_world
        values = joined((*pose.quaternion_wxyz(), *pose.translation))
        # The empty second line is the list of 2D points.
        images += [f"{len(images) // 2 + 1} {values} {camera_id} {result.name}", ""]
    camera_lines = [
        f"{number} {camera.model} {camera.width} {camera.height} {joined(camera.params)}"
        for camera, number in cameras.items()
    ]
    comments = [
        "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then the line of 2D points (none)",
        f"poses are cam_from_world{_origin(results)}",
        *(_summary(result, include_rejected) for result in results),
    ]
    header = [f"# {comment}" for comment in comments]
    return (
        "\n".join(["# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]", *camera_lines]) + "\n",
        "# POINT3D_ID X Y Z R G B ERROR TRACK[] (none)\n",
        "\n".join([*header, *images]) + "\n",
    )


def is_written(result: Localization, include_rejected: bool) -> bool:
    """Whether there is a pose that files of poses get: a trusted one, or any with ``include_rejected``."""
    return result.cam_from_world is not None and (result.status == OK or include_rejected)


def _summary(result: Localization, include_rejected: bool) -> str:
    """One line about an image; names and reasons are quoted so that no character of theirs can end the line."""
    name = _quoted(result.name)
    if result.status == OK:
        return f"{name} ok"
    pose = "pose written" if is_written(result, include_rejected) else "no pose written"
    return f"{name} {result.status}, {pose}: {_quoted(result.reason)}"


def _origin(results: Sequence[Localization]) -> str:
    maps = sorted({f"{result.map_id} (unit: {result.units})" for result in results})
    return f" of map {_quoted(', '.join(maps))[1:-1]}" if maps else ""


def _quoted(value: Any) -> str:
    """JSON, readable where it can be: file names are not always UTF-8, and may hold what controls a terminal."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if printable(text) == text else json.dumps(value, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in cast(list[Any], value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
