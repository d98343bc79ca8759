"""Many images at once: finding the files, and one answer for each of them whatever happens."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.errors import ConfigError, TrigpointError
from trigpoint.core.image import IMAGE_SUFFIXES, image_size
from trigpoint.core.localization import FAILED, Localization
from trigpoint.core.progress import progress
from trigpoint.localization.intrinsics import parse_camera
from trigpoint.localization.localizer import Localizer

# Errors of --camera itself; a camera of another size (TP-612) is the matter of one image.
_WRONG_FOR_ALL = ("TP-311", "TP-312", "TP-611", "TP-613", "TP-701", "TP-702")


def image_files(arguments: Sequence[str]) -> list[Path]:
    """The image files that files, folders and patterns name, each once, sorted within a folder or pattern.

    Raises:
        ConfigError: nothing named (TP-741); a folder or pattern without images (TP-742).
    """
    if not arguments:
        raise ConfigError("TP-741", "no images were named", fix="Name image files, folders or quoted patterns.")
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            matches = [item for item in sorted(path.rglob("*")) if item.suffix.lower() in IMAGE_SUFFIXES and item.is_file()]
        elif not path.exists() and glob.has_magic(argument):
            matches = sorted(Path(match) for match in glob.iglob(argument, recursive=True) if Path(match).is_file())  # noqa: PTH207
        else:
            found.append(path)
            continue
        if not matches:
            raise ConfigError("TP-742", "there are no images there", where=argument, fix="Check the folder or pattern.")
        found.extend(matches)
    return list(dict.fromkeys(found))


def localize_images(localizer: Localizer, files: Sequence[Path], camera: str | None) -> list[Localization]:
    """Localize every file. A file that cannot be read is a failed answer with the error as its reason.

    Args:
        localizer: of the map.
        files: image files.
        camera: ``--camera`` text for all of them, or None.

    Raises:
        MappingError: the camera text makes no sense (TP-611, TP-613).
    """
    results = []
    with progress("localizing", len(files)) as advance:
        for file in files:
            try:
                intrinsics = None if camera is None else parse_camera(camera, *image_size(file))
                results.append(localizer.localize(file, camera=intrinsics))
            except TrigpointError as error:
                if error.code in _WRONG_FOR_ALL:
                    raise
                failed = Localization(
                    str(file), FAILED, str(error), None, None, "", 0, 0, 0.0, None, localizer.units, localizer.map_id
                )
                results.append(failed)
            advance()
    return results


def summary_line(results: Sequence[Localization]) -> str:
    """How many images were localized, rejected and failed, with the first reason."""
    counts = Counter(result.status for result in results)
    text = f"{len(results)} images: {counts['ok']} ok, {counts['rejected']} rejected, {counts['failed']} failed"
    bad = next((result for result in results if result.status != "ok"), None)
    return text if bad is None else f"{text}. First: {bad.name}: {bad.reason}"
