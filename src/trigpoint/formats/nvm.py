"""Cameras of VisualSFM's NVM files, which Cambridge Landmarks and Aachen Day-Night come with.

A line is ``name focal qw qx qy qz x y z k 0``: focal length in px, rotation world-to-camera, camera centre in world, and the
radial term. VisualSFM applies the term to the measured point, u = m (1 + k |m|^2) with m in units of the focal length from
the image centre and u the ideal point; COLMAP's models map the other way and are fitted to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.textfiles import numbered_lines, to_numbers

_AGAIN = "Copy the file again."
_NUMBERS = 10


@dataclass(frozen=True)
class NvmCamera:
    """One camera line: name of the image, focal length (px), quaternion (w first), centre in world, radial term."""

    name: str
    focal_px: float
    quaternion_wxyz: NDArray[np.float64]
    centre: NDArray[np.float64]
    radial: float
    where: str

    def pose(self) -> Pose:
        """``cam_from_world``. Raises GeometryError TP-301 to TP-303."""
        return pose_from_centre(self.quaternion_wxyz, self.centre, self.where)


def pose_from_centre(quaternion_wxyz: NDArray[np.float64], centre: NDArray[np.float64], where: str) -> Pose:
    """``cam_from_world`` from its rotation, a (4,) quaternion with the scalar first, and the (3,) camera centre in world.

    Raises:
        GeometryError: as ``Pose.from_quaternion``.
    """
    turned = Pose.from_quaternion(quaternion_wxyz, centre, where=where)
    return Pose(turned.rotation, -turned.rotation @ centre)


def read_nvm(file: Path) -> list[NvmCamera]:
    """The cameras of the first model in the file. The 3D points, which can be hundreds of megabytes, are not read.

    Raises:
        SceneError: missing file (TP-210), not text (TP-212), not NVM_V3, or a line that is not a camera (TP-214).
    """
    lines = _lines(file)
    number, header = next(lines, (1, ""))
    if not header.startswith("NVM_V3"):
        raise SceneError("TP-214", "the file does not begin with NVM_V3", where=file, fix=_AGAIN)
    number, text = next(lines, (number, ""))
    count = to_numbers([text], f"{file}, line {number}")[0] if text else 0.0
    if not 0 < count < 1e7 or count != int(count):
        raise SceneError("TP-214", f"{text[:20]!r} is not a number of cameras", where=f"{file}, line {number}", fix=_AGAIN)
    cameras = [_camera(text, f"{file}, line {number}") for (number, text), _ in zip(lines, range(int(count)), strict=False)]
    if len(cameras) < count:
        raise SceneError("TP-214", f"the file is cut short: {len(cameras)} of {int(count)} cameras", where=file, fix=_AGAIN)
    return cameras


def nvm_camera(builder: SceneBuilder, camera: NvmCamera, image: Path) -> Camera:
    """The intrinsics for the image: principal point at the image centre, RADIAL if there is distortion.

    Raises:
        GeometryError: TP-313.
        ImageError: TP-1xx.
    """
    size = builder.size_of(image)
    middle = (size[0] / 2, size[1] / 2)
    if camera.radial == 0 or not math.isfinite(camera.radial) or camera.focal_px <= 0:
        return builder.camera("SIMPLE_PINHOLE", size, (camera.focal_px, *middle), camera.where)
    reach = math.hypot(*middle) / camera.focal_px
    return builder.camera("RADIAL", size, (camera.focal_px, *middle, *forward_terms(camera.radial, reach)), camera.where)


def forward_terms(radial: float, reach: float) -> tuple[float, float]:
    """(k1, k2) of COLMAP's RADIAL model, m = u (1 + k1 |u|^2 + k2 |u|^4), closest to u = m (1 + radial |m|^2).

    Args:
        radial: the term of the NVM file.
        reach: distance of the furthest image point from the centre, in focal lengths.
    """
    # Beyond its turning point the cubic folds back; no lens does.
    limit = reach if radial >= 0 else min(reach, 0.95 / math.sqrt(-3 * radial))
    measured = np.linspace(0, limit, 129)[1:]
    ideal = measured * (1 + radial * measured**2)
    terms = np.linalg.lstsq(np.stack([ideal**3, ideal**5], axis=1), measured - ideal, rcond=None)[0]
    return float(terms[0]), float(terms[1])


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are not blank."""
    for number, line in numbered_lines(file):
        if line.strip():
            yield number, line.strip()


def _camera(text: str, where: str) -> NvmCamera:
    words = text.split()
    # VisualSFM writes a tab after the name, which may have spaces.
    name, numbers = " ".join(words[:-_NUMBERS]), words[-_NUMBERS:]
    if not name:
        raise SceneError("TP-214", f"an image and {_NUMBERS} numbers were expected", where=where, fix=_AGAIN)
    values = np.array(to_numbers(numbers, where))
    return NvmCamera(name, float(values[0]), values[1:5], values[5:8], float(values[8]), where)
