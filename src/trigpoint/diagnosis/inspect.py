"""Report on a scene: its contents and its problems, in words that a photographer understands."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trigpoint.core.scene import TEST, Frame, Problem, Scene
from trigpoint.diagnosis.image_quality import PictureCheck, check_pictures
from trigpoint.diagnosis.neighbours import Neighbours, from_one_spot, nearest_images
from trigpoint.diagnosis.pose_check import PoseCheck, summed
from trigpoint.diagnosis.pose_verdict import check_scene, pose_problems
from trigpoint.formats.builder import shortened
from trigpoint.formats.joint import JOINT, scene_of

MIN_POSED = 5
# An image is far from the others at five times the usual distance, but never within a turn of 0.2 radians, about 11 degrees:
# in slow videos five times the usual distance is nothing.
_FAR, _FAR_AT_LEAST = 5.0, 0.2
_NEIGHBOURS = 8
# Cameras that are listed one by one unless all are asked for: a folder of images from the internet has one for each image.
_CAMERAS_LISTED = 3
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class ImageCounts:
    """Numbers of images of a scene.

    Attributes:
        total: images.
        posed: images with a pose.
        train: images for training: those that a map is made from.
        test: images for testing.
        portrait: images higher than wide.
        sequences: recordings.
    """

    total: int
    posed: int
    train: int
    test: int
    portrait: int
    sequences: int


@dataclass(frozen=True)
class CameraPositions:
    """Where the cameras stand.

    Attributes:
        extent: sides of the box around all camera centres along the axes of the world, in the unit of the scene.
        step: median distance to the image nearest in pose, in the unit of the scene; None below two posed images.
        step_angle_deg: median angle to the image nearest in pose; None below two posed images.
    """

    extent: tuple[float, float, float]
    step: float | None = None
    step_angle_deg: float | None = None


@dataclass(frozen=True)
class SceneReport:
    """The facts about a scene.

    Attributes:
        root: folder.
        format: name of the format.
        metric: whether lengths are metres.
        images: numbers of images.
        cameras: (description such as ``"OPENCV 1080x1920"``, number of images), most frequent first.
        positions: where the cameras stand.
        pictures: sharpness and exposure of a sample.
        epipolar: how well poses and cameras fit the images; None below two posed images.
        problems: what the reader and the checks noticed, errors first.
    """

    root: str
    format: str
    metric: bool
    images: ImageCounts
    cameras: tuple[tuple[str, int], ...]
    positions: CameraPositions
    pictures: PictureCheck
    epipolar: PoseCheck | None
    problems: tuple[Problem, ...]

    @property
    def units(self) -> str:
        """``"m"`` or ``"units"``."""
        return "m" if self.metric else "units"

    def exit_code(self) -> int:
        """0 if a map can be made from this scene, 1 if a problem is an error."""
        return int(any(problem.severity == "error" for problem in self.problems))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def facts(self, *, all_cameras: bool = False) -> list[tuple[str, str]]:
        """The facts as text: (label, value); of many cameras the most frequent ones, or all of them."""
        size = " x ".join(f"{side:.3g}" for side in self.positions.extent)
        scale = "metres" if self.metric else "unknown scale"
        images, step = self.images, self.positions.step
        turned = f"{images.portrait} portrait, {images.total - images.portrait} landscape"
        facts = [
            ("scene", f"{self.root} ({self.format}, {scale})"),
            ("images", f"{images.total}, {images.posed} with a pose, {turned}"),
            ("split", f"{images.train} train, {images.test} test, {images.sequences} recordings"),
            *(("camera", text) for text in self._camera_lines(all_cameras)),
            ("extent", f"{size} {self.units} between the cameras"),
        ]
        if step is not None:
            distance = f"{step:.3g} {self.units} and {self.positions.step_angle_deg:.1f} degrees"
            facts.append(("neighbours", f"{distance} apart (median)"))
        if self.epipolar is not None and self.epipolar.median_px is not None:
            facts.append(("poses", f"{self.epipolar.median_px:.2f} px off, {self.epipolar.pairs} pairs of images compared"))
        return facts

    def _camera_lines(self, every: bool) -> list[str]:
        """A line for each camera, or for the most frequent ones and one line for the others."""
        listed = len(self.cameras) if every or len(self.cameras) <= _CAMERAS_LISTED + 1 else _CAMERAS_LISTED
        lines = [f"{name}: {count} images" for name, count in self.cameras[:listed]]
        rest = self.cameras[listed:]
        if rest:
            models, sizes = (sorted({name.split()[part] for name, _ in rest}) for part in (0, 1))
            sizes = sorted(sizes, key=lambda size: math.prod(map(int, size.split("x"))))
            spread = f"{sizes[0]} to {sizes[-1]} px" if len(sizes) > 1 else f"{sizes[0]} px"
            images = sum(count for _, count in rest)
            lines.append(f"{len(rest)} others: {images} images, {', '.join(models)}, {spread} (--all-cameras lists them)")
        return lines


def describe_scene(scene: Scene) -> SceneReport:
    """Look at poses, cameras and a sample of the images. Takes a few seconds, however large the scene.

    Images that do not decode become problems of the report, never an exception.
    """
    posed = scene.posed()
    near = nearest_images([frame.pose() for frame in posed], _NEIGHBOURS) if len(posed) > 1 else None
    pictures = check_pictures(scene.frames)
    checks = check_scene(scene, posed) if near is not None else {}
    problems = [
        *scene.problems,
        *_pose_problems(scene, posed, near),
        *_picture_problems(pictures),
        *(pose_problems(scene, checks) if checks else []),
    ]
    return SceneReport(
        root=str(scene.root),
        format=scene.format,
        metric=scene.metric,
        images=_counts(scene),
        cameras=_cameras(scene),
        positions=_positions(scene, near),
        pictures=pictures,
        epipolar=summed(list(checks.values())) if checks else None,
        problems=tuple(sorted(problems, key=lambda problem: _SEVERITIES.index(problem.severity))),
    )


def _counts(scene: Scene) -> ImageCounts:
    return ImageCounts(
        total=len(scene.frames),
        posed=len(scene.posed()),
        train=len(scene.for_mapping()),
        test=sum(frame.split == TEST for frame in scene.frames),
        portrait=sum(frame.camera.height > frame.camera.width for frame in scene.frames),
        sequences=len({frame.sequence for frame in scene.frames}),
    )


def _positions(scene: Scene, near: Neighbours | None) -> CameraPositions:
    x, y, z = (float(side) for side in (np.ptp(scene.centres(), axis=0) if scene.posed() else np.zeros(3)))
    if near is None:
        return CameraPositions((x, y, z))
    return CameraPositions((x, y, z), float(np.median(near.step[:, 0])), float(np.median(near.angle_deg[:, 0])))


def _cameras(scene: Scene) -> tuple[tuple[str, int], ...]:
    names = Counter(f"{frame.camera.model} {frame.camera.width}x{frame.camera.height}" for frame in scene.frames)
    return tuple(sorted(names.items(), key=lambda item: (-item[1], item[0])))


def _pose_problems(scene: Scene, posed: tuple[Frame, ...], near: Neighbours | None) -> list[Problem]:
    result: list[Problem] = []
    if not posed:
        result.append(Problem("error", "No image has a pose: 'trigpoint reconstruct' finds them."))
    elif len(posed) < MIN_POSED:
        few = f"Images with a pose: only {len(posed)}; {MIN_POSED} is the least that a map can be made from."
        result.append(Problem("error", few))
    if not scene.metric:
        result.append(Problem("note", "The scale is unknown: positions will be in the units of these poses, not in metres."))
    if near is None:
        return result
    # Distances to the nearest images do not tell: all of them may have been taken from the same spot, of several.
    if from_one_spot(scene.centres()):
        result.append(
            Problem("error", "All images were taken from one point: depth cannot be learned. Move while taking them.")
        )
    far = [frame for part in _parts(scene, posed) for frame in _far_from_others(part)]
    if far:
        names = shortened([frame.name for frame in far])
        message = f"Images far from all others, badly learned or with a wrong pose: {len(far)} of {len(posed)} ({names})."
        result.append(Problem("warning", message))
    return result


def _parts(scene: Scene, posed: tuple[Frame, ...]) -> list[list[Frame]]:
    """The images whose distances may be compared: in a joint scene, those of each of its scenes, which differ in density."""
    parts: dict[str, list[Frame]] = {}
    for frame in posed:
        parts.setdefault(scene_of(frame.name) if scene.format == JOINT else "", []).append(frame)
    return list(parts.values())


def _far_from_others(frames: list[Frame]) -> list[Frame]:
    """The images of one part that are much farther from their nearest than is usual in it; one that is alone is, too."""
    if len(frames) < 2:
        return frames
    distance = nearest_images([frame.pose() for frame in frames], 1).distance[:, 0]
    limit = max(_FAR * float(np.median(distance)), _FAR_AT_LEAST)
    return [frame for frame, away in zip(frames, distance, strict=True) if away > limit]


def _picture_problems(pictures: PictureCheck) -> list[Problem]:
    result: list[Problem] = []
    for what, names in (
        ("Images blurred compared with the others", pictures.blurry),
        ("Almost black images", pictures.dark),
        ("Overexposed images", pictures.overexposed),
    ):
        if names:
            message = f"{what}: {len(names)} of {pictures.looked_at} looked at ({shortened(list(names))})."
            result.append(Problem("warning", message))
    if pictures.damaged:
        name, why = pictures.damaged[0]
        counted = f"Images that cannot be decoded: {len(pictures.damaged)} of {pictures.looked_at} looked at"
        result.append(Problem("error", f"{counted} (first: {name}: {why})."))
    return result
