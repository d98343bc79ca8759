"""Runs many seeded cases in a process of its own, each within limits of processor time and memory.

``python -m support.fault_worker KIND FIRST END SECONDS`` runs the cases of a kind (``support.fault_cases.KINDS``) from FIRST
on and says of each how it ended. Whoever reads that starts it again behind a case that ended it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

SECONDS = 5
MEMORY_BYTES = 1 << 30
# Far beyond the limit of processor time, for what waits without computing; cores may be busy with other tests.
WAITING_SECONDS = 120
READY = b"ready"


@dataclass(frozen=True)
class Outcome:
    """How a case ended: ``"ok"``, an error's code, or what went wrong; seconds of processor time; MB that it added."""

    case: int
    how: str
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def failed(self) -> bool:
        return not (self.how == "ok" or self.how.startswith("TP-"))


def run_cases(kind: str, cases: range, seconds: float = SECONDS) -> list[Outcome]:
    """The outcomes of the cases of a kind, in order, each of which may take ``seconds`` of processor time."""
    outcomes: list[Outcome] = []
    first = cases.start
    while first < cases.stop:
        batch = _run_from(kind, first, cases.stop, seconds)
        if batch[-1].failed:
            # A stall of the machine can look like a hang, a case before can have left memory: it must fail alone, too.
            batch[-1] = _run_from(kind, batch[-1].case, batch[-1].case + 1, seconds)[-1]
        outcomes += batch
        first = batch[-1].case + 1
    return outcomes


def failures(outcomes: list[Outcome]) -> str:
    """What went wrong, one line a case, the first twenty."""
    return "\n".join(f"case {outcome.case}: {outcome.how}" for outcome in [o for o in outcomes if o.failed][:20])


def _run_from(kind: str, first: int, end: int, seconds: float) -> list[Outcome]:
    """Outcomes from ``first`` up to ``end`` or the case that ended the process."""
    # Whatever becomes of the process, nothing of its files is left.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _run_in(folder, kind, range(first, end), seconds)


def _run_in(folder: str, kind: str, cases: range, seconds: float) -> list[Outcome]:
    first, end = cases.start, cases.stop
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *(path for path in sys.path if path)])
    environment = {**os.environ, "TMPDIR": folder, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "support.fault_worker", kind, str(first), str(end), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    outcomes: list[Outcome] = []
    try:
        buffer, stdout, ready = b"", process.stdout, False
        assert stdout is not None and process.stderr is not None
        while True:
            if not select.select([stdout], [], [], WAITING_SECONDS)[0]:
                return [*outcomes, Outcome(first + len(outcomes), f"waits for more than {WAITING_SECONDS} s")]
            part = os.read(stdout.fileno(), 1 << 16)
            if not part:
                break
            *lines, buffer = (buffer + part).split(b"\n")
            outcomes += [Outcome(**json.loads(line)) for line in lines if line != READY]
            ready = ready or READY in lines
        status = process.wait()
        if status == 0 and first + len(outcomes) == end:
            return outcomes
        how = f"more than {seconds:g} s of processor time" if status == -signal.SIGPROF else f"ended with {status}"
        text = process.stderr.read().decode(errors="replace").strip().splitlines()
        assert ready, text
        return [*outcomes, Outcome(first + len(outcomes), f"{how} {text[-1] if text else ''}")]
    finally:
        process.kill()
        process.communicate()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(kind: str, first: int, end: int, seconds: float) -> None:
    from support.fault_cases import KINDS

    from trigpoint.core.errors import TrigpointError

    prepare = KINDS[kind]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    run = prepare()
    answers.write(READY.decode() + "\n")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, resource.RLIM_INFINITY))
    # The default of this signal ends the process, wherever it computes.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for case in range(first, end):
        before, start = _peak_mb(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            run(case)
            how = "ok"
        except TrigpointError as error:
            how = error.code if error.fix and len(str(error)) < 5000 else f"without a fix or endless: {str(error)[:300]}"
        except BaseException:
            how = " | ".join(traceback.format_exc().strip().splitlines()[-7:])[-900:]
        signal.setitimer(signal.ITIMER_PROF, 0)
        outcome = {"case": case, "how": how, "seconds": time.process_time() - start, "megabytes": _peak_mb() - before}
        answers.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
