"""One exception family. Every error a user can cause says what, where, and what to do, under a stable code.

Codes are documented in docs/errors.md (a test compares the two). Their hundreds digit names the area:
1 images, 2 scenes and their files, 3 cameras and poses, 4 map files, 5 weights, 6 mapping and localization,
7 configuration and command line, 8 output files, 9 downloads.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_LONGEST_WORD = 100


# Names and words in damaged files can be as long as the files.
_LONGEST_WHAT, _LONGEST_WHERE = 1000, 500


class TrigpointError(Exception):
    """An error the user can act on.

    Args:
        code: stable identifier such as ``"TP-201"``.
        what: what is wrong, in one sentence without the final full stop.
        where: the file, folder or frame that it is about.
        fix: what the user can do about it.
    """

    def __init__(self, code: str, what: str, *, where: str | Path | None = None, fix: str = "") -> None:
        self.code = code
        self.what = clipped(what, _LONGEST_WHAT)
        self.where = None if where is None else str(where)
        self.fix = fix
        super().__init__(self.__str__())

    def __str__(self) -> str:
        where = f" [{clipped(self.where, _LONGEST_WHERE)}]" if self.where else ""
        advice = f" {self.fix}" if self.fix else ""
        return f"{self.code} {self.what}{where}.{advice}"


class ImageError(TrigpointError):
    """An image file that cannot be used (TP-1xx)."""


class SceneError(TrigpointError):
    """A scene folder or one of its files that cannot be used (TP-2xx)."""


class GeometryError(TrigpointError):
    """A camera or pose with impossible values (TP-3xx)."""


class MapFileError(TrigpointError):
    """A map file that cannot be used (TP-4xx)."""


class WeightsError(TrigpointError):
    """Network weights that are missing or not what they should be (TP-5xx)."""


class MappingError(TrigpointError):
    """Mapping or localization that cannot be done with what was given (TP-6xx)."""


class ConfigError(TrigpointError):
    """An option, preset or command line that makes no sense (TP-7xx)."""


class OutputError(TrigpointError):
    """A result that cannot be written (TP-8xx)."""


class DownloadError(TrigpointError):
    """A file that cannot be fetched (TP-9xx)."""


def clipped(text: str, length: int) -> str:
    """A text of at most ``length`` characters: of a longer one its beginning and its end."""
    if len(text) <= length:
        return text
    kept = (length - 5) // 2
    return f"{text[:kept]} ... {text[-kept:]}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The suggestion part of an unknown-name error: the closest known name if any, then all of them."""
    known = sorted(known)
    # Comparing takes long for words that nobody has mistyped.
    close = difflib.get_close_matches(word, known, n=1) if len(word) <= _LONGEST_WORD else []
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(known)}."
