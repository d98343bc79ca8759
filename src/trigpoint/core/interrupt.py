"""Request to stop, which long stages answer at the next step, after they have saved their state.

The library installs no signal handlers: a program sets ``StopRequest.requested`` from wherever it likes, and the verbs of
the command line turn Ctrl-C and SIGTERM into a request with ``stop_on_signals``.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A stage was stopped on request and has saved its state."""


class StopRequest:
    """Whether somebody asked to stop.

    Attributes:
        requested: set to True, from any thread, to ask.
    """

    def __init__(self) -> None:
        self.requested = False

    def __bool__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a flag; the second one interrupts at once.

    Signals can only be caught in the main thread; elsewhere the flag just stays down.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    # It takes over SIGTERM when it is first imported, so that must not happen later.
    import pycolmap  # noqa: F401

    def on_signal(number: int, frame: FrameType | None) -> None:
        if request.requested:
            raise KeyboardInterrupt
        request.requested = True

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
