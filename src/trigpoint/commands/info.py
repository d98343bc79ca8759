"""The verb ``info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from trigpoint.commands.options import MappingSceneOptions, OutputOptions

if TYPE_CHECKING:
    from trigpoint.diagnosis.inspect import SceneReport
    from trigpoint.report.blocks import Block


def info(
    what: Annotated[Positional[Path], arg(metavar="SCENE|MAP")],
    /,
    *,
    all_cameras: bool = False,
    reading: MappingSceneOptions,
    run: OutputOptions,
) -> int:
    """Say what is in a scene (a folder of posed images) or in a map file, and what is missing.

    Exit code 1 if the scene cannot be mapped.

    Args:
        what: folder of a scene, or a .trig file.
        all_cameras: list every camera of a scene that has many.
        reading: how the scene is read.
        run: what is said.
    """
    from trigpoint.diagnosis.inspect import describe_scene
    from trigpoint.report.terminal import print_blocks

    run.begin(inputs=[what])
    if what.is_file() and what.suffix == ".trig":
        from trigpoint.commands.map_facts import map_blocks, map_document
        from trigpoint.mapping.scene_map import load_map

        scene_map = load_map(what)
        print_blocks(map_blocks(scene_map, what))
        run.write(map_document(scene_map, what))
        return 0
    report = describe_scene(reading.open(what))
    print_blocks(_scene_blocks(report, all_cameras))
    run.write(report.to_json())
    return report.exit_code()


def _scene_blocks(report: SceneReport, all_cameras: bool) -> list[Block]:
    """The facts about a scene, then its problems, a line each."""
    from trigpoint.report.blocks import Fact, Facts, Text

    facts = [Fact(label, value) for label, value in report.facts(all_cameras=all_cameras)]
    return [Facts(facts), *(Text(f"{problem.severity}: {problem.message}") for problem in report.problems)]
