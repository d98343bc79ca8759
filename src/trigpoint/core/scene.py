"""A scene as posed images: what the readers make and everything else takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.colmap import images_from_colmap, intrinsics_from_colmap, pose_from_colmap, tracks_from_colmap
from trigpoint.core.errors import SceneError
from trigpoint.core.image import image_size
from trigpoint.core.pose import Pose
from trigpoint.core.tracks import Tracks, TrackSource

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

    def check_size(self, size_px: tuple[int, int]) -> None:
        """Refuse an image file of another size than the camera's: poses and intrinsics are for the full-size image.

        Args:
            size_px: upright (width, height) of the image file.

        Raises:
            SceneError: a resized copy (TP-221), another image (TP-222), or one turned by its EXIF orientation (TP-223).
        """
        width, height = size_px
        camera = self.camera
        if size_px == (camera.width, camera.height):
            return
        sizes = f"the image has {width}x{height} px and its camera is for {camera.width}x{camera.height} px"
        if (height, width) == (camera.width, camera.height):
            raise SceneError(
                "TP-223",
                f"{sizes}: the file is turned by its EXIF orientation, its pose is for the unturned image",
                where=self.image_path,
                fix="Remove the orientation tag (exiftool -Orientation= FILE) from copies of the images.",
            )
        if camera.fits_resized(width, height):
            near = max(abs(width - camera.width), abs(height - camera.height)) <= 1
            raise SceneError(
                "TP-221",
                f"{sizes}: {'a pixel of difference' if near else 'these are resized copies'}",
                where=self.image_path,
                fix="Put the full-size images there, those that the poses were computed from, or give --scale-intrinsics.",
            )
        raise SceneError(
            "TP-222",
            f"{sizes}: they do not belong together",
            where=self.image_path,
            fix="Check which images the poses were made for.",
        )


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
        poses: the convention that the poses were read in, where the user named one (``formats/conventions.py``).
        track_source: reads the triangulated points that came with the poses; None if there are none.
    """

    root: Path
    format: str
    frames: tuple[Frame, ...]
    metric: bool
    problems: tuple[Problem, ...] = ()
    holdout: str | None = None
    poses: str | None = None
    track_source: TrackSource | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(frame.name for frame in self.frames).items() if count > 1]
        if twice:
            raise SceneError(
                "TP-205",
                f"{len(twice)} image names occur more than once (first: {twice[0]})",
                where=self.root,
                fix="Every image needs a name of its own: rename or remove the copies.",
            )

    @staticmethod
    def from_reconstruction(reconstruction: Any, images: Path | str, *, metric: bool = False) -> Scene:
        """The registered images of a ``pycolmap.Reconstruction`` in memory, with its points as ``tracks``.

        Args:
            reconstruction: the model; later changes to it reach ``tracks`` until these are first asked for.
            images: the folder that the names of its images are relative to.
            metric: whether one unit of the poses is one metre.

        Raises:
            SceneError: no registered image (TP-206); an image of another size than its camera (TP-221 to TP-223).
            GeometryError: a pose (TP-301 to TP-303) or camera (TP-311 to TP-313) that cannot be used.
            ImageError: an image file that is missing or whose header cannot be read (TP-1xx).
        """
        folder, where = Path(images), "pycolmap.Reconstruction"
        frames: list[Frame] = []
        unregistered = 0
        for name, image in images_from_colmap(reconstruction, where):
            pose = pose_from_colmap(image, f"{where}, {name}")
            if pose is None:
                unregistered += 1
                continue
            model, size, params = intrinsics_from_colmap(image.camera)
            frame = Frame(name, folder / name, Camera(model, *size, params), pose, sequence=name.rpartition("/")[0])
            frame.check_size(image_size(frame.image_path))
            frames.append(frame)
        if not frames:
            raise SceneError(
                "TP-206",
                "the model has no registered image",
                where=folder,
                fix="Register the images first, with COLMAP's mapper.",
            )
        problems = (Problem("note", f"Images that are not registered: {unregistered}."),) if unregistered else ()
        names = [frame.name for frame in frames]
        tracks = TrackSource(lambda: tracks_from_colmap(reconstruction, names, where))
        return Scene(folder, "colmap", tuple(frames), metric, problems, track_source=tracks)

    @property
    def units(self) -> str:
        """``"m"`` for metric scenes, ``"units"`` for scenes of unknown scale."""
        return "m" if self.metric else "units"

    @property
    def tracks(self) -> Tracks | None:
        """Triangulated points and their observations, in world and in the unit of the scene; None where there are none.

        They are read when they are first asked for.

        Raises:
            SceneError: the model that the scene was read from is gone or damaged (TP-210 to TP-232).
        """
        return None if self.track_source is None else self.track_source.tracks

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
