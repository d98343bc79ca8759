"""What to do about an error of the file system: one sentence for each cause, and the error of ours that says it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from trigpoint.core.errors import OutputError

_ADVICE = {
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space, or ask for a larger quota.",
    errno.EFBIG: "Allow larger files: see 'ulimit -f'.",
    errno.EIO: "Check the disk, or the connection to it.",
    errno.EROFS: "The disk is read-only: choose another one.",
    errno.EACCES: "Check the permissions.",
    errno.EPERM: "Check the permissions.",
    errno.EMFILE: "Allow more open files: see 'ulimit -n'.",
    errno.ENFILE: "Close other programs: too many files are open on this machine.",
    errno.ENOMEM: "Free some memory.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def reason_of(error: OSError) -> str:
    """The cause in the system's words, such as ``"No space left on device"``."""
    return error.strerror or str(error) or type(error).__name__


def advice_for(error: OSError) -> str:
    """What to do about it, one sentence."""
    return _ADVICE.get(error.errno or 0, "Check the path, the disk and the permissions.")


def file_error(error: OSError, where: str | Path | None = None, more: str = "") -> OutputError:
    """The error of ours (TP-806) for one of the file system that no reader or writer has explained.

    Args:
        error: what the system said; the file that it names is where.
        where: what the work is about, if it names none.
        more: a sentence after the advice.
    """
    named = error.filename if isinstance(error.filename, (str, bytes, os.PathLike)) else None
    place = where if named is None else os.fsdecode(named)
    fix = f"{advice_for(error)} {more}".rstrip()
    return OutputError("TP-806", f"the system refused to read or write ({reason_of(error)})", where=place, fix=fix)
