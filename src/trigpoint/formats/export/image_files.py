"""The images of an exported scene: their names, and their files beside the poses."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal

from trigpoint.core.artifact import is_utf8, remove_leftovers
from trigpoint.core.errors import OutputError
from trigpoint.core.file_errors import advice_for, reason_of
from trigpoint.core.output import temporary_beside
from trigpoint.core.progress import progress
from trigpoint.core.scene import Frame

ImageFiles = Literal["copy", "link", "none"]


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears under its name when all of it is written, or not at all.

    Raises:
        OutputError: a file, or a folder that is not empty (TP-824); something cannot be read or written (TP-801).
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        kind = "a folder that is not empty" if path.is_dir() else "a file, a folder will be written"
        raise OutputError("TP-824", f"this is {kind}", where=path, fix="Name a new folder with -o.")
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        # An earlier export of this process may have failed to remove it.
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        if path.exists():
            path.rmdir()
        temporary.rename(path)
    except OSError as error:
        # It may be an image that cannot be read.
        where = error.filename or path
        raise OutputError(
            "TP-801", f"the folder cannot be written ({reason_of(error)})", where=where, fix=advice_for(error)
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_paths(names: Iterable[str], holder: str, *, unfit: str = r"[\0]") -> None:
    """Refuse image names that are no plain path below a folder, or have characters that the format has no way to write.

    Args:
        names: the images.
        holder: what to call the format.
        unfit: pattern of what it cannot hold.

    Raises:
        OutputError: TP-822.
    """
    for name in names:
        parts = PurePosixPath(name)
        plain = name and not parts.is_absolute() and ".." not in parts.parts and parts.as_posix() == name
        if not plain or re.search(unfit, name) or not is_utf8(name):
            problem = "has characters that do not fit there" if plain else "is no path below the folder of the scene"
            raise _cannot_hold(holder, name, problem)


def check_file_names(names: Iterable[str], holder: str) -> None:
    """Refuse images that a list of bare file names, split at spaces, cannot tell apart.

    Raises:
        OutputError: TP-822.
    """
    for name, count in Counter(PurePosixPath(name).name for name in names).items():
        if count > 1 or not name or re.search(r"\s", name) or not is_utf8(name):
            problem = f"occurs {count} times in different folders" if count > 1 else "is empty, has spaces or is not UTF-8"
            raise _cannot_hold(holder, name, problem)


def put_image_files(frames: Sequence[Frame], folder: Path, how: ImageFiles) -> None:
    """Put the image files below a folder, under the names of the frames.

    Args:
        frames: the images.
        folder: exists.
        how: ``"copy"``, ``"link"`` (symbolic links to where they are) or ``"none"``.
    """
    if how == "none":
        return
    with progress("Copying images" if how == "copy" else "Linking images", len(frames)) as advance:
        for frame in frames:
            target = folder / frame.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if how == "copy":
                shutil.copyfile(frame.image_path, target)
            else:
                target.symlink_to(frame.image_path.resolve())
            advance()


def _cannot_hold(holder: str, name: str, problem: str) -> OutputError:
    return OutputError(
        "TP-822",
        f"{holder} cannot hold the image name {name!a}: it {problem}",
        where=ascii(name)[1:-1],
        fix="Rename the image, or export to json.",
    )
