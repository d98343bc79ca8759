"""The work folder beside the output: it keeps finished work of an interrupted run, under a lock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError, SceneError
from trigpoint.core.progress import console


@contextmanager
def work_folder(output: Path) -> Iterator[Path]:
    """The folder ``OUTPUT.work``, locked against a second run with the same output.

    Raises:
        SceneError: the output holds something, or another run is writing it (TP-258).
        OutputError: TP-801.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise SceneError(
            "TP-258", "there is something at the output already", where=output, fix="Remove it, or name another output."
        )
    work = output.with_name(output.name + ".work")
    lock = FileLock(work / "lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise SceneError(
            "TP-258", "another reconstruction is writing there", where=output, fix="Wait for it, or name another output."
        ) from None
    except OSError as error:
        raise OutputError(
            "TP-801", f"the place cannot be written there ({error.strerror})", where=output, fix="Choose another folder."
        ) from error
    try:
        yield work
    finally:
        lock.release()


def continues(path: Path, job: dict[str, Any], fresh: bool) -> bool:
    """Whether the folder of ``path`` holds the beginnings of this very job; it is emptied and marked with it otherwise."""
    if path.exists() and not fresh and path.read_text(encoding="utf-8") == json.dumps(job, indent=2) + "\n":
        return True
    if path.exists():
        console().print(f"Discarding earlier work with other photos or settings in {path.parent}", soft_wrap=True)
    for item in path.parent.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != "lock":
            item.unlink()
    write_json(path, job)
    return False
