"""Unpacking of archives of unknown origin: nothing outside the target folder, no links, and all or nothing."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from trigpoint.core.download import require_room
from trigpoint.core.errors import OutputError, SceneError
from trigpoint.core.progress import progress

_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
)
# What some systems add to archives.
_CLUTTER = {"__MACOSX", ".DS_Store"}
# Folders that belong to a layout even where nothing stands beside them.
_LAYOUT = {"sensors", "data", "train", "test", "pgt"}


def unpack(archive: Path, kind: str, folder: Path) -> None:
    """Unpack an archive, archives inside included, and give it the name ``folder`` when it is complete.

    Folders around everything are dropped: ``chess.zip`` with ``chess/seq-01`` becomes ``FOLDER/seq-01``.

    Args:
        archive: the file.
        kind: ``"zip"`` or ``"tar"`` (compressed or not).
        folder: the result; its parent is made.

    Raises:
        SceneError: a damaged archive, or one with links or with paths that lead out of it (TP-269).
        DownloadError: no room (TP-901).
        OutputError: something else is at ``folder`` (TP-804).
    """
    if folder.exists() and not _only_pgt(folder):
        raise OutputError(
            "TP-804", "this folder is already there", where=folder, fix="Remove it, or choose another folder with -o."
        )
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _unpack_into(archive, kind, temporary, inner_archives=True)
        _put(_content(temporary), folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_into(archive: Path, kind: str, folder: Path, *, inner_archives: bool) -> None:
    try:
        (_unzip if kind == "zip" else _untar)(archive, folder)
    except _DAMAGE as error:
        raise _refused(archive, f"it is damaged ({error})") from error
    except (RuntimeError, ValueError) as error:
        raise _refused(archive, str(error)) from error
    for inner in sorted(folder.rglob("*.zip")) if inner_archives else []:
        if not _CLUTTER & set(inner.relative_to(folder).parts):
            # Sequences of 7-Scenes: seq-01.zip holds a folder seq-01.
            _unpack_into(inner, "zip", inner.parent, inner_archives=False)
            inner.unlink()


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        members = source.infolist()
        for member in members:
            _check_name(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _refused(archive, f"it holds a link ({member.filename[:80]})")
        require_room(folder, sum(member.file_size for member in members))
        with progress(f"unpacking {archive.name}"[:40], len(members)) as advance:
            for member in members:
                source.extract(member, folder)
                advance()


def _untar(archive: Path, folder: Path) -> None:
    done = 0
    steps = archive.stat().st_size >> 20
    with (
        archive.open("rb") as stream,
        tarfile.open(fileobj=stream) as source,
        progress(f"unpacking {archive.name} (MiB)"[:40], steps) as advance,
    ):
        shown = 0
        for member in source:
            _check_name(archive, member.name)
            if not (member.isfile() or member.isdir()):
                raise _refused(archive, f"it holds a link or a device ({member.name[:80]})")
            if done == 0 or done + member.size > 1 << 28:
                require_room(folder, member.size)
                done = 0
            done += member.size
            source.extract(member, folder, filter="data")
            advance((stream.tell() >> 20) - shown)
            shown = stream.tell() >> 20
        # The checksum of a compressed file stands behind all that tarfile reads.
        while source.fileobj is not None and source.fileobj.read(1 << 20):
            pass


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else "") or "\0" in name:
        raise _refused(archive, f"it holds a path that leads out of it ({name[:80]})")


def _content(folder: Path) -> Path:
    """The folder that all that matters is in."""
    while True:
        for item in list(folder.iterdir()):
            if item.name in _CLUTTER:
                shutil.rmtree(item) if item.is_dir() else item.unlink()
        items = list(folder.iterdir())
        if len(items) != 1 or not items[0].is_dir() or items[0].name in _LAYOUT:
            return folder
        folder = items[0]


def _only_pgt(folder: Path) -> bool:
    """Whether nothing but pose files that were fetched beside the archive is there."""
    return folder.is_dir() and all("pgt" in item.relative_to(folder).parts for item in folder.rglob("*") if item.is_file())


def _put(content: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        shutil.copytree(folder, content, dirs_exist_ok=True)
        shutil.rmtree(folder)
    content.rename(folder)


def _refused(archive: Path, reason: str) -> SceneError:
    return SceneError(
        "TP-269", f"the archive is not unpacked: {reason}", where=archive, fix="Delete it and fetch it again from its page."
    )
