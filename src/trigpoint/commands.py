"""The verbs of the command line, as plain functions whose parameters are their options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

from trigpoint.core.progress import set_quiet

Output = Annotated[Path, arg(aliases=["-o"])]
OptionalOutput = Annotated[Path | None, arg(aliases=["-o"])]
Flag = FlagCreatePairsOff[bool]


def info(
    what: Positional[Path],
    /,
    *,
    format: str | None = None,
    holdout: str | None = None,
    skip_invalid: Flag = False,
    metric: bool | None = None,
    json: Path | None = None,
) -> int:
    """Say what is in a place (a folder of posed photos) or in a map file, and what is missing.

    Args:
        what: folder of a place, or a .trig file.
        format: format of the place; found out if not given.
        holdout: photos held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME.
        skip_invalid: leave out photos that cannot be used instead of stopping at them.
        metric: whether one unit of the poses is one metre; what the format says if not given.
        json: file to write the same to, as JSON.
    """
    from trigpoint import describe

    if what.is_file() and what.suffix == ".trig":
        lines, document, code = describe.map_report(what)
    else:
        lines, document, code = describe.place_report(what, format, holdout, skip_invalid, metric)
    print("\n".join(lines))
    _write_json(json, document)
    return code


def map_place(
    place: Positional[Path],
    /,
    *,
    output: Output,
    preset: str = "",
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
    """Make a map file from a folder of posed photos. Interrupted, the same command continues.

    Args:
        place: COLMAP model, transforms.json, ACE layout, 7-Scenes or TUM RGB-D; found out by looking.
        output: map file to write, such as kitchen.trig.
        preset: recipe; see docs/presets.md. The default is sized for two CPU cores.
        set: change one setting of the recipe, such as optimizer.steps=500; may be repeated.
        holdout: photos held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME. Kept in the map.
        seed: seed of every random number.
        device: cpu or cuda; a GPU is used if there is one.
        format: format of the place; found out if not given.
        skip_invalid: leave out photos that cannot be used instead of stopping at them.
        metric: whether one unit of the poses is one metre; what the format says if not given.
        fresh: start again instead of continuing an interrupted build.
        quiet: show no progress.
        json: file to write the numbers of the build to.
    """
    from trigpoint import describe
    from trigpoint.data.readers import open_scene
    from trigpoint.mapping.presets import DEFAULT_PRESET
    from trigpoint.pipeline import build_map

    set_quiet(quiet)
    scene = open_scene(place, format=format, skip_invalid=skip_invalid, metric=metric)
    for problem in scene.problems:
        _note(f"{problem.severity}: {problem.message}")
    result = build_map(
        scene,
        output,
        preset=preset or DEFAULT_PRESET,
        overrides=set,
        holdout=holdout,
        seed=seed,
        device=device,
        fresh=fresh,
    )
    lines, document = describe.build_report(result)
    print("\n".join(lines))
    _write_json(json, document)
    return 0


def localize(
    map: Positional[Path],
    photos: Positional[tuple[str, ...]],
    /,
    *,
    camera: str | None = None,
    output: OptionalOutput = None,
    to: Literal["jsonl", "tum", "colmap"] | None = None,
    include_rejected: Flag = False,
    device: str = "cpu",
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Tell where photos were taken. Prints a JSON line for each; exit code 1 if any was not localized.

    Args:
        map: map file.
        photos: image files, folders or quoted patterns.
        camera: intrinsics of all photos: f | fx,fy,cx,cy | MODEL:p1,p2,... | FILE.json; otherwise from EXIF, or the focal
            length is estimated.
        output: write the results there instead: .jsonl, .tum or .txt (TUM), or a folder (COLMAP).
        to: format of the output, if its name does not tell.
        include_rejected: also write poses that are not trusted to TUM and COLMAP files.
        device: cpu or cuda.
        quiet: show no progress.
        json: file to write all results and their summary to.
    """
    from trigpoint.localization.batch import localize_photos, photo_files, summary_line
    from trigpoint.localization.localizer import Localizer
    from trigpoint.localization.results import check_output, format_of, jsonl_text, write_results

    set_quiet(quiet)
    files = photo_files(photos)
    kind = None if output is None else to or format_of(output)
    if output is not None and kind is not None:
        check_output(output, [str(file) for file in files], kind)
    results = localize_photos(Localizer.load(map, device=device), files, camera)
    if output is None or kind is None:
        sys.stdout.write(jsonl_text(results))
    else:
        write_results(output, results, kind, include_rejected=include_rejected)
    _note(summary_line(results))
    _write_json(json, {"summary": summary_line(results), "results": [result.to_json() for result in results]})
    return 0 if all(result.status == "ok" for result in results) else 1


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
    _write_json(json, run.evaluation.to_json())
    if report is not None:
        print(f"report: {report_evaluation(run, report, title=f'{place.resolve().name} with {map.name}')}")
    return 0


def demo(*, output: Output = Path("trigpoint-demo"), seed: int = 0, quiet: Flag = False, json: Path | None = None) -> int:
    """Build a synthetic place, map it, localize photos of it by day and by night and photos of another place, and report.

    Args:
        output: folder for the place, the map and the report; what an earlier demo left there is replaced.
        seed: seed of the place and the map.
        quiet: show no progress.
        json: file to write the numbers to.
    """
    from trigpoint.demo import run_demo

    set_quiet(quiet)
    document = run_demo(output, seed)
    _write_json(json, document)
    return 0


def weights(
    action: Positional[Literal["list", "get", "verify"]] = "list", names: Positional[tuple[str, ...]] = (), /
) -> int:
    """List, fetch or verify pretrained weights: name, licence, size, SHA-256 and where they were found.

    Args:
        action: list shows all; get downloads to the cache; verify checks the files that are found.
        names: which weights; all if none is named.
    """
    from trigpoint.describe import weights_lines

    lines, complete = weights_lines(action, names)
    print("\n".join(lines))
    return 0 if complete else 1


VERBS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "info": info,
    "map": map_place,
    "localize": localize,
    "evaluate": evaluate,
    "weights": weights,
}


def _note(text: str) -> None:
    from trigpoint.core.progress import console

    console().print(text, markup=False, soft_wrap=True)


def _write_json(path: Path | None, document: Any) -> None:
    from trigpoint.core.artifact import write_json

    if path is not None:
        write_json(path, document)
