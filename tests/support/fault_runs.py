"""Runs of the command line that are disturbed, and what is right after them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support.faults import Faults, errors_for, injected

from trigpoint.cli import run
from trigpoint.core.append_only import AppendOnlyArrays
from trigpoint.core.artifact import remove_leftovers
from trigpoint.core.checkpoint import Checkpoint
from trigpoint.features.cache import _digest

# An error of ours: a code, what is wrong, and a sentence on what to do.
_OUR_ERROR = re.compile(r"error TP-\d{3} .+\. [A-Z'].+", re.DOTALL)
# Wall times, which differ from run to run.
_TIMES = re.compile(rb'"[a-z_]*(seconds|_ms|_s|fps|date|duration|resumed|stages)[a-z_]*": ?(\{[^{}]*\}|[-\d.e+a-z]+)')
_PAGES = (".html", ".md", ".svg")


@dataclass(frozen=True)
class Disturbed:
    """A command that writes into one folder.

    Attributes:
        arguments: of the command line, from the folder that it writes to.
        folder: that it writes to, emptied before each case.
        watched: folders whose files it reads.
        once: whether it is not run again after it is done: it refuses an output that is there, or takes maps as they are.
    """

    arguments: Callable[[Path], list[str]]
    folder: Path
    watched: tuple[Path, ...] = ()
    once: bool = False

    def clean(self) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
        """What the command writes undisturbed, and the calls that it makes."""
        self._empty()
        faults = Faults((self.folder, *self.watched))
        code, said = self._run(faults)
        assert code in (0, 1), said
        return self.written(), faults.calls

    def written(self) -> dict[str, bytes]:
        """The files that are there, without the times that some hold; pages, which say them in words, by name alone."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        contents = {path: b"" if path.suffix in _PAGES else _TIMES.sub(b"", path.read_bytes()) for path in files}
        return {str(path.relative_to(self.folder)): content for path, content in contents.items()}

    def complaints(self, faults: Faults, right: dict[str, bytes]) -> list[str]:
        """What is wrong about a run with these faults and the same command after it; nothing if all is right."""
        self._empty()
        code, said = self._killed(faults) if faults.number is None else self._run(faults)
        found = []
        if code == 0:
            if self.written().keys() - self._allowed(right) or any(self.written().get(n) != right[n] for n in right):
                found.append(f"done, but with other files: {sorted(self.written().keys() ^ right.keys())}")
        elif code is None or code not in (1, 2, -signal.SIGKILL):
            found.append(f"ended with {code}: {said[-2500:]}")
        elif code == 2 and not _OUR_ERROR.search(" ".join(said.split())):
            found.append(f"an error without code, cause and advice: {said[-400:]}")
        if self.once and code == 0:
            return found
        again, words = self._run(None)
        if again not in (0, 1):
            found.append(f"the same command ended with {again}: {words[-2500:]}")
        elif self.written() != right:
            differ = [name for name in {**right, **self.written()} if right.get(name) != self.written().get(name)]
            found.append(f"the same command left other files: {differ}")
        return found

    def _allowed(self, right: dict[str, bytes]) -> set[str]:
        """What may be there beside the right files: a work folder that could not be removed."""
        return {name for name in self.written() if ".work/" in name} | right.keys()

    def _empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def _run(self, faults: Faults | None) -> tuple[int | None, str]:
        """Exit code and standard error; no code if the command ended in a traceback."""
        # What an earlier run of this process remembers, a new process does not.
        _digest.cache_clear()
        remove_leftovers.cache_clear()
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                with injected(faults) if faults is not None else contextlib.nullcontext():
                    return run(self.arguments(self.folder)), said.getvalue()
            except SystemExit as stop:
                return int(stop.code or 0), said.getvalue()
            except BaseException:
                return None, said.getvalue() + traceback.format_exc()

    def _killed(self, faults: Faults) -> tuple[int, str]:
        """As ``_run`` in a process of its own, which may be killed."""
        child = os.fork()
        if child == 0:
            code, _ = self._run(faults)
            os._exit(99 if code is None else code)
        status = os.waitpid(child, 0)[1]
        return os.waitstatus_to_exitcode(status), ""


def drawn(calls: list[tuple[str, str]], seed: int, folders: tuple[Path, ...], *, kill: bool = False) -> Faults:
    """A fault at a random one of these calls; rare kinds of calls are as likely as frequent ones."""
    generator = np.random.default_rng(seed)
    groups: dict[tuple[str, str], list[int]] = {}
    for index, (kind, path) in enumerate(calls):
        groups.setdefault((kind, Path(path).name), []).append(index)
    keys = sorted(groups)
    chosen = groups[keys[generator.integers(len(keys))]]
    at = int(chosen[generator.integers(len(chosen))])
    if kill:
        return Faults(folders, at, None)
    errors = errors_for(calls[at][0])
    return Faults(folders, at, int(errors[generator.integers(len(errors))]), lasting=bool(generator.integers(2)))


def often_saved(monkeypatch) -> None:
    """Save the work after each item and step, so that there is more to be disturbed."""
    monkeypatch.setattr(AppendOnlyArrays, "INTERVAL_S", 0.0)
    monkeypatch.setattr(Checkpoint, "INTERVAL_S", 0.05)


def main() -> None:
    """Campaign: ``python fault_runs.py NAME COUNT [kill]`` prints what is wrong, one JSON line a case."""
    from support.fault_scenarios import scenario

    name, count, kill = sys.argv[1], int(sys.argv[2]), "kill" in sys.argv[3:]
    command = scenario(name, Path(sys.argv[4] if len(sys.argv) > 4 else "/tmp/faults"))
    AppendOnlyArrays.INTERVAL_S, Checkpoint.INTERVAL_S = 0.0, 0.05
    right, calls = command.clean()
    folders = (command.folder, *command.watched)
    print(json.dumps({"scenario": name, "calls": len(calls), "files": sorted(right)}), flush=True)
    for seed in range(count):
        faults = drawn(calls, seed, folders, kill=kill)
        found = command.complaints(faults, right)
        print(
            json.dumps(
                {
                    "seed": seed,
                    "hit": faults.hit,
                    "number": faults.number,
                    "lasting": faults.lasting,
                    "planned": calls[faults.at or 0],
                    "wrong": found,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
