"""Format reader: recognises one format of posed images and reads it. Other packages may bring their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.scene import Scene


@dataclass(frozen=True)
class ReadOptions:
    """How to read a scene.

    Attributes:
        skip_invalid: leave out images that cannot be used (no pose, NaN in the pose, damaged file, ...) and list them in
            ``Scene.problems``. Otherwise the first of them is an error.
        metric: whether one unit of the poses is one metre; None takes what the format says.
        open_part: opens another folder, with a format or None, a hold-out rule or None, and otherwise the same options.
            ``open_scene`` hands itself in here, so that a scene made of others needs to know no format.
        images: the folder that the images are in, for those that are not where the files say.
        scale_intrinsics: fit the cameras to images that are resized copies. Otherwise such images are invalid.
    """

    skip_invalid: bool = False
    metric: bool | None = None
    open_part: Callable[[Path, str | None, str | None], Scene] | None = None
    images: Path | None = None
    scale_intrinsics: bool = False


@dataclass(frozen=True)
class Reader:
    """One format of posed images.

    Attributes:
        name: name of the format, such as ``"colmap"``.
        sniff: whether a file or folder looks like this format, from file names alone. Never raises.
        read: reads it, or raises a ``TrigpointError``.
        looks_for: the files that make a folder recognisable, for people.
        poses: how its files say where a camera stood, a key of ``CONVENTIONS`` in ``formats/conventions.py``.
    """

    name: str
    sniff: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], Scene]
    looks_for: str
    poses: str = "opencv-w2c"
