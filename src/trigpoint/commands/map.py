"""The verb ``map``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional, UseAppendAction

from trigpoint.commands.options import Flag, Output, note, write_document
from trigpoint.core.terminal import set_quiet


def map_scene(
    scene: Positional[Path],
    /,
    *,
    output: Output,
    preset: str = "",
    fast: Flag = False,
    set: UseAppendAction[tuple[str, ...]] = (),
    holdout: str | None = None,
    seed: int = 0,
    device: str | None = None,
    format: str | None = None,
    skip_invalid: Flag = False,
    metric: bool | None = None,
    fresh: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Make a map file from a folder of posed images. Interrupted, the same command continues.

    Args:
        scene: folder of posed images in any format of docs/formats.md, or a .joint.json; found out by looking.
        output: map file to write, such as kitchen.trig.
        preset: recipe; see docs/presets.md. The default is sized for two CPU cores.
        fast: a narrower network, trained with half of the samples: less accurate, in less than half of the time.
        set: change one setting of the recipe, such as optimizer.steps=500; may be repeated.
        holdout: images held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME. Kept in the map.
        seed: seed of every random number.
        device: cpu or cuda; a GPU is used if there is one.
        format: format of the scene; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        metric: whether one unit of the poses is one metre; what the format says if not given.
        fresh: start again instead of continuing an interrupted build.
        quiet: show no progress.
        json: file to write the numbers of the build to.
    """
    from trigpoint.build.pipeline import build_map
    from trigpoint.commands import describe
    from trigpoint.formats.readers import open_scene
    from trigpoint.mapping.parallel import join_workers
    from trigpoint.mapping.presets import DEFAULT_PRESET

    set_quiet(quiet)
    opened = open_scene(scene, format=format, skip_invalid=skip_invalid, metric=metric)
    for problem in opened.problems:
        note(f"{problem.severity}: {problem.message}")
    result = build_map(
        opened,
        output,
        preset=preset or DEFAULT_PRESET,
        fast=fast,
        overrides=set,
        holdout=holdout,
        seed=seed,
        device=device,
        fresh=fresh,
    )
    if not join_workers().first:
        return 0
    lines, document = describe.build_report(result)
    print("\n".join(lines))
    write_document(json, document)
    return 0
