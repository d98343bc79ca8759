"""Images and poses in separate files, which belong together by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.folders import files_below, matching
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.formats.builder import SceneBuilder, shortened


def images_by_stem(folder: Path) -> dict[str, Path]:
    """The images of a folder by their name without suffix; none where there is no such folder.

    Raises:
        SceneError: two images with the same name but for the suffix (TP-215).
    """
    result: dict[str, Path] = {}
    for file in matching(folder, "*"):
        if file.suffix.lower() not in IMAGE_SUFFIXES or file.name.startswith("."):
            continue
        if file.stem in result:
            what = f"two files belong to the same image: {result[file.stem].name} and {file.name}"
            raise SceneError("TP-215", what, where=folder, fix="Remove or rename one of them.")
        result[file.stem] = file
    return result


def paired(builder: SceneBuilder, folder: Path, images: Iterable[str], poses: Iterable[str]) -> list[str]:
    """The names that have both an image and a pose, sorted. Those that lack one are left out with ``skip_invalid``.

    Raises:
        SceneError: images without poses, or poses without images (TP-215).
    """
    images, poses = set(images), set(poses)
    single = sorted(images ^ poses)
    if single:
        what = f"{len(images)} images and {len(poses)} poses do not pair up: {shortened(single, 3)} have no partner"
        unread = unread_images(files_below(folder))
        if not builder.options.skip_invalid:
            fix = f"{unread} Copy the folder again, or give --skip-invalid.".strip()
            raise SceneError("TP-215", what, where=folder, fix=fix)
        builder.warn(f"{what}. These were left out. {unread}".strip())
    return sorted(images & poses)
