"""The verb ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional, UseAppendAction

from trigpoint.commands.options import Flag, write_document
from trigpoint.core.progress import set_quiet


def evaluate(
    map: Positional[Path],
    place: Positional[Path],
    /,
    *,
    split: Literal["test", "train", "all"] = "test",
    holdout: str | None = None,
    threshold: UseAppendAction[tuple[str, ...]] = (),
    estimate_cameras: Flag = False,
    report: Path | None = None,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Localize photos whose poses are known and compare.

    Args:
        map: map file.
        place: folder with the photos and their poses, as given to map.
        split: which photos: those held out, those mapped, or all.
        holdout: another split than the one kept in the map.
        threshold: count photos within this distance and angle, such as 0.05,5; may be repeated.
        estimate_cameras: do not tell the localizer the cameras of the photos.
        report: folder to write a page with pictures to.
        device: cpu or cuda.
        format: format of the place; found out if not given.
        skip_invalid: leave out photos that cannot be used instead of stopping at them.
        quiet: show no progress.
        json: file to write the numbers to.
    """
    from trigpoint.describe import stdout_console
    from trigpoint.evaluation.map_evaluation import evaluate_map, report_evaluation
    from trigpoint.evaluation.tables import print_evaluation

    set_quiet(quiet)
    run = evaluate_map(
        map,
        place,
        split=split,
        holdout=holdout,
        thresholds=threshold,
        known_cameras=not estimate_cameras,
        device=device,
        format=format,
        skip_invalid=skip_invalid,
    )
    print_evaluation(run.evaluation, stdout_console())
    write_document(json, run.evaluation.to_json())
    if report is not None:
        print(f"report: {report_evaluation(run, report, title=f'{place.resolve().name} with {map.name}')}")
    return 0
