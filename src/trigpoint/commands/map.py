"""The verb ``map``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tyro.conf import UseAppendAction

from trigpoint.commands.options import MappingSceneOptions, Output, RunOptions, ScenePath, note

if TYPE_CHECKING:
    from trigpoint.build.pipeline import BuildResult


@dataclass(frozen=True)
class RecipeOptions:
    """How the map is made.

    Attributes:
        preset: recipe; see docs/presets.md. The default is sized for two CPU cores.
        fast: a narrower network, trained with half of the samples: less accurate, in less than half of the time.
        set: change one setting of the recipe, such as optimizer.steps=500; may be repeated.
        seed: seed of every random number.
        fresh: start again instead of continuing an interrupted build.
    """

    preset: str = "trig"
    fast: bool = False
    set: UseAppendAction[tuple[str, ...]] = ()
    seed: int = 0
    fresh: bool = False


def map_scene(
    scene: ScenePath, /, *, output: Output, recipe: RecipeOptions, reading: MappingSceneOptions, run: RunOptions
) -> int:
    """Make a map file from a folder of posed images. Interrupted, the same command continues.

    The hold-out rule is kept in the map: evaluate leaves out the same images.

    Args:
        scene: folder of posed images in any format of docs/formats.md, or a .joint.json; found out by looking.
        output: map file to write, such as kitchen.trig.
        recipe: how the map is made.
        reading: how the scene is read.
        run: where, and what is said.
    """
    from trigpoint.build.context import BuildControl
    from trigpoint.build.pipeline import build_map
    from trigpoint.commands.map_facts import warnings
    from trigpoint.core.interrupt import stop_on_signals
    from trigpoint.core.output import Planned
    from trigpoint.core.terminal import print_warning
    from trigpoint.mapping.parallel import join_workers
    from trigpoint.mapping.presets import resolve_config
    from trigpoint.report.terminal import print_blocks

    workers = join_workers()
    # One of several processes speaks for all.
    replace(run, quiet=run.quiet or not workers.first).begin(Planned(output, "tensors"), inputs=[scene])
    opened = reading.open(scene)
    for problem in opened.problems:
        note(f"{problem.severity}: {problem.message}")
    if len(opened.for_mapping()) == len(opened.posed()):
        note("note: All images are learned, none is left to evaluate the map with: --holdout every:8:0 leaves some out.")
    config = resolve_config(recipe.preset, recipe.set, fast=recipe.fast)
    with stop_on_signals() as stop:
        control = BuildControl(recipe.fresh, stop, workers)
        result = build_map(opened, output, config=config, seed=recipe.seed, device=run.device, control=control)
    if workers.first:
        print_blocks(_blocks(result))
        for warning in warnings(result.map):
            # Also with --quiet: a map that is of no use is no message by the way.
            print_warning(warning)
        run.write(_document(result))
    return 0


def _blocks(result: BuildResult) -> list[Any]:
    from trigpoint.commands.map_facts import content_facts
    from trigpoint.report.blocks import Fact, Facts
    from trigpoint.report.formatting import data_size

    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items())
    facts = [
        Fact("map", f"{result.path}, {data_size(result.bytes)}, id {result.map.map_id}"),
        Fact("images", str(result.map.built_from["images"])),
        Fact("time", f"{sum(result.seconds.values()):.0f} s ({stages})"),
        *content_facts(result.map),
    ]
    return [Facts(facts)]


def _document(result: BuildResult) -> dict[str, Any]:
    from trigpoint.commands.map_facts import warnings
    from trigpoint.core.config import to_json

    scene_map = result.map
    return {
        "map": str(result.path),
        "map_id": scene_map.map_id,
        "bytes": result.bytes,
        "preset": scene_map.config.preset,
        "units": scene_map.units,
        "images": scene_map.built_from["images"],
        "sources": {name: source.facts() for name, source in scene_map.sources.items()},
        "seconds": {**result.seconds, "total": sum(result.seconds.values())},
        "resumed": result.resumed,
        "validation": to_json(scene_map.acceptance)["validation"],
        "own_images": to_json(scene_map.acceptance)["mapping"],
        "warnings": warnings(scene_map),
    }
