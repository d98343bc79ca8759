"""Image files of a scene that are not where its files say: under another spelling, or in another folder.

Scenes travel: from a disk that ignores capitals to one that does not, from Windows with its backslashes, from another
machine with its absolute paths, from macOS with its decomposed accents. A file is taken for a listed image where its name
and, as far as several files have that name, the names of the folders above it leave no choice.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trigpoint.core.file_errors import file_error
from trigpoint.core.image_formats import IMAGE_SUFFIXES, is_unread_image, unread_images
from trigpoint.formats.textfiles import is_file

# With more files than this the search would take longer than to say where the images are.
_MAX_FILES = 200_000
# What programs keep beside images under the names of the images.
_NO_IMAGES = re.compile(
    r"(.*[_-])?(masks?|depths?|normals?|labels?|seg\w*|semantics?|confidences?|thumb\w*|__macosx)([_-].*)?"
)
_REDUCED = re.compile(r"images_(\d{1,2})")

LISTED, SPELLING, ELSEWHERE = "listed", "spelling", "elsewhere"


@dataclass(frozen=True)
class FoundImage:
    """Where the file of a listed image is.

    Attributes:
        path: the file.
        how: ``LISTED`` where the files of the scene say, ``SPELLING`` there but for capitals, accents and slashes,
            ``ELSEWHERE`` in another folder.
    """

    path: Path
    how: str


class ImageFinder:
    """Finds the files of listed images.

    Args:
        root: folder of the scene, which is searched.
        images: the folder that the images are in, if the user names it: then only this one is searched.
        reduced: whether reduced copies (``images_2``, ``images_4``) will do, the largest first.
    """

    def __init__(self, root: Path, images: Path | None = None, *, reduced: bool = False) -> None:
        self.root = root.absolute()
        self.images = None if images is None else images.absolute()
        self.reduced = reduced

    def find(self, listed: str, path: Path) -> FoundImage | None:
        """The file of an image, or None.

        Args:
            listed: the image as the scene names it.
            path: where it should be.
        """
        for candidate in (path,) if self.images is None else (self.images / listed, self.images / self.below_root(path)):
            if is_file(candidate):
                return FoundImage(candidate, LISTED)
        wanted = _parts(path)
        ranked = sorted(((self._rank(file, wanted), file) for file in self._named(wanted[-1])), reverse=True)
        # Two files that fit equally well are a choice that only the user can make.
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return None
        file = ranked[0][1]
        return FoundImage(file, SPELLING if _parts(file)[:-1] == wanted[:-1] else ELSEWHERE)

    def hint(self, path: Path) -> str:
        """What is there in place of an image that was not found; ``""`` if nothing like it."""
        wanted = _parts(path)
        files = self._files.get(wanted[-1], [])
        if files:
            names = [self.below_root(file).as_posix() for file in sorted(files)]
            return f"{names[0]} has its name" if len(files) == 1 else f"{names[0]} and {names[1]} have its name"
        stem = wanted[-1].rpartition(".")[0]
        others = (file for name in self._files if name.rpartition(".")[0] == stem for file in self._files[name])
        other = min(others, default=None)
        if other is None:
            return ""
        hint = f"{self.below_root(other).as_posix()} has another suffix"
        return f"{hint}, and {unread_images([other]).rstrip('.')}" if is_unread_image(other) else hint

    def reduced_folders(self) -> list[str]:
        """Names of the folders of reduced copies in the scene."""
        return sorted(item.name for item in self.root.glob("images_*") if _REDUCED.fullmatch(item.name) and item.is_dir())

    def below_root(self, path: Path) -> Path:
        """A path relative to the folder that is searched, or as it is."""
        for folder in (self.root, *([] if self.images is None else [self.images])):
            if path.absolute().is_relative_to(folder):
                return path.absolute().relative_to(folder)
        return path

    def _named(self, name: str) -> list[Path]:
        """The files of a folded name, which some programs leave without its suffix."""
        if Path(name).suffix in IMAGE_SUFFIXES:
            return self._files.get(name, [])
        return [file for suffix in IMAGE_SUFFIXES for file in self._files.get(name + suffix, [])]

    def _rank(self, file: Path, wanted: tuple[str, ...]) -> tuple[int, int]:
        """How many names from the end on are those wanted, then how little the image is reduced."""
        parts = _parts(file if Path(wanted[-1]).suffix in IMAGE_SUFFIXES else file.with_suffix(""))
        factor = next((int(match[1]) for part in parts if (match := _REDUCED.fullmatch(part))), 1)
        plain = [_REDUCED.sub("images", part) for part in parts]
        pairs = zip(reversed(plain), reversed(wanted), strict=False)
        return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(plain), len(wanted))), -factor

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The image files that may be taken, by their folded name; none if there are too many."""
        result: dict[str, list[Path]] = {}
        folders, visited, count = [self.root if self.images is None else self.images], set(), 0
        while folders:
            folder = folders.pop()
            try:
                status = folder.stat()
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise file_error(error, folder) from error
            # Links may lead back to where they came from.
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            for entry in entries:
                count += 1
                path = folder / entry.name
                if path.is_dir():
                    folders += [path] if self._may_hold_images(entry.name) else []
                elif _is_image(path) and is_file(path):
                    result.setdefault(_folded(entry.name), []).append(path)
            if count > _MAX_FILES:
                return {}
        return result

    def _may_hold_images(self, name: str) -> bool:
        if name.startswith(".") or _NO_IMAGES.fullmatch(name.casefold()):
            return False
        return self.reduced or _REDUCED.fullmatch(name) is None


def _is_image(path: Path) -> bool:
    return (path.suffix.lower() in IMAGE_SUFFIXES or is_unread_image(path)) and not path.name.startswith(".")


def plain_name(listed: str) -> str | None:
    """The name of an image with ``/`` between its folders; None for a path of a machine (``/home/...``, ``C:\\...``)."""
    name = listed.replace("\\", "/")
    return None if name.startswith("/") or re.match(r"[A-Za-z]:/", name) else name


def _parts(path: Path) -> tuple[str, ...]:
    return tuple(_folded(part) for part in Path(str(path.absolute()).replace("\\", "/")).parts)


def _folded(name: str) -> str:
    """The same for names that differ in capitals or in how accents are encoded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
