"""Poses for benchmarks whose organisers keep the truth (visuallocalization.net)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.errors import ImageError
from trigpoint.core.localization import FAILED, Localization
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, Frame
from trigpoint.evaluation.evaluate import Localizes
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.results import check_output, write_results


def submit(
    map_path: Path, folder: Path, output: Path, *, device: str = "cpu", format: str | None = None, skip_invalid: bool = False
) -> list[Localization]:
    """Localize all test images of a scene, those without a public pose included, and write the file for the benchmark.

    The benchmark counts every pose by its error, so poses that are not trusted are written too.

    Args:
        map_path: map file.
        folder: folder of the scene.
        output: text file to write, ``image qw qx qy qz tx ty tz`` a line.
        device: torch device.
        format: format of the scene; None finds out.
        skip_invalid: leave out images that cannot be used.

    Raises:
        SceneError, MapFileError, ...: as the readers.
        OutputError: two images with one file name (TP-803), or the file cannot be written (TP-801, TP-804).
    """
    localizer = Localizer.load(map_path, device=device)
    scene = open_scene(folder, format=format, skip_invalid=skip_invalid, metric=localizer.map.metric)
    frames = [frame for frame in scene.frames if frame.split == TEST]
    check_output(output, [frame.name for frame in frames], "ltvl")
    results = localize_frames(localizer, frames)
    write_results(output, results, "ltvl", include_rejected=True)
    return results


def localize_frames(localizer: Localizes, frames: Sequence[Frame]) -> list[Localization]:
    """Localize images with the cameras of their scene; one that cannot be read is a failed answer with the reason."""
    results: list[Localization] = []
    with progress("Localizing", len(frames)) as advance:
        for frame in frames:
            try:
                results.append(localizer.localize(frame.image_path, camera=frame.camera, name=frame.name))
            except ImageError as error:
                failed = Localization(frame.name, FAILED, str(error), None, None, "", 0, 0, 0.0, None, "", "")
                results.append(failed)
            advance()
    return results
