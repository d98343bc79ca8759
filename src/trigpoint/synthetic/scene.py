"""Synthetic scenes with exact poses, cameras and depth: what the demo and the end-to-end tests run on.

A scene is written as images and a nerfstudio ``transforms.json``; the same settings give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_bytes, write_json
from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError
from trigpoint.core.pose import Pose
from trigpoint.core.progress import progress
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.synthetic.views import Viewpoint, held_out_views, mapping_views
from trigpoint.synthetic.world import SCENES, SyntheticWorld, build_world

# Focal length by width: that of an image 640 px wide is 525 px, as of the camera of 7-Scenes.
_FOCAL_BY_WIDTH = 525.0 / 640
_CAMERA_MODELS = ("PINHOLE", "OPENCV")
# A slightly decentred wide lens with barrel distortion, as in a phone.
_DISTORTION = (-0.11, 0.035, 6e-4, -4e-4)
_OFF_CENTRE = (0.006, -0.004)
_JPEG_QUALITY = 95
_MAX_DEPTH_MM = 65_535
_GL_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class SyntheticConfig:
    """What to generate.

    Attributes:
        kind: ``"room"``, ``"street"`` or ``"look-alikes"`` (three rooms that differ in a few things).
        seed: seed of everything.
        width: image width, px.
        height: image height, px.
        n_train: number of mapping images.
        n_test: number of test images by day.
        n_test_night: number of test images by night.
        train_night_fraction: fraction of the mapping images taken by night, 0 to 1.
        camera_model: ``"PINHOLE"``, or ``"OPENCV"`` for a distorted lens that is a little off centre.
        write_depth: whether to write depth images, 16-bit PNG in mm, 0 where there is nothing within 65 m.
    """

    kind: str = "room"
    seed: int = 0
    width: int = 640
    height: int = 480
    n_train: int = 60
    n_test: int = 15
    n_test_night: int = 0
    train_night_fraction: float = 0.0
    camera_model: str = "PINHOLE"
    write_depth: bool = False

    def __post_init__(self) -> None:
        choices = (("kind", tuple(SCENES)), ("camera_model", _CAMERA_MODELS))
        for name, known in choices:
            if getattr(self, name) not in known:
                self._refuse(name, f"one of {', '.join(known)}")
        for name, least in (("n_train", 1), ("n_test", 0), ("n_test_night", 0), ("width", 32), ("height", 32)):
            if getattr(self, name) < least:
                self._refuse(name, f"{least} or more")
        if not 0 <= self.train_night_fraction <= 1:
            self._refuse("train_night_fraction", "0 to 1")

    def _refuse(self, name: str, allowed: str) -> None:
        value = getattr(self, name)
        raise ConfigError("TP-731", f"{name} of a synthetic scene is {value!r}", fix=f"It must be {allowed}.")


@dataclass(frozen=True, eq=False)
class _Shot:
    """One image to take: file name without suffix below ``images/``, where, in which light, for which split."""

    name: str
    view: Viewpoint
    lighting: str
    split: str

    @property
    def sequence(self) -> str:
        return self.name.split("/")[0]


def synthetic_camera(config: SyntheticConfig) -> Camera:
    """The camera of all images of a scene.

    Raises:
        GeometryError: impossible focal length (TP-313).
    """
    focal = _FOCAL_BY_WIDTH * config.width
    if config.camera_model == "PINHOLE":
        return Camera.pinhole(config.width, config.height, focal)
    centre = ((0.5 + _OFF_CENTRE[0]) * config.width, (0.5 + _OFF_CENTRE[1]) * config.height)
    return Camera("OPENCV", config.width, config.height, (focal, 1.01 * focal, *centre, *_DISTORTION))


def write_synthetic_scene(folder: Path, config: SyntheticConfig) -> Scene:
    """Generate a scene, photograph it and write the scene.

    Writes ``images/walk``, ``images/test-day`` and ``images/test-night``, ``depth/`` likewise if asked for, and at last
    ``transforms.json``. Equal settings give equal bytes.

    Args:
        folder: where to; files of the same name are replaced.
        config: what to generate.

    Returns:
        The scene, with the names, cameras, poses and splits that reading the folder gives; metric.

    Raises:
        ConfigError: no viewpoints for test images (TP-732).
        OutputError: a file cannot be written (TP-801).
    """
    scene, camera = build_world(config.kind, config.seed), synthetic_camera(config)
    shots = _shots(scene, config, camera)
    frames: list[Frame] = []
    with progress(f"Rendering {config.kind}", len(shots)) as advance:
        for shot in shots:
            frames.append(_take(folder, scene, camera, shot, config))
            advance()
    write_json(folder / "transforms.json", _transforms(folder, frames, camera))
    return Scene(folder, "nerfstudio", (), metric=True).with_frames(frames)


def _shots(scene: SyntheticWorld, config: SyntheticConfig, camera: Camera) -> list[_Shot]:
    walk = mapping_views(scene, config.n_train)
    order = scene.random("night-share").permutation(config.n_train)
    nightly = set(order[: round(config.train_night_fraction * config.n_train)].tolist())
    shots = [
        _Shot(f"walk/{index:04d}", view, "night" if index in nightly else "day", TRAIN) for index, view in enumerate(walk)
    ]
    for lighting, count in (("day", config.n_test), ("night", config.n_test_night)):
        views = held_out_views(scene, walk, count, camera, lighting)
        shots += [_Shot(f"test-{lighting}/{index:04d}", view, lighting, TEST) for index, view in enumerate(views)]
    return shots


def _take(folder: Path, scene: SyntheticWorld, camera: Camera, shot: _Shot, config: SyntheticConfig) -> Frame:
    rendering = scene.render(shot.view.pose, camera, shot.lighting, shot.name)
    name = f"images/{shot.name}.jpg"
    write_bytes(folder / name, jpeg_bytes(rendering.rgb))
    depth_path = None
    if config.write_depth:
        depth_path = folder / f"depth/{shot.name}.png"
        write_bytes(depth_path, encode_depth(rendering.depth_m))
    return Frame(name, folder / name, camera, shot.view.pose, shot.split, shot.sequence, depth_path)


def jpeg_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """An image of (H, W, 3) uint8 pixels as the bytes of a JPEG file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def encode_depth(depth_m: NDArray[np.float32]) -> bytes:
    """A (H, W) depth image, m, as the bytes of a 16-bit PNG in mm; 0 where it is infinite or beyond 65.535 m."""
    depth_mm = np.rint(depth_m.astype(np.float64) * 1000)
    return cv2.imencode(".png", np.where(depth_mm <= _MAX_DEPTH_MM, depth_mm, 0).astype(np.uint16))[1].tobytes()


def _transforms(folder: Path, frames: list[Frame], camera: Camera) -> dict[str, Any]:
    fx, fy, cx, cy = camera.pinhole_params()
    # "OPENCV" without distortion is how nerfstudio says pinhole.
    document: dict[str, Any] = {"camera_model": "OPENCV", "fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}
    document |= {"w": camera.width, "h": camera.height, "metric": True}
    if camera.model == "OPENCV":
        document |= dict(zip(("k1", "k2", "p1", "p2"), camera.params[4:], strict=True))
    for split in (TRAIN, TEST):
        document[f"{split}_filenames"] = [frame.name for frame in frames if frame.split == split]
    document["frames"] = [_frame_json(folder, frame) for frame in frames]
    return document


def _frame_json(folder: Path, frame: Frame) -> dict[str, Any]:
    entry: dict[str, Any] = {"file_path": frame.name, "transform_matrix": _world_from_gl(frame.pose())}
    if frame.depth_path is not None:
        entry["depth_file_path"] = frame.depth_path.relative_to(folder).as_posix()
    return entry


def _world_from_gl(cam_from_world: Pose) -> list[list[float]]:
    return (cam_from_world.inverse().matrix() @ _GL_FROM_CV).tolist()
