"""The verb ``reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from trigpoint.commands.options import Output, OutputOptions
from trigpoint.core.terminal import print_line
from trigpoint.reconstruction.options import ReconstructionOptions


def reconstruct(
    images: Annotated[Positional[Path], arg(metavar="IMAGES")],
    /,
    *,
    output: Output,
    options: ReconstructionOptions,
    fresh: bool = False,
    run: OutputOptions,
) -> int:
    """Find the poses of images or of a video, and write a scene for map. Interrupted, the same command continues.

    Args:
        images: folder with images, or a video file.
        output: folder to write: images, sparse/0 and trigpoint.json. Must not exist yet.
        options: how to reconstruct.
        fresh: start again instead of continuing an interrupted run.
        run: what is said.
    """
    from trigpoint.core.interrupt import stop_on_signals
    from trigpoint.core.job import JobControl
    from trigpoint.core.output import Planned
    from trigpoint.reconstruction.build import reconstruct

    run.begin(Planned(output, "new folder"), inputs=[images])
    with stop_on_signals() as stop:
        report = reconstruct(images, output, options=options, control=JobControl(fresh, stop))
    print_line(*report.lines())
    run.write(report.to_json())
    return 0
