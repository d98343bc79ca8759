"""Opens changed maps in this process, with limits of time and memory, and says what is wrong about how that ends.

    python map_runs.py FOLDER FIRST COUNT

The folder holds maps (``*.trig``) and an image, ``image.jpg``.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

from support.map_mutations import flipped, mutated

from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact
from trigpoint.core.errors import MapFileError, TrigpointError
from trigpoint.localization.localizer import Localizer

MOST_S, MOST_BYTES = 5.0, 1 << 30


def complaints(path: Path, image: Path) -> list[str]:
    """What is wrong about how this file is opened, described and used; nothing if it is refused or works."""
    found: list[str] = []
    start = time.process_time()
    try:
        answer = Localizer.load(path).localize(image)
        json.dumps(answer.to_json(), allow_nan=False)
    except MapFileError as error:
        if not re.fullmatch(r"TP-40\d", error.code) or not error.fix or len(str(error)) > 1000:
            found.append(f"refused in odd words: {str(error)[:300]}")
    except TrigpointError as error:
        # Weights that are not those of this machine, an encoder of another package.
        if error.code[:4] not in ("TP-5", "TP-7"):
            found.append(f"refused late: {str(error)[:300]}")
    except BaseException:
        found.append(traceback.format_exc()[-1500:])
    said, wrong = io.StringIO(), None
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = run(["info", str(path)])
        if code not in (0, 2) or (code == 2 and "error TP-40" not in said.getvalue()):
            wrong = f"info ended with {code}: {said.getvalue()[-300:]}"
    except BaseException:
        wrong = traceback.format_exc()[-1500:]
    if wrong:
        found.append(wrong)
    seconds = time.process_time() - start
    if seconds > MOST_S:
        found.append(f"took {seconds:.1f} s")
    return found


def _overdue(*_: object) -> None:
    raise TimeoutError(f"more than {4 * MOST_S:.0f} s")


def limited() -> None:
    """Let a large allocation fail, and a hang end, in this process."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, used + MOST_BYTES))
    signal.signal(signal.SIGVTALRM, _overdue)


def check(folder: Path, seeds: range) -> list[dict]:
    """Cases that end wrong, by seed."""
    image, file = folder / "image.jpg", folder / "changed.trig"
    maps = sorted(path for path in folder.glob("*.trig") if path != file)
    originals = [(path, read_artifact(path), path.read_bytes()) for path in maps]
    for path in maps:
        # Everything is loaded before memory is limited.
        Localizer.load(path).localize(image)
    limited()
    wrong = []
    for seed in seeds:
        path, artifact, data = originals[seed % len(originals)]
        file.write_bytes(flipped(data, seed) if seed % 8 == 7 else mutated(artifact, seed))
        signal.setitimer(signal.ITIMER_VIRTUAL, 4 * MOST_S)
        found = complaints(file, image)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if found:
            wrong.append({"map": path.name, "seed": seed, "wrong": found})
    return wrong


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    first, count = int(sys.argv[2]), int(sys.argv[3])
    for case in check(Path(sys.argv[1]), range(first, first + count)):
        print(json.dumps(case), flush=True)
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MiB", flush=True)
