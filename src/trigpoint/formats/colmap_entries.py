"""Cameras, images and points of a COLMAP model as its files list them, whether as text or binary.

pycolmap reads these files too, but a model in which one line is wrong gives a C++ expression instead of the line. Here an
entry that cannot be used is an error about its image, and the others remain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import check_model
from trigpoint.core.errors import GeometryError, SceneError, TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.core.tracks import Observations, Tracks
from trigpoint.formats.textfiles import to_numbers, to_whole_px

FIX = "Copy or export the model again."
# COLMAP writes the largest unsigned number for a 2D point without a 3D point, as text -1.
NO_POINT = np.iinfo(np.int64).min


@dataclass(frozen=True)
class ModelCamera:
    """A camera as it is listed.

    Attributes:
        values: model, width and height in px, parameters; as read, so perhaps no numbers.
        where: file, and line or camera.
        problem: why it cannot be used, as far as that shows before its values are looked at.
    """

    values: Sequence[str | float]
    where: str
    problem: TrigpointError | None = None

    def intrinsics(self) -> tuple[str, tuple[int, int], tuple[float, ...]]:
        """(model, (width, height) in px, parameters).

        Raises:
            GeometryError: unknown model (TP-311), wrong number of parameters (TP-312), impossible size (TP-313).
            SceneError: a value that is no number (TP-214), or ``problem``.
        """
        if self.problem is not None:
            raise self.problem
        if len(self.values) < 3:
            what = f"id, model, width, height and parameters expected, got {len(self.values) + 1} words"
            raise SceneError("TP-214", what, where=self.where, fix=FIX)
        params = tuple(to_numbers(self.values[3:], self.where))
        try:
            check_model(str(self.values[0]), params)
        except GeometryError as error:
            raise GeometryError(error.code, error.what, where=self.where, fix=error.fix) from error
        return str(self.values[0]), to_whole_px(self.values[1:3], self.where), params


@dataclass(frozen=True)
class ModelImage:
    """An image as it is listed.

    Attributes:
        id: its number in the model, as read.
        name: its name; what stands for it where there is none.
        numbers: quaternion (w first) and translation of ``cam_from_world``, as read.
        camera_id: number of its camera, as read.
        where: file, and line or image.
        problem: why it cannot be used, as far as that shows before its numbers are looked at.
    """

    id: str
    name: str
    numbers: Sequence[str | float]
    camera_id: str
    where: str
    problem: TrigpointError | None = None

    def check(self) -> None:
        """Raise ``problem``, if there is one."""
        if self.problem is not None:
            raise self.problem

    def pose(self) -> Pose:
        """``cam_from_world``. Raises SceneError TP-214, GeometryError TP-301 to TP-303."""
        values = to_numbers(self.numbers, self.where)
        return Pose.from_quaternion(values[:4], values[4:], where=self.where)

    def camera(self, cameras: Mapping[str, ModelCamera]) -> ModelCamera:
        """Its camera. Raises SceneError TP-232 where there is none of this number."""
        if self.camera_id not in cameras:
            raise SceneError("TP-232", f"there is no camera {self.camera_id[:20]}", where=self.where, fix=FIX)
        return cameras[self.camera_id]


@dataclass(frozen=True)
class ModelPoint:
    """A 3D point as it is listed: number, coordinates in world, mean reprojection error (px), and where it stands."""

    id: int
    xyz: tuple[float, float, float]
    error_px: float
    where: str


@dataclass(frozen=True)
class ModelFiles:
    """The three files of a model.

    Attributes:
        cameras: reads the cameras by their number.
        images: reads the images in the order of the file, without their observations.
        points: reads the points in the order of the file.
        observations: reads of the named images the (n, 2) positions, px, and the (n,) numbers of the points there, int64,
            ``NO_POINT`` where there is none.
        paths: the files.
    """

    cameras: Callable[[], dict[str, ModelCamera]]
    images: Callable[[], list[ModelImage]]
    points: Callable[[], Iterable[ModelPoint]]
    observations: Callable[[frozenset[str]], dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]]
    paths: tuple[Path, ...]


def without_repeated_ids(images: Iterable[ModelImage]) -> list[ModelImage]:
    """The images; one whose number another has had before gets that as its ``problem`` (TP-232)."""
    first: dict[str, str] = {}
    result: list[ModelImage] = []
    for image in images:
        if image.id in first and image.problem is None:
            what = f"the image id {image.id} is there twice, here and at {first[image.id]}"
            error = SceneError("TP-232", what, where=image.where, fix="Give every image an id of its own.")
            image = replace(image, problem=error)
        first.setdefault(image.id, image.where)
        result.append(image)
    return result


def add_camera(cameras: dict[str, ModelCamera], key: str, camera: ModelCamera) -> None:
    """Add a camera; where there was one of this number, its images cannot be used (TP-232)."""
    before = cameras.get(key)
    if before is not None:
        what = f"the camera id {key} is there twice, here and at {before.where}"
        error = SceneError("TP-232", what, where=camera.where, fix="Give every camera an id of its own.")
        camera = replace(camera, problem=error)
    cameras[key] = camera


def good_points(points: Iterable[ModelPoint]) -> tuple[list[ModelPoint], list[SceneError]]:
    """The points that can be used, and what is wrong with the others: NaN or infinity, or a number that occurs twice."""
    good: dict[int, ModelPoint] = {}
    errors: list[SceneError] = []
    for point in points:
        if not np.isfinite(point.xyz).all():
            errors.append(SceneError("TP-232", "a 3D point is NaN or infinite", where=point.where, fix=FIX))
        elif not 0 <= point.id < 2**63:
            what = f"{point.id} is not the id of a 3D point"
            errors.append(SceneError("TP-232", what, where=point.where, fix=FIX))
        elif point.id in good:
            what = f"the point id {point.id} is there twice, here and at {good[point.id].where}"
            errors.append(SceneError("TP-232", what, where=point.where, fix=FIX))
        else:
            good[point.id] = point
    return list(good.values()), errors


def read_tracks(files: ModelFiles, names: Sequence[str], *, skip_invalid: bool) -> Tracks | None:
    """The points of a model and their observations in the named images, points in the order of their numbers.

    Args:
        files: the model.
        names: images of the scene; those that the model does not hold observe nothing.
        skip_invalid: leave out points that cannot be used, and what observes them.

    Returns:
        None if the model has no points.

    Raises:
        SceneError: a point that cannot be used, or an image observes a point that does not exist (TP-232).
    """
    points, errors = good_points(files.points())
    if errors and not skip_invalid:
        raise errors[0]
    if not points:
        return None
    points.sort(key=lambda point: point.id)
    ids = np.array([point.id for point in points], dtype=np.int64)
    errors_px = np.array([point.error_px for point in points], dtype=np.float64)
    listed = files.observations(frozenset(names))
    images = {name: Observations.none() for name in names}
    for name, (image_px, keys) in listed.items():
        observed = keys != NO_POINT
        row = np.searchsorted(ids, keys).clip(max=len(ids) - 1)
        known = observed & (ids[row] == keys)
        if not skip_invalid and (known != observed).any():
            what = f"an image observes a 3D point that does not exist ({keys[observed & ~known][0]})"
            raise SceneError("TP-232", what, where=f"{files.paths[0].parent}, {name}", fix=FIX)
        order = np.argsort(row[known], kind="stable")
        if known.any():
            images[name] = Observations(row[known][order].astype(np.int64), image_px[known][order])
    # COLMAP writes -1 for an error that it does not know.
    xyz = np.array([point.xyz for point in points], dtype=np.float64).reshape(-1, 3)
    return Tracks(xyz, np.where(errors_px >= 0, errors_px, np.nan), images)
