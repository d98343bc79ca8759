"""Unpacking of archives of unknown origin: nothing outside the target folder, no links, and all or nothing."""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import stat
import struct
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
    struct.error,
    # What the libraries raise for numbers that nothing can be: times, sizes, dictionaries of gigabytes.
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    RuntimeError,
    ValueError,
)
# Errors of the file system that a name of the archive causes, not the disk.
_NAMES = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ, errno.ELOOP}
MAX_MEMBERS = 500_000
# Images hardly shrink and lists of numbers to a tenth: what becomes this much larger is meant to fill the disk.
MAX_RATIO, _RATIO_FROM_BYTES = 200, 1 << 30
# All names that Linux can open; file systems allow 255 bytes for each part.
MAX_NAME_BYTES, MAX_PART_BYTES = 4000, 255
_MAX_HEADER_BYTES = 1 << 20
_MAX_DIRECTORY_BYTES = 1 << 28
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
        SceneError: a damaged archive; one with links, with names that no file can have or that lead out of it, with
            archives in the archives inside, or that would fill the disk (TP-269).
        DownloadError: no room (TP-901).
        OutputError: something else is at ``folder`` (TP-804); a file cannot be written (TP-801).
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
        raise _refused(archive, f"it is damaged ({_short(error)})") from error
    except OSError as error:
        if error.errno is not None and error.errno not in _NAMES:
            raise OutputError(
                "TP-801", f"the archive cannot be unpacked ({error.strerror})", where=folder, fix="Check the disk."
            ) from error
        raise _refused(archive, f"it has names that no files can have ({_short(error)})") from error
    inner = [path for path in sorted(folder.rglob("*.zip")) if path.is_file()]
    for path in inner:
        if not _CLUTTER & set(path.relative_to(folder).parts):
            if not inner_archives:
                raise _refused(archive, f"it holds an archive ({path.name[:80]}), and is inside another one")
            # Sequences of 7-Scenes: seq-01.zip holds a folder seq-01.
            _unpack_beside(path)


def _unpack_beside(archive: Path) -> None:
    """Replace an archive by what is in it."""
    temporary = archive.with_name(f".{archive.stem[:100]}.unpacking")
    try:
        temporary.mkdir()
        _unpack_into(archive, "zip", temporary, inner_archives=False)
        archive.unlink()
        shutil.copytree(temporary, archive.parent, dirs_exist_ok=True, copy_function=shutil.move)
    except OSError as error:
        raise _refused(archive, f"its files lie where others are ({_short(error)})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unzip(archive: Path, folder: Path) -> None:
    _check_directory(archive)
    with zipfile.ZipFile(archive) as source:
        members = source.infolist()
        if len(members) > MAX_MEMBERS:
            raise _refused(archive, f"it holds {len(members):,} files, more than {MAX_MEMBERS:,}")
        for member in members:
            _check_name(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _refused(archive, f"it holds a link ({member.filename[:80]!r})")
        total = sum(member.file_size for member in members)
        _check_ratio(archive, total)
        require_room(folder, total)
        with progress(f"unpacking {archive.name}"[:40], len(members)) as advance:
            for member in members:
                source.extract(member, folder)
                advance()


def _check_directory(archive: Path) -> None:
    """Refuse a ZIP whose list of files would not fit into memory: zipfile reads it as a whole."""
    with archive.open("rb") as stream:
        stream.seek(max(0, archive.stat().st_size - (1 << 16) - 100))
        tail = stream.read()
    end, end64 = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    sizes = [int.from_bytes(tail[end + 12 : end + 16], "little")] if end >= 0 else []
    sizes += [int.from_bytes(tail[end64 + 40 : end64 + 48], "little")] if end64 >= 0 else []
    if any(_MAX_DIRECTORY_BYTES < size != 0xFFFFFFFF for size in sizes):
        raise _refused(archive, f"its list of files has more than {_MAX_DIRECTORY_BYTES >> 20} MiB")


class _Member(tarfile.TarInfo):
    """A member whose extended headers, which tarfile reads into memory, are not endless."""

    def _proc_member(self, tarfile: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in _CONTENT_TYPES and self.size > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {self.size} bytes")
        return super()._proc_member(tarfile)  # type: ignore[misc]


_CONTENT_TYPES = {*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE}


def _untar(archive: Path, folder: Path) -> None:
    done = total = count = 0
    steps = archive.stat().st_size >> 20
    with (
        archive.open("rb") as stream,
        tarfile.open(fileobj=stream, tarinfo=_Member) as source,
        progress(f"unpacking {archive.name} (MiB)"[:40], steps) as advance,
    ):
        shown = 0
        for member in source:
            _check_name(archive, member.name)
            if not (member.isfile() or member.isdir()):
                raise _refused(archive, f"it holds a link or a device ({member.name[:80]!r})")
            count, total = count + 1, total + member.size
            if count > MAX_MEMBERS:
                raise _refused(archive, f"it holds more than {MAX_MEMBERS:,} files")
            _check_ratio(archive, total)
            if done == 0 or done + member.size > 1 << 28:
                require_room(folder, member.size)
                done = 0
            done += member.size
            # Without its times and rights: a year 10^20 cannot be set, and a folder without rights not be filled.
            source.extract(member, folder, set_attrs=False, filter="data")
            advance((stream.tell() >> 20) - shown)
            shown = stream.tell() >> 20
        _check_end(archive, source, total)


def _check_end(archive: Path, source: tarfile.TarFile, total: int) -> None:
    """tarfile takes a damaged header for the end; behind the end are zeros, and the checksum of a compressed file."""
    if source.fileobj is None:
        return
    source.fileobj.seek(source.offset)
    rest = source.fileobj.read(1 << 20)
    if not rest:
        raise _refused(archive, "it is cut short")
    while rest:
        if rest.strip(b"\0"):
            raise _refused(archive, f"it is damaged (at byte {source.offset})")
        total += len(rest)
        _check_ratio(archive, total)
        rest = source.fileobj.read(1 << 20)


def _check_ratio(archive: Path, unpacked_bytes: int) -> None:
    if unpacked_bytes > max(_RATIO_FROM_BYTES, MAX_RATIO * archive.stat().st_size):
        raise _refused(archive, f"{unpacked_bytes:,} bytes or more come out of {archive.stat().st_size:,}")


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else "") or "\0" in name:
        raise _refused(archive, f"it holds a path that leads out of it ({name[:80]!r})")
    parts = [len(part.encode(errors="surrogateescape")) for part in path.parts]
    if sum(parts) + len(parts) > MAX_NAME_BYTES or max(parts, default=0) > MAX_PART_BYTES:
        raise _refused(archive, f"it holds a name of {len(name)} characters ({name[:40]!r}...)")


def _short(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]


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
