"""A scene as posed images: what the readers make and everything else takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Frame:
    """One image of a scene.

    Attributes:
        name: unique name within the scene, with ``/`` between folders.
        image_path: the image file.
        camera: intrinsics of the image at its full size.
        cam_from_world: pose, or None when the scene has none for it.
        split: ``"train"``, ``"test"`` or None where the format says nothing.
        sequence: the recording it belongs to, ``""`` if there is only one.
        depth_path: 16-bit image of depths along the optical axis, if the format has one; 0 and 65535 say nothing.
        depth_unit: length of one step of the depth image, in the unit of the scene.
    """

    name: str
    image_path: Path
    camera: Camera
    cam_from_world: Pose | None
    split: str | None = None
    sequence: str = ""
    depth_path: Path | None = None
    depth_unit: float = 0.001

    def pose(self) -> Pose:
        """``cam_from_world``, for frames that must have one.

        Raises:
            SceneError: TP-204.
        """
        if self.cam_from_world is None:
            raise SceneError("TP-204", "this image has no pose", where=self.name, fix="Give --skip-invalid to leave it out.")
        return self.cam_from_world


@dataclass(frozen=True)
class Problem:
    """Something about a scene that its owner should know.

    Attributes:
        severity: ``"error"`` (not usable as it is), ``"warning"`` (usable, something is missing) or ``"note"``.
        message: one sentence in words a photographer understands.
    """

    severity: str
    message: str


@dataclass(frozen=True)
class Scene:
    """A scene as posed images.

    Attributes:
        root: the folder it was read from.
        format: name of the format, such as ``"colmap"``.
        frames: images sorted by name.
        metric: whether one unit of the poses is one metre.
        problems: what the reader noticed.
        holdout: the hold-out rule that set the splits, such as ``"every:8:0"``; None where the format says them.
    """

    root: Path
    format: str
    frames: tuple[Frame, ...]
    metric: bool
    problems: tuple[Problem, ...] = ()
    holdout: str | None = None

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(frame.name for frame in self.frames).items() if count > 1]
        if twice:
            raise SceneError(
                "TP-205",
                f"{len(twice)} image names occur more than once (first: {twice[0]})",
                where=self.root,
                fix="Every image needs a name of its own: rename or remove the copies.",
            )

    @property
    def units(self) -> str:
        """``"m"`` for metric scenes, ``"units"`` for scenes of unknown scale."""
        return "m" if self.metric else "units"

    def posed(self) -> tuple[Frame, ...]:
        """The frames that have a pose."""
        return tuple(frame for frame in self.frames if frame.cam_from_world is not None)

    def for_mapping(self) -> tuple[Frame, ...]:
        """The posed frames to make a map from: those for training, or if none is marked so, all but those for testing."""
        posed = self.posed()
        train = tuple(frame for frame in posed if frame.split == TRAIN)
        return train or tuple(frame for frame in posed if frame.split != TEST)

    def subset(self, split: str) -> Scene:
        """The scene with only the frames of one split. May be empty."""
        return replace(self, frames=tuple(frame for frame in self.frames if frame.split == split))

    def with_frames(self, frames: Iterable[Frame]) -> Scene:
        """The same scene with other frames, sorted by name."""
        return replace(self, frames=tuple(sorted(frames, key=lambda frame: frame.name)))

    def centres(self) -> NDArray[np.float64]:
        """(N, 3) camera centres in world of the posed frames, in the unit of the scene."""
        return np.array([frame.pose().centre() for frame in self.posed()]).reshape(-1, 3)
