"""The verb ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional, UseAppendAction

from trigpoint.commands.options import Flag, write_document
from trigpoint.core.terminal import set_quiet

if TYPE_CHECKING:
    from trigpoint.evaluation.evaluate import Evaluation


def evaluate(
    map: Positional[Path],
    scene: Positional[Path],
    /,
    *,
    split: Literal["test", "train", "all"] = "test",
    holdout: str | None = None,
    threshold: UseAppendAction[tuple[str, ...]] = (),
    protocol: str | None = None,
    submission: Path | None = None,
    estimate_cameras: Flag = False,
    report: Path | None = None,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Localize images whose poses are known and compare.

    Args:
        map: map file.
        scene: folder with the images and their poses, as given to map.
        split: which images: those held out, those mapped, or all.
        holdout: another split than the one kept in the map.
        threshold: count images within this distance and angle, such as 0.05,5; may be repeated.
        protocol: evaluate as papers do (7scenes, cambridge, ...; docs/datasets.md) and show their numbers beside.
        submission: text file for visuallocalization.net to write the poses of all test images to.
        estimate_cameras: do not tell the localizer the cameras of the images.
        report: folder to write a page with pictures to.
        device: cpu or cuda.
        format: format of the scene; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        quiet: show no progress.
        json: file to write the numbers to.
    """
    from trigpoint.commands.describe import stdout_console
    from trigpoint.evaluation.map_evaluation import evaluate_map, scene_evaluations
    from trigpoint.report.map_report import report_evaluation
    from trigpoint.report.published import Comparison, submit_and_compare
    from trigpoint.report.tables import print_evaluation, print_scenes

    set_quiet(quiet)
    comparison = Comparison.prepare(protocol, map, scene, submission)
    if submission is not None:
        text, document = submit_and_compare(
            comparison, map, scene, submission, device=device, format=format, skip_invalid=skip_invalid
        )
        print(text)
        if comparison is not None:
            comparison.show(None, stdout_console())
        write_document(json, document)
        return 0
    run = evaluate_map(
        map,
        scene,
        split=split,
        holdout=holdout,
        thresholds=threshold if comparison is None else comparison.thresholds(threshold),
        known_cameras=not estimate_cameras,
        device=device,
        format=format,
        skip_invalid=skip_invalid,
    )
    print_evaluation(run.evaluation, stdout_console())
    scenes = scene_evaluations(run)
    if scenes:
        print_scenes(scenes, stdout_console())
    document = {**run.evaluation.to_json(), **({"scenes": _summaries(scenes)} if scenes else {})}
    if comparison is not None:
        comparison.show(run.evaluation, stdout_console())
        document["comparison"] = comparison.to_json(run.evaluation)
    write_document(json, document)
    if report is not None:
        print(f"report: {report_evaluation(run, report, title=f'{scene.resolve().name} with {map.name}')}")
    return 0


def _summaries(scenes: Mapping[str, Evaluation]) -> dict[str, Any]:
    """The evaluation of each scene without its images, which stand in that of the whole."""
    return {name: {key: value for key, value in each.to_json().items() if key != "frames"} for name, each in scenes.items()}
