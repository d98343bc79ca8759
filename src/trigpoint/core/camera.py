"""Cameras: any COLMAP model, distortion included. Pixel (0.5, 0.5) is the centre of the first pixel."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from trigpoint.core.errors import GeometryError

if TYPE_CHECKING:
    from jaxtyping import Float64

# Models that pycolmap knows but that have no pinhole equivalent to express keypoints in.
_WITHOUT_PINHOLE = {"INVALID", "EQUIRECTANGULAR"}
# The models of nearly all queries do without pycolmap, which takes longer to import than an image takes to localize.
_PINHOLES = {"SIMPLE_PINHOLE": ("f", "cx", "cy"), "PINHOLE": ("fx", "fy", "cx", "cy")}


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one image.

    Attributes:
        model: COLMAP camera model name, such as ``"PINHOLE"`` or ``"OPENCV"``.
        width: image width, px.
        height: image height, px.
        params: the model's parameters in COLMAP's order, px where they are lengths.

    Raises:
        GeometryError: unknown model (TP-311), wrong number of parameters (TP-312), impossible values (TP-313).
    """

    model: str
    width: int
    height: int
    params: tuple[float, ...]

    def __post_init__(self) -> None:
        check_model(self.model, self.params)
        values = np.asarray(self.params, dtype=np.float64)
        if not np.isfinite(values).all() or self.width < 1 or self.height < 1:
            self._impossible(f"size {self.width}x{self.height}, parameters {values.tolist()}")
        fx, fy, _, _ = self.pinhole_params()
        if not 0.02 * max(self.width, self.height) < min(fx, fy) <= max(fx, fy) < 100 * max(self.width, self.height):
            self._impossible(f"focal length {fx:g}, {fy:g} px for an image of {self.width}x{self.height} px")

    def _impossible(self, detail: str) -> None:
        raise GeometryError(
            "TP-313",
            f"impossible camera: {detail}",
            fix="Focal lengths are positive and in pixels of the full-size image.",
        )

    @staticmethod
    def pinhole(width: int, height: int, focal_px: float, focal_y_px: float | None = None) -> Camera:
        """A pinhole camera with the principal point at the image centre."""
        focal_y_px = focal_px if focal_y_px is None else focal_y_px
        return Camera("PINHOLE", width, height, (float(focal_px), float(focal_y_px), width / 2, height / 2))

    @cached_property
    def _colmap(self) -> Any:
        return _colmap_camera(self.model, self.width, self.height, self.params)

    def pinhole_params(self) -> tuple[float, float, float, float]:
        """(fx, fy, cx, cy) in px: the camera with its distortion removed."""
        if self.model in _PINHOLES:
            fy, cx, cy = (float(value) for value in self.params[-3:])
            return float(self.params[0]), fy, cx, cy
        matrix = self._colmap.calibration_matrix()
        return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])

    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The (3, 3) calibration matrix of the undistorted pinhole camera."""
        fx, fy, cx, cy = self.pinhole_params()
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    def undistort(self, points_px: ArrayLike) -> Float64[np.ndarray, "N 2"]:
        """Map (N, 2) image points, px, to the undistorted pinhole camera ``matrix()``, px.

        A point without a ray in front of the camera (beyond the range of the distortion model) becomes NaN.
        """
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
        if self.model in _PINHOLES:
            return points.copy()
        rays = np.asarray(self._colmap.cam_from_img(points))
        fx, fy, cx, cy = self.pinhole_params()
        return rays * (fx, fy) + (cx, cy)

    def project(self, points_in_cam: ArrayLike) -> Float64[np.ndarray, "N 2"]:
        """Project (N, 3) points in the camera frame to (N, 2) image points, px, distortion included.

        Points behind the camera become NaN.
        """
        points = np.asarray(points_in_cam, dtype=np.float64).reshape(-1, 3)
        image = np.array(self._colmap.img_from_cam(points), dtype=np.float64).reshape(-1, 2)
        # COLMAP's division models project points behind the camera too.
        image[points[:, 2] <= 0] = np.nan
        return image

    def fits_resized(self, width: int, height: int) -> bool:
        """Whether width x height px is the size of the same image resized, each side rounded to whole pixels."""
        scale_x, scale_y = width / self.width, height / self.height
        return abs(scale_x * self.height - height) <= 1 or abs(scale_y * self.width - width) <= 1

    def resized(self, width: int, height: int) -> Camera:
        """The camera of the same image resampled to width x height px (each axis scaled on its own)."""
        if (width, height) == (self.width, self.height):
            return self
        camera = _colmap_camera(self.model, self.width, self.height, self.params)
        camera.rescale(width, height)
        return Camera(self.model, width, height, tuple(float(value) for value in camera.params))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"model": self.model, "width": self.width, "height": self.height, "params": list(self.params)}


def camera_model_names() -> list[str]:
    """Names of the camera models that can be used: all of pycolmap's that have a pinhole equivalent."""
    import pycolmap

    return sorted(set(pycolmap.CameraModelId.__members__) - _WITHOUT_PINHOLE)


def model_hint(model: str, known: Iterable[str]) -> str:
    """The suggestion part of an error about an unknown camera model: the known name that it is a typing error of, then all.

    A name of another lens is never suggested: ``SIMPLE_RADIAL`` looks like ``SIMPLE_RADIAL_FISHEYE`` and would be wrong by
    hundreds of pixels.
    """
    known = sorted(known)
    same_lens = [name for name in known if _lens(name) == _lens(model)]
    close = difflib.get_close_matches(model.upper(), same_lens, n=1, cutoff=0.85)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(known)}."


def _lens(model: str) -> tuple[bool, str]:
    """What two spellings of one model have in common: fisheye or not, and the digits, which count terms."""
    return "FISH" in model.upper(), re.sub(r"\D", "", model)


def check_model(model: str, params: tuple[float, ...]) -> None:
    """Refuse a model that does not exist or does not have so many parameters.

    Raises:
        GeometryError: TP-311, TP-312.
    """
    if model not in _PINHOLES and model not in camera_model_names():
        raise GeometryError("TP-311", f"unknown camera model '{model}'", fix=model_hint(model, camera_model_names()))
    names = parameter_names(model)
    if len(params) != len(names):
        raise GeometryError(
            "TP-312",
            f"camera model {model} takes {len(names)} parameters ({', '.join(names)}), got {len(params)}",
            fix="Give them in this order.",
        )


def parameter_names(model: str) -> list[str]:
    """Names of a model's parameters in order, such as ``["fx", "fy", "cx", "cy"]``."""
    if model in _PINHOLES:
        return list(_PINHOLES[model])
    import pycolmap

    camera = pycolmap.Camera.create_from_model_name(0, model, 1.0, 1, 1)
    return [name.strip() for name in camera.params_info.split(",")]


def _colmap_camera(model: str, width: int, height: int, params: tuple[float, ...]) -> Any:
    import pycolmap

    return pycolmap.Camera(model=model, width=width, height=height, params=list(params))
