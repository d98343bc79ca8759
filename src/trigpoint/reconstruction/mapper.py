"""Runs COLMAP's mappers in a process of their own, so that Ctrl-C ends them at once and a crash there is an error here."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.reconstruction.options import ReconstructionOptions

_LOGGER = logging.getLogger(__name__)

_POLL_S = 0.1
# What the global mapper writes to its log at the beginning of each of its steps.
_STEPS = (
    ("re-estimating relative poses", "finding focal lengths"),
    ("running rotation averaging", "turning the cameras"),
    ("running global positioning", "positioning the cameras"),
    ("running iterative bundle adjustment", "refining"),
    ("running iterative retriangulation", "adding points"),
)


def run_mapper(mapper: str, work: Path, images: int, options: ReconstructionOptions, stop: StopRequest) -> list[Path]:
    """Run the global or incremental mapper on ``work/database.db``.

    Args:
        mapper: ``"global"`` or ``"incremental"``.
        work: work folder; the models are written below ``MAPPER`` in it, and what COLMAP says to ``MAPPER.log``.
        images: number of images in the database.
        options: seed and threads.
        stop: asked ten times a second.

    Returns:
        Folders of the models, of which there may be none.

    Raises:
        SceneError: the mapper crashed (TP-255).
        Interrupted: on request; the mapper begins anew next time.
    """
    output = work / mapper
    output.mkdir(exist_ok=True)
    log = work / f"{mapper}.log"
    arguments = [mapper, work / "database.db", output, options.colmap_seed(mapper), options.thread_count]
    command = [sys.executable, "-m", "trigpoint.reconstruction.mapping_process", *map(str, arguments)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            env=_environment(),
            # Ctrl-C reaches every process of the terminal; this one is ended by us.
            start_new_session=True,
        )
        try:
            _follow(process, log, mapper, images, stop)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode != 0:
        raise _crashed(mapper, process.returncode, log)
    return sorted(item for item in output.iterdir() if item.name.isdecimal())


def _follow(process: subprocess.Popen[bytes], log: Path, mapper: str, images: int, stop: StopRequest) -> None:
    """Show how far the process is, from its log: images of the incremental mapper, steps of the global one."""
    began, done = time.monotonic(), 0
    title, total = f"Registering images, {mapper} mapper", len(_STEPS) if mapper == "global" else images
    with progress(title, total) as advance:
        while process.poll() is None:
            if stop:
                raise Interrupted
            time.sleep(_POLL_S)
            now, step = _finished_steps(log) if mapper == "global" else (_registered(log), "")
            if done < now <= total:
                advance(now - done, step)
                done = now
    if time.monotonic() - began > 2:
        _LOGGER.info(f"{title}: {time.monotonic() - began:.0f} s")


def _registered(log: Path) -> int:
    """The number of registered images that the last line of its kind tells."""
    return max((int(line.split()[1]) for line in _tail(log) if line.startswith("registered ")), default=0)


def _finished_steps(log: Path) -> tuple[int, str]:
    """Number of finished steps, and what the mapper is doing now."""
    text = "\n".join(_tail(log)).lower()
    running = max((index for index, (key, _) in enumerate(_STEPS) if key in text), default=0)
    return running, _STEPS[running][1]


def _tail(log: Path) -> list[str]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 20_000))
        return stream.read().decode(errors="replace").splitlines()


def _environment() -> dict[str, str]:
    """Ours, with the package on the path, however this process found it."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))}


def _crashed(mapper: str, code: int, log: Path) -> SceneError:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    reason = f"signal {signal.Signals(-code).name}" if code < 0 else (lines[-1][-200:] if lines else f"exit code {code}")
    return SceneError(
        "TP-255",
        f"COLMAP's {mapper} mapper stopped with an error ({reason})",
        where=log,
        fix="Try the other mapper with --mapper, and if memory ran out, fewer images.",
    )
