"""Changes of an image that its camera, its light or its file may have gone through, for ``light.py``.

Pixels are (H, W, 3) uint8 RGB. Every change is deterministic: an image's noise depends on its name alone.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trigpoint.core.camera import Camera, parameter_names
from trigpoint.core.pose import Pose

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Query:
    """An image to localize.

    Attributes:
        name: of the image that it was made from.
        pixels: (H, W, 3) uint8 RGB.
        camera: what the localizer is told; None: nothing.
        cam_from_world: its true pose.
    """

    name: str
    pixels: Pixels
    camera: Camera | None
    cam_from_world: Pose


Change = Callable[[Query], Query]


def _light(function: Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]) -> Change:
    """A change of the values, as float32 from 0 to 1."""

    def change(query: Query) -> Query:
        generator = np.random.default_rng(zlib.crc32(query.name.encode()))
        values = function(query.pixels.astype(np.float32) / 255, generator)
        return replace(query, pixels=(np.clip(values, 0, 1) * 255).round().astype(np.uint8))

    return change


def _motion(length: int) -> Change:
    kernel = np.full((1, length), 1 / length, np.float32)
    return lambda query: replace(query, pixels=cv2.filter2D(query.pixels, -1, kernel))


def _jpeg(quality: int) -> Change:
    def change(query: Query) -> Query:
        file = io.BytesIO()
        Image.fromarray(query.pixels).save(file, "JPEG", quality=quality)
        return replace(query, pixels=np.asarray(Image.open(file)))

    return change


def crop(query: Query, left: float, top: float, width: float, height: float) -> Query:
    """A part of the image, given by fractions of its sides; a camera goes along."""
    rows, columns = query.pixels.shape[:2]
    x, y = round(left * columns), round(top * rows)
    pixels = query.pixels[y : y + round(height * rows), x : x + round(width * columns)]
    if query.camera is None:
        return replace(query, pixels=pixels)
    values = dict(zip(parameter_names(query.camera.model), query.camera.params, strict=True))
    values |= {"cx": values["cx"] - x, "cy": values["cy"] - y}
    camera = Camera(query.camera.model, pixels.shape[1], pixels.shape[0], tuple(values.values()))
    return replace(query, pixels=pixels, camera=camera)


def without_camera(query: Query) -> Query:
    """The localizer has to find the focal length."""
    return replace(query, camera=None)


def wrong_focal(query: Query, factor: float) -> Query:
    """The localizer is told a focal length that is ``factor`` of the true one."""
    assert query.camera is not None
    names = parameter_names(query.camera.model)
    focal = {"f", "fx", "fy"}
    params = tuple(
        value * factor if name in focal else value for name, value in zip(names, query.camera.params, strict=True)
    )
    return replace(query, camera=replace(query.camera, params=params))


def resized(query: Query, factor: float) -> Query:
    """The whole image at another size; a camera goes along."""
    height, width = (round(side * factor) for side in query.pixels.shape[:2])
    pixels = cv2.resize(query.pixels, (width, height), interpolation=cv2.INTER_AREA)
    return replace(query, pixels=pixels, camera=None if query.camera is None else query.camera.resized(width, height))


def turned(query: Query, quarters: int) -> Query:
    """The image turned counter-clockwise by quarters, without a camera: as a file that has lost its EXIF block."""
    angle = -quarters * np.pi / 2
    # Counter-clockwise in the picture is a turn by the negative angle about the optical axis, as y points down.
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    pose = query.cam_from_world
    return Query(
        query.name,
        np.ascontiguousarray(np.rot90(query.pixels, quarters)),
        None,
        Pose(turn @ pose.rotation, turn @ pose.translation),
    )


def masked(query: Query, visible: float) -> Query:
    """All but the middle of the image is gray; ``visible`` is the fraction of the area that is left."""
    height, width = query.pixels.shape[:2]
    side = np.sqrt(visible)
    y, x = round(height * (1 - side) / 2), round(width * (1 - side) / 2)
    pixels = np.full_like(query.pixels, 127)
    pixels[y : height - y, x : width - x] = query.pixels[y : height - y, x : width - x]
    return replace(query, pixels=pixels)


def part(query: Query, left: float, top: float, width: float, height: float) -> Query:
    """All but a part of the image, given by fractions of its sides, is gray."""
    rows, columns = query.pixels.shape[:2]
    shown = (
        slice(round(top * rows), round((top + height) * rows)),
        slice(round(left * columns), round((left + width) * columns)),
    )
    pixels = np.full_like(query.pixels, 127)
    pixels[shown] = query.pixels[shown]
    return replace(query, pixels=pixels)


def covered(query: Query, *, by_itself: bool) -> Query:
    """Four boxes of 40 % of each side cover the image: of one colour each, or what it shows elsewhere, as if moved there."""
    generator = np.random.default_rng(zlib.crc32(query.name.encode()))
    rows, columns = query.pixels.shape[:2]
    height, width = int(0.4 * rows), int(0.4 * columns)
    pixels = query.pixels.copy()
    for _ in range(4):
        y, top = (int(value) for value in generator.uniform(0, 0.6 * rows, 2))
        x, left = (int(value) for value in generator.uniform(0, 0.6 * columns, 2))
        source = query.pixels[top : top + height, left : left + width]
        pixels[y : y + height, x : x + width] = source if by_itself else generator.integers(0, 255, 3)
    return replace(query, pixels=pixels)


_MIDDLE = (0.25, 0.25, 0.5, 0.5)

CHANGES: dict[str, Change] = {
    "as they are": lambda query: query,
    "camera unknown": without_camera,
    "gain 0.4": _light(lambda values, _: values * 0.4),
    "gain 2": _light(lambda values, _: values * 2),
    "gamma 0.5": _light(lambda values, _: values**0.5),
    "gamma 2.5": _light(lambda values, _: values**2.5),
    "blur 2 px": lambda query: replace(query, pixels=cv2.GaussianBlur(query.pixels, (0, 0), 2.0)),
    "motion 15 px": _motion(15),
    "noise 0.08": _light(lambda values, generator: values + 0.08 * generator.standard_normal(values.shape, np.float32)),
    "JPEG quality 10": _jpeg(10),
    "half resolution": lambda query: resized(query, 0.5),
    "middle quarter, camera known": lambda query: crop(query, *_MIDDLE),
    "middle quarter, camera unknown": lambda query: without_camera(crop(query, *_MIDDLE)),
    "upper half, camera unknown": lambda query: without_camera(crop(query, 0, 0, 1, 0.5)),
    "left 60 %, camera unknown": lambda query: without_camera(crop(query, 0, 0, 0.6, 1)),
    "a quarter visible": lambda query: masked(query, 0.25),
    "a tenth visible": lambda query: masked(query, 0.1),
    "left quarter visible": lambda query: part(query, 0, 0, 0.25, 1),
    "corner visible": lambda query: part(query, 0.5, 0.5, 0.5, 0.5),
    "boxes in front": lambda query: covered(query, by_itself=False),
    "things moved": lambda query: covered(query, by_itself=True),
    "turned by 90 deg": lambda query: turned(query, 1),
    "turned by 180 deg": lambda query: turned(query, 2),
    "turned by 270 deg": lambda query: turned(query, 3),
    "focal length x 0.5": lambda query: wrong_focal(query, 0.5),
    "focal length x 0.8": lambda query: wrong_focal(query, 0.8),
    "focal length x 1.25": lambda query: wrong_focal(query, 1.25),
    "focal length x 2": lambda query: wrong_focal(query, 2.0),
    "focal length x 3": lambda query: wrong_focal(query, 3.0),
}
