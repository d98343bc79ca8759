"""Progress with an estimate of the time left, on the terminal's error stream, for anything longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Advance(Protocol):
    """What a stage calls after each step."""

    def __call__(self, done: int = 1, note: str = "") -> None:
        """Report ``done`` more steps; ``note`` is shown behind the bar, such as the current loss."""
        ...


_quiet = False


def set_quiet(quiet: bool) -> None:
    """Switch all progress output off or on."""
    global _quiet
    _quiet = quiet


def error_console() -> Console:
    """The console for errors, which ``set_quiet`` does not silence: standard error."""
    return Console(stderr=True, highlight=False)


def console() -> Console:
    """The console for messages that are not results: standard error, so that results can be piped."""
    return Console(stderr=True, quiet=_quiet, highlight=False)


@contextmanager
def progress(title: str, total: int, *, start: int = 0) -> Iterator[Advance]:
    """Show one stage.

    On a terminal a bar with elapsed and remaining time; otherwise (log files, CI) a line every 15 seconds.

    Args:
        title: what is being done.
        total: number of steps.
        start: steps that an earlier, interrupted run has done.
    """
    if _quiet:
        yield _nothing
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console()) as bars:
            task = bars.add_task(title, total=total, completed=start, note="")

            def advance(done: int = 1, note: str = "") -> None:
                bars.update(task, advance=done, note=note)

            yield advance
    else:
        yield _Lines(title, total, start)


def _nothing(done: int = 1, note: str = "") -> None:
    return None


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
        left_s = (now - self.began) / max(self.done - self.start, 1) * (self.total - self.done)
        console().print(f"{self.title}: {self.done}/{self.total}, {now - self.began:.0f} s, {left_s:.0f} s left {note}")
