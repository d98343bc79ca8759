"""The work folder beside an output: it keeps what an interrupted run has done, under a lock."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError, TrigpointError

_LOGGER = logging.getLogger(__name__)

JOB = "job.json"


def work_path(output: Path) -> Path:
    """``OUTPUT.work``."""
    return output.with_name(output.name + ".work")


@contextmanager
def work_folder(output: Path, busy: TrigpointError) -> Iterator[Path]:
    """The folder ``OUTPUT.work``, locked against a second run with the same output, and removed when the run succeeds.

    Args:
        output: file or folder that the run makes.
        busy: raised if another run holds the lock.

    Raises:
        OutputError: nothing can be written there (TP-801).
    """
    work = work_path(output)
    lock = FileLock(work / "lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as error:
        raise OutputError(
            "TP-801", f"nothing can be written there ({error.strerror})", where=output, fix="Choose another folder."
        ) from error
    try:
        yield work
        # Under the lock, and the mark first: what a kill leaves of the others is never taken for the beginnings of a run.
        (work / JOB).unlink(missing_ok=True)
        shutil.rmtree(work)
    finally:
        lock.release()


def continues(work: Path, job: dict[str, Any], fresh: bool) -> bool:
    """Whether the folder holds the beginnings of this very job; otherwise it is emptied, and marked with the job.

    Args:
        work: the locked work folder.
        job: all that the result depends on, as JSON.
        fresh: empty it in any case.
    """
    path = work / JOB
    if path.exists() and not fresh and json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(job)):
        return True
    if path.exists():
        _LOGGER.info(f"Discarding the work of an interrupted run with other images or settings in {work}")
        path.unlink()
    for item in work.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != "lock":
            item.unlink()
    write_json(path, job)
    return False
