"""The verb ``demo``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import UseAppendAction

from trigpoint.commands.options import Output, OutputOptions


@dataclass(frozen=True)
class DemoOptions:
    """What is made.

    Attributes:
        seed: seed of the scenes and the map.
        images: mapping images of the room.
        queries: images of the room by day, and of a street that is not in the map, to localize; by night two thirds of them.
        width: width of the images, px.
        set: change one setting of the recipe, such as optimizer.steps=100; may be repeated.
    """

    seed: int = 0
    images: int = 60
    queries: int = 15
    width: int = 640
    set: UseAppendAction[tuple[str, ...]] = ()


def demo(*, output: Output = Path("trigpoint-demo"), options: DemoOptions, run: OutputOptions) -> int:
    """Build a synthetic scene, map it, localize images of it by day and by night and images of another scene, and report.

    Args:
        output: folder for the scene, the map and the report; what an earlier demo left there is replaced.
        options: what is made.
        run: what is said.
    """
    from trigpoint.commands.demonstration import run_demo
    from trigpoint.core.output import Planned
    from trigpoint.core.terminal import print_line
    from trigpoint.report.terminal import print_blocks

    run.begin(Planned(output, "folder"))
    document, blocks = run_demo(
        output,
        images=options.images,
        queries=options.queries,
        width=options.width,
        overrides=options.set,
        seed=options.seed,
    )
    print_blocks(blocks)
    print_line(document["report"])
    run.write(document)
    return 0
