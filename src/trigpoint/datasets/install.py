"""Installation of data sets of the catalogue, in a layout that the readers know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from trigpoint.core.artifact import sha256_of, write_json
from trigpoint.core.download import fetch
from trigpoint.core.errors import OutputError, SceneError
from trigpoint.datasets.archive import unpack
from trigpoint.datasets.entries import DataSet, RemoteFile
from trigpoint.formats.joint import SUFFIX, JointPart, write_joint

# What was fetched to where; beside the scenes.
RECORD = ".trigpoint-dataset.json"
# Archives of images hardly shrink.
_UNPACKED = {"zip": 1.3, "tar": 1.3, "": 0.0}


def install(
    data_set: DataSet, folder: Path, *, scenes: Sequence[str] = (), licence_accepted: bool = False
) -> list[RemoteFile]:
    """Fetch, verify and unpack; what is already there is left alone. Interrupted, the same call continues.

    Args:
        data_set: of the catalogue.
        folder: where its scenes go.
        scenes: which; all if none is named.
        licence_accepted: whether the user accepts the licence.

    Returns:
        The files that were fetched now.

    Raises:
        SceneError: unknown scene (TP-263); the licence is not accepted (TP-265); a damaged archive (TP-269).
        DownloadError: as ``fetch``.
        OutputError: something else is where a scene should go (TP-804).
    """
    files = data_set.files_of(scenes)
    if data_set.licence.restricted and not licence_accepted:
        raise SceneError(
            "TP-265",
            f"the licence of {data_set.title} must be accepted first: {data_set.licence.text}",
            where=data_set.page,
            fix="Read it, then give --accept-licence.",
        )
    # Archives first: their folders are then whole before single files are added.
    missing = sorted((file for file in files if not is_present(file, folder)), key=lambda file: not file.unpack)
    for file in missing:
        _install_file(file, folder)
    return missing


def put_together(data_set: DataSet, folder: Path) -> Path:
    """Write the joint file of a data set that consists of rooms of others (i7, i12, i19).

    Args:
        data_set: has ``rooms``.
        folder: holds the other data sets, each in a folder of its name; gets ``NAME.joint.json``.

    Returns:
        The joint file.

    Raises:
        OutputError: rooms are missing (TP-830); the file cannot be written (TP-801).
    """
    missing = [room for room in data_set.rooms if not (folder / room).is_dir()]
    if missing:
        sets = dict.fromkeys(room.partition("/")[0] for room in missing)
        raise OutputError(
            "TP-830",
            f"{data_set.title} cannot be put together: {len(missing)} of its {len(data_set.rooms)} rooms are missing, "
            f"such as {missing[0]}",
            where=folder,
            fix="First: " + ", ".join(f"trigpoint datasets get {name} -o {folder}" for name in sets) + ".",
        )
    file = folder / f"{data_set.name}{SUFFIX}"
    scenes = [JointPart(Path(room), "-".join(Path(room).parts[1:])) for room in data_set.rooms]
    write_joint(file, scenes)
    return file


def is_present(file: RemoteFile, folder: Path) -> bool:
    """Whether a file was fetched to the folder earlier and is still there."""
    return file.to.as_posix() in _record(folder) and (folder / file.to).exists()


def present_scenes(data_set: DataSet, folder: Path) -> list[str]:
    """The scenes that are complete in the folder."""
    return [scene for scene in data_set.scenes if all(is_present(file, folder) for file in data_set.files_of([scene]))]


def _install_file(file: RemoteFile, folder: Path) -> None:
    target = folder / file.to
    checked = {"sha256": file.sha256, "size_bytes": file.size_bytes}
    if not file.unpack:
        fetch(file.url, target, **checked)
        _remember(folder, file, sha256_of(target), target.stat().st_size)
        return
    archive = folder / ".downloads" / PurePosixPath(urlparse(file.url).path).name
    if not archive.exists():
        fetch(file.url, archive, **checked, unpacked_factor=_UNPACKED[file.unpack])
    digest, size = sha256_of(archive), archive.stat().st_size
    unpack(archive, file.unpack, target)
    _remember(folder, file, digest, size)
    archive.unlink()
    with suppress(OSError):
        archive.parent.rmdir()


def _record(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        document = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if isinstance(document, dict) and isinstance(document.get("files"), dict):
            return document["files"]
    return {}


def _remember(folder: Path, file: RemoteFile, sha256: str, size_bytes: int) -> None:
    entry = {"url": file.url, "sha256": sha256, "bytes": size_bytes}
    write_json(folder / RECORD, {"version": 1, "files": {**_record(folder), file.to.as_posix(): entry}})
