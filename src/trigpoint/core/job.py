"""A resumable job: one output, made in stages in a locked work folder, which an interrupted run leaves to the next.

Maps, aggregators and reconstructions are made by such jobs. The work folder ``OUTPUT.work`` holds ``job.json``, the record
of all that the result depends on. A run whose record is the same continues from the files of the folder; with another record
the folder is emptied first.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import MapFileError, OutputError, TrigpointError
from trigpoint.core.file_errors import advice_for, file_error, reason_of
from trigpoint.core.interrupt import StopRequest
from trigpoint.core.output import is_stream
from trigpoint.core.stage_times import StageTimes

_LOGGER = logging.getLogger(__name__)
_LOCK, _RECORD = "lock", "job.json"
# The code of a file that cannot be read, be it whole or not.
_UNREADABLE = "TP-401"


@dataclass(frozen=True)
class JobControl:
    """How a job runs, without effect on its result.

    Attributes:
        fresh: discard the work of an interrupted run instead of continuing it.
        stop: request to stop; answered with ``Interrupted`` after the next image or step, when the work is saved.
    """

    fresh: bool = False
    stop: StopRequest = field(default_factory=StopRequest)


@dataclass(eq=False)
class Job:
    """A run of a job.

    Attributes:
        output: file or folder that it makes.
        folder: work folder.
        control: how it runs.
        times: wall time of its stages in this run.
        resumed: whether it continues an interrupted run; known after ``begin``.
    """

    output: Path
    folder: Path
    control: JobControl
    times: StageTimes = field(default_factory=StageTimes)
    resumed: bool = False

    @property
    def stop(self) -> StopRequest:
        """The request to stop."""
        return self.control.stop

    def begin(self, record: dict[str, Any]) -> bool:
        """Continue the work in the folder if it is of this job, or else empty the folder and mark it with the record.

        Args:
            record: all that the result depends on, as JSON.

        Returns:
            Whether an interrupted run is continued.
        """
        path = self.folder / _RECORD
        record = json.loads(json.dumps(record))
        present = path.exists()
        self.resumed = present and not self.control.fresh and _recorded(path) == record
        if self.resumed:
            return True
        if present:
            _LOGGER.info("Discarding the work of an interrupted run with other images or settings in %s", self.folder)
            # First of all, so that a kill in between leaves nothing that looks like the beginnings of a job.
            path.unlink()
        for item in self.folder.iterdir():
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            elif item.name != _LOCK:
                item.unlink()
        write_json(path, record)
        return False

    def publish(self, path: Path) -> None:
        """Give the finished file or folder, made inside the work folder, the name of the output.

        One rename: a kill at any moment leaves the old output or the whole new one.
        """
        path.replace(self.output)


def _recorded(path: Path) -> Any:
    """What the record says, or None if it is damaged, which is a record of another job."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def work_path(output: Path) -> Path:
    """``OUTPUT.work``."""
    return output.with_name(output.name + ".work")


@contextmanager
def open_job(output: Path, control: JobControl, busy: TrigpointError) -> Iterator[Job]:
    """A job in the locked folder ``OUTPUT.work``, which is removed when the block succeeds and stays when it raises.

    What cannot be removed after the output is finished is named in a warning; the next job with this output removes it.

    Args:
        output: file or folder that the job makes.
        control: how it runs.
        busy: raised if another run holds the lock.

    Raises:
        OutputError: nothing can be written there (TP-801), or a file could not be read or written in the block (TP-806); a
            device or a pipe, which must not be replaced (TP-804).
        MapFileError: a file of the work folder cannot be read or is damaged (TP-401 to TP-403).
    """
    if is_stream(output):
        raise OutputError("TP-804", "this is a device or a pipe", where=output, fix="Name a file or folder on a disk.")
    folder = work_path(output)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as error:
        raise OutputError(
            "TP-801", f"nothing can be written there ({reason_of(error)})", where=output, fix=advice_for(error)
        ) from error
    try:
        with _explained(output, folder):
            yield Job(output, folder, control)
        _tidy_up(folder)
    finally:
        _release(lock)


@contextmanager
def _explained(output: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise file_error(error, output, "The same command continues.") from error
    except MapFileError as error:
        if error.where is None or folder not in Path(error.where).parents or error.code == _UNREADABLE:
            raise
        # A damaged file of the work is nothing that a user has copied or built.
        fix = "Give --fresh to discard the work of the interrupted run."
        raise MapFileError(error.code, error.what, where=error.where, fix=fix) from error


def _tidy_up(folder: Path) -> None:
    try:
        # Under the lock, and the record first: what a kill leaves of the rest is never taken for the beginnings of a job.
        (folder / _RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except OSError as error:
        _LOGGER.warning("The output is finished, but its work folder stays (%s): remove %s", reason_of(error), folder)


def _release(lock: FileLock) -> None:
    # The lock ends with the process in any case.
    with suppress(OSError):
        lock.release()
