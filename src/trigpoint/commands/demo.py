"""The verb ``demo``."""

from __future__ import annotations

from pathlib import Path

from trigpoint.commands.options import Flag, Output, write_document
from trigpoint.core.terminal import set_quiet


def demo(*, output: Output = Path("trigpoint-demo"), seed: int = 0, quiet: Flag = False, json: Path | None = None) -> int:
    """Build a synthetic scene, map it, localize images of it by day and by night and images of another scene, and report.

    Args:
        output: folder for the scene, the map and the report; what an earlier demo left there is replaced.
        seed: seed of the scene and the map.
        quiet: show no progress.
        json: file to write the numbers to.
    """
    from trigpoint.commands.demo_scene import run_demo

    set_quiet(quiet)
    document = run_demo(output, seed)
    write_document(json, document)
    return 0
