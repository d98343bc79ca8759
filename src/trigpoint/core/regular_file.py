"""Files of unknown origin, read up to a bound: never a device or a pipe, which may be endless or wait for ever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; links are followed.

    Raises:
        OSError: as ``open``; a device, pipe or socket (``EINVAL``).
        ValueError: a name that no file can have.
    """
    # Without O_NONBLOCK the opening of a pipe waits until somebody writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a device, a pipe or a socket, not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: as ``open_regular``; more than ``limit_bytes`` (``EFBIG``).
        ValueError: a name that no file can have.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = stream.read(size + 1) if size <= limit_bytes else b""
        if len(data) > size:
            # It grows, or it is one of the system's that say that they have no bytes and go on for ever.
            data += stream.read(limit_bytes + 1 - len(data))
    if size > limit_bytes or len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes >> 20} MiB, the limit for such files")
    return data
