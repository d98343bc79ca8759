"""What is in folders, all of it: one that may not be listed is an error, where ``Path.glob`` and ``rglob`` pass over it."""

from __future__ import annotations

import os
from pathlib import Path

from trigpoint.core.file_errors import file_error


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links to files are followed, those to folders are not; none where it is no folder.

    Raises:
        OutputError: a folder may not be listed, or a file not be asked for (TP-806).
    """

    def refuse(error: OSError) -> None:
        # Others may remove folders meanwhile.
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise error

    try:
        walk = os.walk(folder, onerror=refuse)
        return sorted(path for parent, _, names in walk for name in names if (path := Path(parent, name)).is_file())
    except OSError as error:
        raise file_error(error, folder) from error


def matching(folder: Path, pattern: str) -> list[Path]:
    """What is in a folder itself under names such as ``*.txt``, sorted; nothing where there is no folder.

    Raises:
        OutputError: the folder may not be listed (TP-806).
    """
    try:
        return sorted(item for item in folder.iterdir() if item.match(pattern)) if folder.is_dir() else []
    except OSError as error:
        raise file_error(error, folder) from error
