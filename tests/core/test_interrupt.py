"""Signals: the first is a request, libraries do not take them over, and a call that does not return is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from trigpoint.core.interrupt import signals_interrupt, stop_on_signals

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def started_in_the_foreground():
    """A process that a shell starts in the background ignores SIGINT, and so do its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_a_request_and_the_second_interrupts(number):
    with stop_on_signals() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def ended(script):
    """A process that ran a script."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("context", ["signals_interrupt()", "stop_on_signals()"])
def test_pycolmap_does_not_take_over_the_signals(context):
    done = ended(
        "import os, signal\n"
        "from trigpoint.core.interrupt import signals_interrupt, stop_on_signals\n"
        f"with {context} as stop:\n"
        "    import pycolmap\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        print('asked', bool(stop))\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
        "    pycolmap.Camera()\n"
    )
    expected = "asked True\n" if "stop" in context else "interrupted\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_a_call_that_does_not_return_is_ended():
    # A handler of Python is not called before the lock is released, which the sleeping of this library call never does.
    done = ended(
        "import ctypes, os, signal, threading\n"
        "from trigpoint.core.interrupt import stop_on_signals\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()\n"
        "with stop_on_signals(grace_s=0.2):\n"
        "    print('begun', flush=True)\n"
        "    for _ in range(5):\n"
        "        ctypes.CDLL(None).sleep(100)\n"
        "print('never')\n"
    )
    assert (done.returncode, done.stdout) == (130, "begun\n")
    assert done.stderr.startswith("Stopped")
