"""What a caller may hand in as an image, and as its camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError
from trigpoint.core.image import DecodedImage, image_from_pixels, read_image
from trigpoint.localization.intrinsics import exif_camera

# A file, an upright (H, W) or (H, W, 3) RGB array of type uint8, a Pillow image, or what our own decoder made of one.
ImageInput = str | Path | NDArray[np.uint8] | Image.Image | DecodedImage
# The camera for an upright image of width x height px.
CameraRule = Callable[[int, int], Camera]
CameraInput = Camera | CameraRule | None
GIVEN, EXIF, ESTIMATED = "given", "exif", "estimated"


@dataclass(frozen=True)
class ToldCamera:
    """What is known of the camera of an image before it is localized.

    Attributes:
        camera: intrinsics of the upright image, or None.
        source: ``"given"`` by the caller, ``"exif"``, or ``"estimated"`` where there is none.
    """

    camera: Camera | None
    source: str


def decoded(image: ImageInput, short_side_px: int) -> DecodedImage:
    """The image upright, reduced to ``short_side_px`` unless it is decoded already.

    Raises:
        ImageError: the file or the array cannot be used.
    """
    if isinstance(image, DecodedImage):
        return image
    if isinstance(image, (str, Path)):
        return read_image(Path(image), short_side_px=short_side_px)
    return image_from_pixels(image, short_side_px=short_side_px)


def camera_of(image: DecodedImage, camera: CameraInput) -> ToldCamera:
    """The camera of an upright image: the one that was given, else that of its EXIF block.

    Raises:
        GeometryError: the camera is for an image of another size (TP-315).
    """
    if camera is not None:
        size = (image.width, image.height)
        given = camera if isinstance(camera, Camera) else camera(*size)
        _check_size(given, size)
        return ToldCamera(given, GIVEN)
    recorded = exif_camera(image.exif, image.width, image.height)
    return ToldCamera(recorded, ESTIMATED if recorded is None else EXIF)


def _check_size(camera: Camera, size: tuple[int, int]) -> None:
    if (camera.width, camera.height) != size:
        raise GeometryError(
            "TP-315",
            f"the camera is for images of {camera.width}x{camera.height} px, this image has {size[0]}x{size[1]}",
            fix="Give the intrinsics of the full-size, upright image.",
        )
