"""The verb ``localize``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional

from trigpoint.commands.options import ImagePaths, MapPath, OptionalOutput, OptionalText, RunOptions, note

# An image takes seconds at most; a signal ends the verb within five even if a library does not return.
_GRACE_S = 4.0


@dataclass(frozen=True)
class AnswerOptions:
    """What is known of the images, and how the answers are written.

    Attributes:
        camera: intrinsics of all images: f | fx,fy,cx,cy | MODEL:p1,p2,... | FILE; otherwise from EXIF, or the focal
            length is estimated.
        output: write the results there instead: .jsonl, .tum or .txt (TUM), or a folder (COLMAP).
        to: format of the output, if its name does not tell; ltvl is that of visuallocalization.net.
        include_rejected: also write poses that are not trusted to TUM and COLMAP files.
    """

    camera: OptionalText = None
    output: OptionalOutput = None
    to: Optional[Literal["jsonl", "tum", "colmap", "ltvl"]] = None  # noqa: UP045 (see OptionalText)
    include_rejected: bool = False


def localize(map: MapPath, images: ImagePaths, /, *, answer: AnswerOptions, run: RunOptions) -> int:
    """Tell where images were taken. Prints a JSON line for each; exit code 1 if any was not localized.

    JSON lines are written as they come; stopped, all formats hold the results so far.

    Args:
        map: map file.
        images: image files, folders or quoted patterns.
        answer: what is known of the images, and how the answers are written.
        run: where, and what is said.
    """
    from trigpoint.core.interrupt import Interrupted, stop_on_signals
    from trigpoint.core.output import Planned
    from trigpoint.core.progress import progress
    from trigpoint.evaluation.learned import learned_text
    from trigpoint.localization.answering import answers
    from trigpoint.localization.batch import check_camera, image_files, summary_line
    from trigpoint.localization.camera_text import parse_camera
    from trigpoint.localization.localizer import Localizer
    from trigpoint.localization.results import check_output, format_of, output_kind

    files = image_files(images)
    names = [str(file) for file in files]
    kind = answer.to or ("jsonl" if answer.output is None else format_of(answer.output))
    run.begin(Planned(answer.output, output_kind(kind)), inputs=[map, *files])
    if answer.output is not None:
        check_output(answer.output, names, kind)
    intrinsics = None if answer.camera is None else parse_camera(answer.camera)
    if intrinsics is not None:
        check_camera(intrinsics, files)
    localizer = Localizer.load(map, device=run.query_device)
    with (
        stop_on_signals(_GRACE_S) as stop,
        answers(names, answer.output, kind, include_rejected=answer.include_rejected) as found,
        progress("localizing", len(files)) as advance,
    ):
        for result in localizer.localize_batch(files, intrinsics):
            found.add(result)
            advance()
            if stop:
                break
    results = found.results
    note(summary_line(results))
    learned = sum(localizer.map.learned.knows_file(file) for file in files[: len(results)])
    if learned:
        note(f"{learned_text(learned, len(results))}.")
    document = {"summary": summary_line(results), "learned_images": learned}
    run.write({**document, "results": [result.to_json() for result in results]})
    if len(results) < len(names):
        raise Interrupted(f"{found.kept()} The same command begins anew.")
    return 0 if all(result.status == "ok" for result in results) else 1
