"""Poses for benchmarks whose organisers keep the truth (visuallocalization.net)."""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.localization import Localization
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, Scene
from trigpoint.evaluation.evaluate import localize_frame
from trigpoint.evaluation.learned import refuse_learned
from trigpoint.evaluation.splits import split_as_map
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.results import check_output, write_results


def submit(localizer: Localizer, scene: Scene, output: Path) -> list[Localization]:
    """Localize all test images of a scene, those without a public pose included, and write the file for the benchmark.

    The benchmark counts every pose by its error, so poses that are not trusted are written too.

    Args:
        localizer: of the map.
        scene: in the unit of the map. Unless it was opened with a hold-out rule, that of the map decides which posed images
            are test images; images without a pose stay what the format says.
        output: text file to write, ``image qw qx qy qz tx ty tz`` a line (``cam_from_world``, scalar first).

    Raises:
        ConfigError: the map learned some of these images (TP-765); the map's hold-out rule does not fit the scene (TP-717
            to TP-719).
        OutputError: two images with one file name (TP-803), or the file cannot be written (TP-801, TP-804).
    """
    frames = [frame for frame in split_as_map(scene, localizer.map).frames if frame.split == TEST]
    refuse_learned(frames, localizer.map.learned, scene.root)
    check_output(output, [frame.name for frame in frames], "ltvl")
    results: list[Localization] = []
    with progress("Localizing", len(frames)) as advance:
        for frame in frames:
            results.append(localize_frame(localizer, frame))
            advance()
    write_results(output, results, "ltvl", include_rejected=True)
    return results
