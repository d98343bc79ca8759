"""Faults of the file system, injected into this process at the k-th call that touches a file under some folders.

Calls are counted in the order in which they happen: opening, reading, writing, renaming, removing, making folders, flushing
to disk, asking for sizes, listing, mapping into memory. Streams are real streams over a raw file that fails, so what is
buffered fails where it does on a full disk: on writing, flushing or closing.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

# The functions of os that take a path, an open file, or both.
_OF_PATHS = ("stat", "lstat", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "scandir", "listdir", "truncate")
_OF_PATHS += ("link", "symlink", "open", "fsync", "utime", "readlink")
_WRITES = {"write", "mkdir", "replace", "rename", "fsync", "truncate", "link", "symlink", "open for writing"}
_ERRORS = (errno.EIO, errno.EACCES, errno.EMFILE)


@dataclass
class Faults:
    """What goes wrong, and what was done.

    Attributes:
        folders: folders and files; only calls for them and for what lies under them count.
        at: number of the call, from 0, that fails; None: none.
        number: of the error, as in errno, or None for a process that is killed there, in the middle of what it writes.
        lasting: whether later calls of the same kind fail, too; those that write, if the disk is full.
        calls: (kind, path) of each call so far.
    """

    folders: tuple[Path, ...]
    at: int | None = None
    number: int | None = errno.EIO
    lasting: bool = False
    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def hit(self) -> tuple[str, str] | None:
        """The call that failed, or None."""
        return self.calls[self.at] if self.at is not None and self.at < len(self.calls) else None

    def covers(self, path: str) -> bool:
        """Whether calls for this path count."""
        return any(path == str(folder) or path.startswith(f"{folder}/") for folder in self.folders)

    def call(self, kind: str, path: str) -> bool:
        """Count a call; whether it fails."""
        if not self.covers(path):
            return False
        self.calls.append((kind, path))
        if self.at is None or len(self.calls) <= self.at:
            return False
        first = len(self.calls) - 1 == self.at
        kinds = _WRITES if self.number == errno.ENOSPC else {self.calls[self.at][0]}
        return first or (self.lasting and kind in kinds)

    def fail(self, path: str) -> None:
        """Raise the error, or die."""
        if self.number is None:
            os.kill(os.getpid(), signal.SIGKILL)
        assert self.number is not None
        raise OSError(self.number, os.strerror(self.number), path)


def errors_for(kind: str) -> tuple[int, ...]:
    """The errors that a kind of call can fail with."""
    return (*_ERRORS, errno.ENOSPC) if kind in _WRITES else _ERRORS


class _RawFile(io.FileIO):
    def __init__(self, file: str | int, path: str, mode: str, faults: Faults, opener: Any = None) -> None:
        super().__init__(file, mode, opener=opener)
        self.faults, self.path = faults, path

    def _checked(self, kind: str) -> None:
        if self.faults.call(kind, self.path):
            self.faults.fail(self.path)

    def readinto(self, buffer: Any) -> int | None:
        self._checked("read")
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._checked("read")
        return super().readall()

    def read(self, size: int | None = -1) -> bytes | None:
        self._checked("read")
        return super().read(-1 if size is None else size)

    def write(self, data: Any) -> int | None:
        if self.faults.call("write", self.path):
            # A disk that becomes full, or a process that is killed, leaves a part.
            view = memoryview(data).cast("B")
            super().write(view[: len(view) // 2])
            self.faults.fail(self.path)
        return super().write(data)


def _opening(faults: Faults, original: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **named: Any) -> Any:
        path = _path_of_descriptor(file) if isinstance(file, int) else _absolute(file)
        writing = any(letter in mode for letter in "wax+")
        if path is None or not faults.covers(path) or not named.get("closefd", True):
            return original(file, mode, buffering, *arguments, **named)
        if not isinstance(file, int) and faults.call("open for writing" if writing else "open", path):
            faults.fail(path)
        raw = _RawFile(
            file if isinstance(file, int) else path,
            path,
            mode.replace("b", "").replace("t", ""),
            faults,
            named.pop("opener", None),
        )
        if buffering == 0:
            return raw
        if "+" in mode:
            stream: Any = io.BufferedRandom(raw)
        else:
            stream = io.BufferedWriter(raw) if writing else io.BufferedReader(cast(Any, raw))
        if "b" in mode:
            return stream
        return io.TextIOWrapper(stream, *arguments, **{key: value for key, value in named.items() if key != "closefd"})

    return opened


def _calling(faults: Faults, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        path = _path_of(arguments, named)
        if path is not None and faults.call(kind, path):
            faults.fail(path)
        return original(*arguments, **named)

    return called


def _path_of(arguments: tuple[Any, ...], named: dict[str, Any]) -> str | None:
    first = arguments[0] if arguments else None
    if isinstance(first, int):
        return _path_of_descriptor(first)
    if not isinstance(first, (str, bytes, os.PathLike)):
        return None
    parent = named.get("dir_fd")
    if parent is None:
        return _absolute(first)
    folder = _path_of_descriptor(parent)
    return None if folder is None else f"{folder}/{os.fsdecode(first)}"


def _absolute(file: Any) -> str:
    return os.path.abspath(os.fsdecode(file))  # noqa: PTH100


def _path_of_descriptor(descriptor: int) -> str | None:
    try:
        return _READLINK(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None


_READLINK = os.readlink


@contextmanager
def injected(faults: Faults) -> Iterator[Faults]:
    """Let the calls of this process fail as described."""
    saved: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        saved.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    opened = _opening(faults, io.open)
    replace(io, "open", opened)
    replace(builtins, "open", opened)
    for name in _OF_PATHS:
        replace(os, name, _calling(faults, name, getattr(os, name)))
    replace(mmap, "mmap", _calling(faults, "mmap", mmap.mmap))
    # shutil compares os.unlink and others with what it found when it was imported; with other functions it works on names.
    try:
        yield faults
    finally:
        for owner, name, value in reversed(saved):
            setattr(owner, name, value)
