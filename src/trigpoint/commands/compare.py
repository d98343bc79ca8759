"""The verb ``compare``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional, UseAppendAction

from trigpoint.commands.options import Flag, Output, write_document
from trigpoint.core.terminal import set_quiet


def compare(
    scene: Positional[Path],
    /,
    *,
    output: Output,
    presets: tuple[str, ...] = ("ace-compact", "glace-compact", "rscore-compact", "trig"),
    seeds: tuple[int, ...] = (0,),
    set: UseAppendAction[tuple[str, ...]] = (),
    holdout: str | None = None,
    threshold: UseAppendAction[tuple[str, ...]] = (),
    device: str | None = None,
    format: str | None = None,
    skip_invalid: Flag = False,
    metric: bool | None = None,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Build and evaluate a map of each preset, and put the numbers side by side. Interrupted, the same command continues.

    Exit code 1 if a preset failed; the others are in the table all the same.

    Args:
        scene: folder of posed images.
        output: folder for the maps, which a later comparison uses again, and for the table as a page, Markdown and JSON.
        presets: recipes; see docs/presets.md.
        seeds: of the maps, one map for each.
        set: change one setting of all recipes, such as optimizer.steps=500; may be repeated.
        holdout: images held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME; the scene's own if not given.
        threshold: count images within this distance and angle, such as 0.05,5; may be repeated.
        device: cpu or cuda, to map with; a GPU is used if there is one. Images are localized on the CPU.
        format: format of the scene; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        metric: whether one unit of the poses is one metre; what the format says if not given.
        quiet: show no progress.
        json: another file to write comparison.json to.
    """
    from trigpoint.commands.comparison import ComparisonTask, run_comparison
    from trigpoint.commands.describe import stdout_console
    from trigpoint.report.trial_report import comparison_document, print_comparison, write_comparison

    set_quiet(quiet)
    task = ComparisonTask(
        scene,
        output,
        presets,
        seeds,
        set,
        holdout,
        threshold,
        device,
        format=format,
        skip_invalid=skip_invalid,
        metric=metric,
    )
    summaries, facts = run_comparison(task)
    title = f"Presets on {scene.resolve().name}"
    page = write_comparison(output, summaries, title=title, facts=facts)
    print_comparison(summaries, title, stdout_console())
    print(f"comparison: {page}")
    write_document(json, comparison_document(summaries, facts))
    return 1 if any(each.problems for each in summaries) else 0
