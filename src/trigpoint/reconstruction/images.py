"""The images of a reconstruction: those of a folder whose headers make sense, with what EXIF knows of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.errors import ImageError, SceneError
from trigpoint.core.exif import Position
from trigpoint.core.folders import files_below
from trigpoint.core.image import read_header
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.core.scene import Problem

MIN_IMAGES = 3


@dataclass(frozen=True)
class SourceImage:
    """One image to register.

    Attributes:
        name: path below the folder of images, with ``/``.
        path: the image file.
        width: upright width, px.
        height: upright height, px.
        device: what EXIF says about camera and focal length, in words; ``""`` if nothing.
        gps: (latitude in degrees, longitude in degrees, altitude in m or None) of WGS84; None without.
    """

    name: str
    path: Path
    width: int
    height: int
    device: str = ""
    gps: Position | None = None

    def fingerprint(self) -> list[str | int]:
        """What changes when the file does: name, size in bytes, time of the last change."""
        status = self.path.stat()
        return [self.name, status.st_size, status.st_mtime_ns]


def image_paths(folder: Path) -> list[Path]:
    """All image files below a folder, sorted by their names.

    Raises:
        SceneError: no such folder, or no images in it (TP-251).
        OutputError: a folder below it may not be listed (TP-806).
    """
    below = files_below(folder)
    files = [item for item in below if item.suffix.lower() in IMAGE_SUFFIXES and _is_listed(item)]
    if not files:
        fix = unread_images(below) or "Name a folder with images, or a video file."
        raise SceneError("TP-251", "there are no images here", where=folder, fix=fix)
    return sorted(files, key=lambda item: item.relative_to(folder).as_posix())


def unread_problems(folder: Path) -> list[Problem]:
    """A warning about images below a folder that cannot be read here, such as HEIC without pillow-heif, if there are any."""
    text = unread_images(files_below(folder))
    return [Problem("warning", text)] if text else []


def read_headers(folder: Path, paths: Iterable[Path]) -> tuple[list[SourceImage], list[tuple[str, ImageError]]]:
    """Images whose headers make sense, and (name, error) of the others."""
    images: list[SourceImage] = []
    invalid: list[tuple[str, ImageError]] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            header = read_header(path)
        except ImageError as error:
            invalid.append((name, error))
            continue
        images.append(SourceImage(name, path, header.width, header.height, header.exif.device, header.exif.gps))
    return images, invalid


def check_invalid(invalid: list[tuple[str, ImageError]], total: int, skip_invalid: bool) -> None:
    """Raise the first image's error, with the number of such images, unless they are to be left out.

    Raises:
        ImageError: TP-1xx.
    """
    if not invalid or skip_invalid:
        return
    error = invalid[0][1]
    what = error.what
    if len(invalid) > 1:
        what = f"{len(invalid)} of {total} images cannot be used; the first: {what}"
    fix = f"{error.fix} Or give --skip-invalid to leave {'it' if len(invalid) == 1 else 'them'} out.".strip()
    raise ImageError(error.code, what, where=error.where, fix=fix)


def invalid_problems(invalid: list[tuple[str, ImageError]]) -> list[Problem]:
    """A warning for each image that is left out because it cannot be decoded."""
    return [Problem("warning", f"{name} is left out: {error.code} {error.what}.") for name, error in invalid]


def check_count(images: int, scene: Path) -> None:
    """Refuse too few images.

    Raises:
        SceneError: TP-252.
    """
    if images < MIN_IMAGES:
        raise SceneError(
            "TP-252",
            f"only {images} usable image{'s' if images != 1 else ''}, at least {MIN_IMAGES} are needed",
            where=scene,
            fix="Take 20 images or more, walking around, each sharing half of what it shows with the next.",
        )


def _is_listed(path: Path) -> bool:
    # macOS leaves "._image.jpg" beside images; they are not images.
    return not path.name.startswith(".")
