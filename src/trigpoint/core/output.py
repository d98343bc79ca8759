"""Where results may be written: asked before the work, so that nothing is computed for an output that cannot be written.

Pipes, terminals and standard output are written to. Other devices are refused; nothing but a regular file is ever replaced.
"""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from trigpoint.core.errors import OutputError
from trigpoint.core.file_errors import advice_for, reason_of

Kind = Literal["text", "json", "lines", "tensors", "folder", "new folder"]
TEMPORARY = ".tmp"
# One block of nearly every file system: a full one refuses it.
_PROBE = bytes(4096)
_LARGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Planned:
    """An output that a program is asked for.

    Attributes:
        path: where; None: none is wanted.
        kind: ``text``: a file that is written whole, or a stream; ``json``: the same, over nothing but older JSON;
            ``lines``: a file that grows, or a stream; ``tensors``: a map or another tensor file, over nothing but an older
            one; ``folder``: one to write into; ``new folder``: one that will be made beside and renamed.
    """

    path: Path | None
    kind: Kind


def check_outputs(outputs: Sequence[Planned], inputs: Sequence[Path] = ()) -> None:
    """Refuse outputs that cannot be written, before the work. Nothing is left behind, and no file is touched.

    Args:
        outputs: all that will be written.
        inputs: files that will be read, which no output may replace.

    Raises:
        OutputError: nothing can be written there (TP-801); a folder in place of a file, a device, a file of something else,
            an input, or the same file twice (TP-804); a file in place of a folder, or one that is not empty (TP-824).
    """
    taken = {os.path.realpath(path): "this is an input, which would be lost" for path in inputs}
    for output in outputs:
        if output.path is None:
            continue
        try:
            _check(output.path, output.kind)
        except OSError as error:
            raise OutputError(
                "TP-801",
                f"nothing can be written there ({reason_of(error)})",
                where=output.path,
                fix=f"{advice_for(error)} Or choose another folder.",
            ) from error
        place = os.path.realpath(output.path)
        if place in taken and not is_stream(output.path):
            raise OutputError("TP-804", taken[place], where=output.path, fix="Give another path.")
        taken[place] = "two outputs have this path"


def temporary_beside(path: Path) -> Path:
    """The file that becomes ``path`` when it is whole: its name tells the machine and the process that write it."""
    return path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}{TEMPORARY}")


def is_stream(path: Path) -> bool:
    """Whether a path is no place for a file: a pipe, a device, or a descriptor of this process such as ``/dev/stdout``."""
    if _descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def open_stream(path: Path) -> BinaryIO:
    """A pipe, terminal or descriptor of this process, to write to; raises OSError."""
    number = _descriptor(path)
    if number is None:
        return path.open("wb")
    # What was printed before comes before.
    sys.stdout.flush()
    return os.fdopen(os.dup(number), "wb")


def _descriptor(path: Path) -> int | None:
    """The number of a descriptor of this process that a path names, over however many links."""
    own = f"/proc/{os.getpid()}/fd"
    for _ in range(40):
        # Those of os.path say no where those of pathlib raise.
        if not os.path.islink(path):  # noqa: PTH114
            return None
        if path.name.isdigit() and os.path.realpath(path.parent) == own:
            return int(path.name)
        path = path.parent / path.readlink()
    return None


def _check(path: Path, kind: str) -> None:
    if is_stream(path):
        _check_stream(path, kind)
    elif kind in ("folder", "new folder"):
        if path.exists() and not path.is_dir():
            raise _taken(path, "this is a file, a folder is needed", "Name a folder.", code="TP-824")
        if kind == "new folder" and path.exists() and any(path.iterdir()):
            raise _taken(path, "this folder is not empty", "Name a new folder, or remove it.", code="TP-824")
        if kind == "folder" and path.exists():
            _probe(temporary_beside(path / "probe"))
        else:
            _probe(temporary_beside(path))
    else:
        if path.is_dir():
            raise _taken(path, "this is a folder, a file is needed", "Name a file.")
        _check_content(path, kind)
        if kind == "lines" and path.exists():
            with path.open("r+b"):
                return
        _probe(temporary_beside(path))


def _check_stream(path: Path, kind: str) -> None:
    mode = path.stat().st_mode
    if kind not in ("text", "json", "lines"):
        raise _taken(path, "this is a device or a pipe", "Name a file or folder on a disk.")
    is_ours = _descriptor(path) is not None and not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode))
    if not (is_ours or stat.S_ISFIFO(mode) or _is_terminal(path, mode)):
        raise _taken(path, "this is a device that holds no results", "Name a file, or a pipe.")


def _is_terminal(path: Path, mode: int) -> bool:
    """Whether it is a terminal, or the device that swallows everything."""
    if not stat.S_ISCHR(mode):
        return False
    if path.stat().st_rdev == Path(os.devnull).stat().st_rdev:
        return True
    number = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(number)
    finally:
        os.close(number)


def _check_content(path: Path, kind: str) -> None:
    """Refuse to replace what somebody else has made."""
    if kind not in ("json", "tensors") or not path.exists():
        return
    with path.open("rb") as stream:
        head = stream.read(9)
        size = min(int.from_bytes(head[:8], "little"), _LARGEST_HEADER)
        is_ours = head[:1] in (b"{", b"[") if kind == "json" else b"trigpoint" in stream.read(size)
    if head and not is_ours:
        wanted = "JSON" if kind == "json" else "a file of trigpoint"
        raise _taken(path, f"there is a file that is not {wanted}", "Give another path, or remove it.")


def _probe(path: Path) -> None:
    """Write a file and remove it, the folders that it needed included."""
    made: list[Path] = []
    folder = path.parent
    while not folder.exists():
        made.append(folder)
        folder = folder.parent
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.write(_PROBE)
    finally:
        with suppress(OSError):
            path.unlink()
        for folder in made:
            # Another process may have begun to use it.
            with suppress(OSError):
                folder.rmdir()


def _taken(path: Path, what: str, fix: str, *, code: str = "TP-804") -> OutputError:
    return OutputError(code, what, where=path, fix=fix)
