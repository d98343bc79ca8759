"""Progress with an estimate of the time left, on the terminal's error stream, for anything longer than two seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from trigpoint.core.terminal import is_quiet, printable

_LOGGER = logging.getLogger(__name__)
# The stage begun last, for whoever has to say where something ended.
_BEGUN: deque[str] = deque(maxlen=1)


class Advance(Protocol):
    """What a stage calls after each step."""

    def __call__(self, done: int = 1, note: str = "") -> None:
        """Report ``done`` more steps; ``note`` is shown behind the bar, such as the current loss."""
        ...


@contextmanager
def progress(title: str, total: int, *, start: int = 0) -> Iterator[Advance]:
    """Show one stage, if the command line runs it.

    On a terminal a bar with elapsed and remaining time; otherwise (log files, CI) a line every 15 seconds.

    Args:
        title: what is being done.
        total: number of steps.
        start: steps that an earlier, interrupted run has done.
    """
    _BEGUN.append(title)
    if is_quiet():
        yield _nothing
    elif sys.stderr.isatty():
        with _bar(printable(title), total, start) as advance:
            yield advance
    else:
        yield _Lines(title, total, start)


def last_stage() -> str:
    """Title of the stage that was begun last; empty if none was."""
    return _BEGUN[-1] if _BEGUN else ""


def _nothing(done: int = 1, note: str = "") -> None:
    return None


@contextmanager
def _bar(title: str, total: int, start: int) -> Iterator[Advance]:
    # Loading rich takes longer than localizing an image, which shows no bar.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        # File names are in titles, and brackets in them are no markup.
        TextColumn("{task.description:<20}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False)) as bars:
        task = bars.add_task(title, total=total, completed=start, note="")

        def advance(done: int = 1, note: str = "") -> None:
            bars.update(task, advance=done, note=note)

        yield advance


class _Lines:
    """Progress as occasional lines."""

    INTERVAL_S = 15.0

    def __init__(self, title: str, total: int, start: int) -> None:
        self.title, self.total, self.start, self.done = title, total, start, start
        self.began = self.last = time.monotonic()

    def __call__(self, done: int = 1, note: str = "") -> None:
        self.done += done
        now = time.monotonic()
        if now - self.last < self.INTERVAL_S and not (self.done == self.total and now - self.began > 2):
            return
        self.last = now
        elapsed_s = now - self.began
        left_s = elapsed_s / max(self.done - self.start, 1) * (self.total - self.done)
        _LOGGER.info(f"{self.title}: {self.done}/{self.total}, {elapsed_s:.0f} s, {left_s:.0f} s left {note}")
