"""COLMAP models below a folder, loaded through pycolmap: binary or text, with or without rigs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from trigpoint.core.camera import camera_model_names, model_hint, parameter_names
from trigpoint.core.errors import GeometryError, SceneError
from trigpoint.formats.colmap_layout import check_binary_model
from trigpoint.formats.textfiles import is_file, read_rows, read_text

_FOLDERS = ("", "sparse", "colmap/sparse", "dense/sparse")
_MAX_SUB_MODELS = 1000
_FIX = "Copy or export it again."


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
            with (folder / "images.bin").open("rb") as stream:
                return struct.unpack("<Q", stream.read(8))[0]
        lines = [line for line in read_text(folder / "images.txt").splitlines() if not line.startswith("#")]
        return (len(lines) + 1) // 2
    except (OSError, struct.error, SceneError):
        return 0


def load_model(folder: Path) -> Any:
    """The ``pycolmap.Reconstruction`` of a folder.

    Raises:
        SceneError: missing (TP-210), empty (TP-211), not text (TP-212), malformed (TP-214), damaged (TP-231) or
            contradictory files (TP-232).
        GeometryError: unknown camera model (TP-311), wrong number of parameters (TP-312).
    """
    if is_binary(folder):
        check_binary_model(folder)
    else:
        _check_text_model(folder)
    import pycolmap

    try:
        return pycolmap.Reconstruction(folder)
    except (ValueError, LookupError, RuntimeError, ArithmeticError, MemoryError, TypeError) as error:
        reason = str(error).split("Check failed: ")[-1].strip()
        raise SceneError("TP-232", f"COLMAP cannot load this model ({reason})", where=folder, fix=_FIX) from error


def _check_text_model(folder: Path) -> None:
    for name in ("images.txt", "points3D.txt"):
        read_text(folder / name)
    names = camera_model_names()
    for number, words in read_rows(folder / "cameras.txt"):
        where = f"{folder / 'cameras.txt'}, line {number}"
        if len(words) < 4:
            raise SceneError(
                "TP-214", f"id, model, width, height and parameters expected, got {len(words)} words", where=where, fix=_FIX
            )
        if words[1] not in names:
            raise GeometryError("TP-311", f"unknown camera model '{words[1]}'", where=where, fix=model_hint(words[1], names))
        expected = parameter_names(words[1])
        if len(words) - 4 != len(expected):
            raise GeometryError(
                "TP-312",
                f"camera model {words[1]} takes {len(expected)} parameters, got {len(words) - 4}",
                where=where,
                fix=f"Give {', '.join(expected)}.",
            )


def announced_images(folder: Path) -> int | None:
    """The number of images that the head of a text model's images.txt gives, if it does."""
    for line in read_text(folder / "images.txt").splitlines():
        if not line.startswith("#"):
            return None
        _, label, rest = line.partition("Number of images:")
        count = rest.split(",")[0].strip()
        if label and count.isdecimal() and len(count) < 10:
            return int(count)
    return None
