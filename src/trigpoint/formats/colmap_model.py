"""COLMAP models below a folder: binary or text, with or without rigs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from trigpoint.core.errors import SceneError
from trigpoint.core.regular_file import open_regular
from trigpoint.formats.colmap_binary import binary_files
from trigpoint.formats.colmap_entries import FIX, ModelFiles
from trigpoint.formats.colmap_layout import check_binary_model
from trigpoint.formats.colmap_text import text_files
from trigpoint.formats.textfiles import is_file, numbered_lines

_FOLDERS = ("", "sparse", "colmap/sparse", "dense/sparse")
_MAX_SUB_MODELS = 1000


def is_binary(folder: Path) -> bool:
    """Whether the model in a folder is read from its binary files, as COLMAP does where there are both."""
    return is_file(folder / "cameras.bin") and is_file(folder / "images.bin")


def is_model(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model."""
    return is_binary(folder) or (is_file(folder / "cameras.txt") and is_file(folder / "images.txt"))


def find_models(path: Path) -> list[Path]:
    """The models of one scene: all sub-models of the first of ``_FOLDERS`` that has any."""
    for name in _FOLDERS:
        folder = path / name
        if is_model(folder):
            return [folder]
        if folder.is_dir():
            numbered = [item for item in islice(folder.iterdir(), _MAX_SUB_MODELS) if item.name.isdecimal()]
            models = [item for item in sorted(numbered, key=lambda item: (len(item.name), item.name)) if is_model(item)]
            if models:
                return models
    return []


def fullest_model(models: Sequence[Path]) -> Path:
    """Of some models, at least one, that with the most images; the first of equals, which is the lowest-numbered."""
    return max(models, key=_count_images)


def _count_images(folder: Path) -> int:
    """Number of images that a model announces; 0 for one that cannot be read."""
    try:
        if is_binary(folder):
            with open_regular(folder / "images.bin") as stream:
                return struct.unpack("<Q", stream.read(8))[0]
        return (sum(not line.startswith("#") for _, line in numbered_lines(folder / "images.txt")) + 1) // 2
    except (OSError, struct.error, SceneError):
        return 0


def model_files(folder: Path) -> ModelFiles:
    """The files of a model, whole as far as that shows without reading what is in them.

    Raises:
        SceneError: a file is missing (TP-210), empty (TP-211) or damaged (TP-231).
        GeometryError: unknown camera model (TP-311).
    """
    if is_binary(folder):
        check_binary_model(folder)
        return binary_files(folder)
    files = text_files(folder)
    for path in files.paths:
        next(numbered_lines(path), None)
    return files


def load_model(folder: Path) -> Any:
    """The ``pycolmap.Reconstruction`` of a folder, for models of our own making; scenes are read by ``model_files``.

    Raises:
        SceneError: missing (TP-210), empty (TP-211), damaged (TP-231) or contradictory files (TP-232).
        GeometryError: unknown camera model (TP-311).
    """
    check_binary_model(folder)
    import pycolmap

    try:
        return pycolmap.Reconstruction(folder)
    except (ValueError, LookupError, RuntimeError, ArithmeticError, MemoryError, TypeError) as error:
        reason = str(error).split("Check failed: ")[-1].strip()
        raise SceneError("TP-232", f"COLMAP cannot load this model ({reason})", where=folder, fix=FIX) from error


def announced_images(folder: Path) -> int | None:
    """The number of images that the head of a text model's images.txt gives, if it does."""
    for _, line in numbered_lines(folder / "images.txt"):
        if not line.startswith("#"):
            return None
        _, label, rest = line.partition("Number of images:")
        count = rest.split(",")[0].strip()
        if label and count.isdecimal() and len(count) < 10:
            return int(count)
    return None
