"""The verb ``localize``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from trigpoint.commands.options import Flag, OptionalOutput, note, write_document
from trigpoint.core.progress import progress
from trigpoint.core.terminal import set_quiet


def localize(
    map: Positional[Path],
    images: Positional[tuple[str, ...]],
    /,
    *,
    camera: str | None = None,
    output: OptionalOutput = None,
    to: Literal["jsonl", "tum", "colmap", "ltvl"] | None = None,
    include_rejected: Flag = False,
    device: str = "cpu",
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Tell where images were taken. Prints a JSON line for each; exit code 1 if any was not localized.

    Args:
        map: map file.
        images: image files, folders or quoted patterns.
        camera: intrinsics of all images: f | fx,fy,cx,cy | MODEL:p1,p2,... | FILE.json; otherwise from EXIF, or the focal
            length is estimated.
        output: write the results there instead: .jsonl, .tum or .txt (TUM), or a folder (COLMAP).
        to: format of the output, if its name does not tell; ltvl is that of visuallocalization.net.
        include_rejected: also write poses that are not trusted to TUM and COLMAP files.
        device: cpu or cuda.
        quiet: show no progress.
        json: file to write all results and their summary to.
    """
    from trigpoint.localization.batch import image_files, summary_line
    from trigpoint.localization.camera_text import parse_camera
    from trigpoint.localization.localizer import Localizer
    from trigpoint.localization.results import check_output, format_of, jsonl_text, write_results

    set_quiet(quiet)
    files = image_files(images)
    kind = None if output is None else to or format_of(output)
    if output is not None and kind is not None:
        check_output(output, [str(file) for file in files], kind)
    intrinsics = None if camera is None else parse_camera(camera)
    results = []
    with progress("localizing", len(files)) as advance:
        for result in Localizer.load(map, device=device).localize_batch(files, intrinsics):
            results.append(result)
            advance()
    if output is None or kind is None:
        sys.stdout.write(jsonl_text(results))
    else:
        write_results(output, results, kind, include_rejected=include_rejected)
    note(summary_line(results))
    write_document(json, {"summary": summary_line(results), "results": [result.to_json() for result in results]})
    return 0 if all(result.status == "ok" for result in results) else 1
