"""Request to stop, which long stages answer at the next step, after they have saved their state.

The library installs no signal handlers: a program sets ``StopRequest.requested`` from wherever it likes, and the verbs of
the command line turn Ctrl-C and SIGTERM into a request with ``stop_on_signals``, or else into a KeyboardInterrupt with
``signals_interrupt``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType
from typing import Any

STOPPED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Handler = Callable[[int, FrameType | None], None]


class Interrupted(KeyboardInterrupt):
    """A stage was stopped on request and has saved its state. Its text, if any, says what was kept."""


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
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as Ctrl-C does; in the main thread, elsewhere signals cannot be caught."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(on_signal, (signal.SIGTERM,)):
        yield


@contextmanager
def stop_on_signals(grace_s: float | None = None) -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a flag; the second one interrupts at once.

    Signals can only be caught in the main thread; elsewhere the flag just stays down.

    Args:
        grace_s: seconds after a signal when the process ends even if nobody has looked at the flag, as in a long call of a
            library. Only for work whose results are safe at any moment. None: never.
    """
    request = StopRequest()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if request.requested:
            raise KeyboardInterrupt
        request.requested = True

    with _handled(on_signal, _SIGNALS), _ended_after(grace_s):
        yield request


@contextmanager
def _handled(handler: _Handler, numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Install a handler for some signals, and keep it while pycolmap is imported."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    keeper = _HandlerKeeper()
    if "pycolmap" not in sys.modules:
        sys.meta_path.insert(0, keeper)
    try:
        yield
    finally:
        if keeper in sys.meta_path:
            sys.meta_path.remove(keeper)
        for number, old in previous.items():
            signal.signal(number, old)


class _HandlerKeeper(MetaPathFinder):
    """Gives the signals back to us after pycolmap was imported.

    Its logging library takes over SIGTERM when it is loaded, behind the back of Python: it would print a stack trace, and
    sometimes wait for a lock forever. Verbs that can do without pycolmap import it late or never, as it takes 0.2 s.
    """

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "pycolmap":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            load = loader.exec_module

            def load_and_take_back(module: ModuleType) -> None:
                load(module)
                if threading.current_thread() is threading.main_thread():
                    for number in _SIGNALS:
                        # Python still knows its handler, and now the operating system does, too.
                        signal.signal(number, signal.getsignal(number))

            loader.exec_module = load_and_take_back
        return spec


@contextmanager
def _ended_after(grace_s: float | None) -> Iterator[None]:
    """End the process some seconds after a signal, unless the block ends before."""
    if grace_s is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    # Handlers of Python wait for the end of a call into a library; the numbers of signals arrive in this pipe at once.
    signals, sender = os.pipe()
    os.set_blocking(sender, False)
    done = threading.Event()

    def watch() -> None:
        while number := os.read(signals, 1):
            if number[0] in _SIGNALS and not done.wait(grace_s):
                sys.stderr.write(
                    f"Stopped after {grace_s:.0f} s of waiting for the image at work. What was written stays.\n"
                )
                os._exit(STOPPED)

    watcher = threading.Thread(target=watch, name="stop", daemon=True)
    previous = signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(previous)
        os.close(sender)
        watcher.join()
        os.close(signals)
