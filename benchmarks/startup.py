"""Time of ``trigpoint localize`` for one image, from the shell to the answer, beside that of importing torch alone.

    python benchmarks/startup.py MAP IMAGE [--runs 9] [--camera 525]

Runs of both commands take turns, so that a busy moment of the machine meets both. CPU time is shown beside wall-clock time:
on a machine with other work it tells more.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run both commands and print the smallest and the median time of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--camera", help="intrinsics; otherwise they come from EXIF, or the focal length is estimated")
    options = parser.parse_args()
    words = [str(options.map), str(options.image), "--quiet", *(["--camera", options.camera] if options.camera else [])]
    commands = {
        "import torch": [sys.executable, "-c", "import torch"],
        "trigpoint localize": [sys.executable, "-m", "trigpoint", "localize", *words],
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            times[name].append(measure(command))
    for name, runs in times.items():
        wall_s, cpu_s = zip(*runs, strict=True)
        print(
            f"{name}: {min(wall_s):.2f} s, median {statistics.median(wall_s):.2f} s; "
            f"CPU {min(cpu_s):.2f} s, median {statistics.median(cpu_s):.2f} s"
        )


def measure(command: list[str]) -> tuple[float, float]:
    """Wall-clock and CPU time of a command, s, all threads together."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # 1: the image was not localized, which takes as long.
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
