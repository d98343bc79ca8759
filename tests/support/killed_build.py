"""Runs the command line in a process that kills itself, or dawdles, at a chosen moment of a build.

    python killed_build.py MOMENT map SCENE -o MAP ...

The kill is SIGKILL: nothing is flushed, closed or tidied up. The moments are in ``MOMENTS``. With ``slow`` the process works
as usual, only with pauses, so that a test can send signals to it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from trigpoint.cli import main
from trigpoint.core import job
from trigpoint.core.append_only import AppendOnlyArrays
from trigpoint.core.checkpoint import Checkpoint
from trigpoint.mapping.optimizer import Optimizer

LANDMARKS = "while the landmarks are written"
PCA = "while features for the PCA are extracted"
ROUNDS = ("in the second of three rounds", "between two rounds")
# At which call of what the process dies; of Path.replace and Path.mkdir only calls for names that end so count.
MOMENTS = {
    "between two views of an image": (AppendOnlyArrays, "append", 8, ""),
    "in the middle of the training": (Optimizer, "step", 41, ""),
    "while a checkpoint is written": (Path, "replace", 3, "training.safetensors"),
    "before the map gets its name": (Path, "replace", 1, "kitchen.trig"),
    "in the second of three rounds": (Optimizer, "step", 29, ""),
    "between two rounds": (Path, "mkdir", 1, "round2"),
    PCA: (Path, "replace", 4, ".features"),
    LANDMARKS: (Path, "replace", 1, "tracks.safetensors"),
    "while the work is removed": (job.shutil, "rmtree", 1, ""),
}


def _die_at(owner: object, name: str, count: int, target: str) -> None:
    original, calls = getattr(owner, name), 0

    def replacement(*arguments, **named):
        nonlocal calls
        calls += not target or Path(arguments[-1]).name.endswith(target)
        if calls == count:
            _leave_parts(name, arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(owner, name, replacement)


def _leave_parts(name: str, arguments: tuple) -> None:
    """A folder whose removal is killed has lost some of its files."""
    if name == "rmtree":
        for lost in ("training.safetensors", "descriptors.bin"):
            (Path(arguments[0]) / lost).unlink()


def _dawdle() -> None:
    original = Optimizer.step

    def replacement(optimizer: Optimizer, step: int) -> None:
        time.sleep(0.06)
        original(optimizer, step)

    Optimizer.step = replacement


if __name__ == "__main__":
    moment = sys.argv[1]
    AppendOnlyArrays.INTERVAL_S = 0.0
    Checkpoint.INTERVAL_S = 0.02
    if moment == "slow":
        _dawdle()
    else:
        _die_at(*MOMENTS[moment])
    main(sys.argv[2:])
