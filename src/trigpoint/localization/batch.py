"""Many images at once: the files that arguments name, and the answers in one line."""

from __future__ import annotations

import glob
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.errors import ConfigError, ImageError, TrigpointError
from trigpoint.core.folders import files_below, matching
from trigpoint.core.image import image_size
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.core.localization import OK, Localization
from trigpoint.localization.image_input import CameraRule

_LOGGER = logging.getLogger(__name__)


def image_files(arguments: Sequence[str]) -> list[Path]:
    """The image files that files, folders and patterns name, each once, sorted within a folder or pattern.

    A warning is logged for images in a folder that cannot be read here, such as HEIC without pillow-heif.

    Raises:
        ConfigError: nothing named (TP-741); a folder or pattern without images (TP-742).
        OutputError: a folder below one of them may not be listed (TP-806).
    """
    if not arguments:
        raise ConfigError("TP-741", "no images were named", fix="Name image files, folders or quoted patterns.")
    files: list[Path] = []
    for argument in arguments:
        path, unread = Path(argument), ""
        if path.is_dir():
            items = files_below(path)
            matches = [item for item in items if item.suffix.lower() in IMAGE_SUFFIXES]
            unread = unread_images(items)
        elif not path.exists() and glob.has_magic(argument):
            _check_folders(argument)
            matches = sorted(Path(match) for match in glob.iglob(argument, recursive=True) if Path(match).is_file())  # noqa: PTH207
        else:
            files.append(path)
            continue
        if not matches:
            fix = unread or "Check the folder or pattern."
            raise ConfigError("TP-742", "there are no images there", where=argument, fix=fix)
        if unread:
            _LOGGER.warning("%s: %s", argument, unread)
        files.extend(matches)
    return list(dict.fromkeys(files))


def _check_folders(pattern: str) -> None:
    """Raise OutputError (TP-806) for a folder that may not be listed, as ``glob`` passes over what it holds."""
    path = Path(pattern)
    for part in (path, *path.parents):
        if glob.has_magic(part.name):
            folders = part if part.name == "**" else part.parent
            for folder in glob.iglob(str(folders), recursive=True):  # noqa: PTH207
                matching(Path(folder), "*")


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
