"""The verb ``compare``."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import UseAppendAction

from trigpoint.commands.options import MappingSceneOptions, Output, RunOptions, ScenePath, note


@dataclass(frozen=True)
class ComparisonOptions:
    """What is compared.

    Attributes:
        presets: recipes; see docs/presets.md.
        seeds: of the maps, one map for each.
        set: change one setting of all recipes, such as optimizer.steps=500; may be repeated.
        threshold: count images within this distance and angle, such as 0.05,5; may be repeated.
    """

    presets: tuple[str, ...] = ("ace-compact", "glace-compact", "rscore-compact", "trig")
    seeds: tuple[int, ...] = (0,)
    set: UseAppendAction[tuple[str, ...]] = ()
    threshold: UseAppendAction[tuple[str, ...]] = ()


def compare(
    scene: ScenePath, /, *, output: Output, choice: ComparisonOptions, reading: MappingSceneOptions, run: RunOptions
) -> int:
    """Build and evaluate a map of each preset, and put the numbers side by side. Interrupted, the same command continues.

    Exit code 1 if a preset failed; the others are in the table all the same.

    Args:
        scene: folder of posed images. Of one without a split every eighth image is held out.
        output: folder for the maps, which a later comparison uses again, and for the table as a page, Markdown and JSON.
        choice: what is compared.
        reading: how the scene is read.
        run: where, and what is said.
    """
    from trigpoint.commands.comparison import ComparisonTask, run_comparison
    from trigpoint.core.output import Planned
    from trigpoint.core.terminal import print_line
    from trigpoint.evaluation.metrics import parse_threshold
    from trigpoint.formats.splits import with_test_images
    from trigpoint.report.comparison_report import comparison_blocks, comparison_document, write_comparison
    from trigpoint.report.terminal import print_blocks

    run.begin(Planned(output, "folder"), inputs=[scene])
    thresholds = tuple(map(parse_threshold, choice.threshold))
    task = ComparisonTask(choice.presets, choice.seeds, choice.set, thresholds, run.device)
    task.check()
    opened = with_test_images(reading.open(scene))
    for problem in opened.problems:
        note(f"{problem.severity}: {problem.message}")
    summaries, facts = run_comparison(opened, output, task)
    title = f"Presets on {scene.resolve().name}"
    page = write_comparison(output, summaries, title=title, facts=facts)
    print_blocks(comparison_blocks(summaries, title))
    print_line(f"comparison: {page}")
    run.write(comparison_document(summaries, facts))
    return 1 if any(summary.problems() for summary in summaries) else 0
