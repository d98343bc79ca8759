"""Many images at once: the files that arguments name, and the answers in one line."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.errors import ConfigError, ImageError, TrigpointError
from trigpoint.core.image import IMAGE_SUFFIXES, image_size
from trigpoint.core.localization import OK, Localization
from trigpoint.localization.image_input import CameraRule


def image_files(arguments: Sequence[str]) -> list[Path]:
    """The image files that files, folders and patterns name, each once, sorted within a folder or pattern.

    Raises:
        ConfigError: nothing named (TP-741); a folder or pattern without images (TP-742).
    """
    if not arguments:
        raise ConfigError("TP-741", "no images were named", fix="Name image files, folders or quoted patterns.")
    files: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            matches = [item for item in sorted(path.rglob("*")) if item.suffix.lower() in IMAGE_SUFFIXES and item.is_file()]
        elif not path.exists() and glob.has_magic(argument):
            matches = sorted(Path(match) for match in glob.iglob(argument, recursive=True) if Path(match).is_file())  # noqa: PTH207
        else:
            files.append(path)
            continue
        if not matches:
            raise ConfigError("TP-742", "there are no images there", where=argument, fix="Check the folder or pattern.")
        files.extend(matches)
    return list(dict.fromkeys(files))


def check_camera(camera: CameraRule, files: Sequence[Path]) -> None:
    """Refuse a camera that is impossible for every image, before the first is localized.

    Args:
        camera: gives the camera for a width and height.
        files: images; those that cannot be read say nothing about the camera.

    Raises:
        GeometryError: no image of these sizes can have it (TP-313).
        MappingError: it is for images of another aspect than these have (TP-612).
    """
    refusal: TrigpointError | None = None
    for file in files:
        try:
            width, height = image_size(file)
        except ImageError:
            continue
        try:
            camera(width, height)
        except TrigpointError as error:
            refusal = refusal or error
        else:
            return
    if refusal is not None:
        raise refusal


def summary_line(results: Sequence[Localization]) -> str:
    """How many images were localized, rejected and failed, with the first reason."""
    counts = Counter(result.status for result in results)
    text = f"{len(results)} images: {counts['ok']} ok, {counts['rejected']} rejected, {counts['failed']} failed"
    first = next((result for result in results if result.status != OK), None)
    return text if first is None else f"{text}. First: {first.name}: {first.reason}"
