"""A scene of posed images and a localizer with scripted answers, for tests of what comes after localization."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ImageError
from trigpoint.core.localization import FAILED, OK, Localization
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.mapping.learned_images import LearnedImages

CAMERA = Camera.pinhole(64, 48, 60)
# OpenCV axes (y down) of a camera that looks along world x, with world z up.
LEVEL = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], dtype=np.float64)


def level_pose(centre, heading_deg=0.0):
    """``cam_from_world`` of an upright camera."""
    rotation = LEVEL @ Rotation.from_euler("z", -heading_deg, degrees=True).as_matrix()
    return Pose(rotation, -rotation @ np.asarray(centre, dtype=np.float64))


def moved(pose, translation, rotation_deg):
    """The pose with its centre moved by exactly ``translation`` and turned by exactly ``rotation_deg``."""
    rotation = Rotation.from_rotvec([0, np.deg2rad(rotation_deg), 0]).as_matrix() @ pose.rotation
    return Pose(rotation, -rotation @ (pose.centre() + np.array([0, translation, 0])))


def make_frames(count, folder=Path("missing"), split="test"):
    """Frames on a circle of radius 3, looking outwards, 1.5 above the ground."""
    frames = []
    for index in range(count):
        angle = 360 * index / count
        centre = (3 * np.cos(np.deg2rad(angle)), 3 * np.sin(np.deg2rad(angle)), 1.5)
        name = f"{split}/{index:03}.jpg"
        frames.append(Frame(name, folder / f"{index:03}.jpg", CAMERA, level_pose(centre, angle), split))
    return frames


@dataclass(frozen=True)
class Answer:
    """What to answer: by how much to be wrong, or None for no pose, or an error to raise."""

    translation: float | None = 0.0
    rotation_deg: float = 0.0
    status: str = OK
    confidence: float = 0.9
    error: ImageError | None = None


class FakeLocalizer:
    """Answers by name; without a script it is exactly right."""

    def __init__(self, frames, answers=None, units="m", holdout=""):
        self.poses = {frame.name: frame.cam_from_world for frame in frames}
        self.answers = answers or {}
        self.units, self.map_id = units, "feed5eed"
        self.map = SimpleNamespace(metric=units == "m", built_from={"holdout": holdout}, learned=LearnedImages())
        self.cameras = []

    def warm_up(self):
        """Nothing to load."""

    def localize(self, path, /, *, camera=None, name=None):
        answer = self.answers.get(name, Answer())
        self.cameras.append(camera)
        if answer.error is not None:
            raise answer.error
        pose = None
        if answer.translation is not None:
            pose = moved(self.poses[name], answer.translation, answer.rotation_deg)
        status = FAILED if pose is None else answer.status
        reason = "" if status == OK else f"{status} <because>"
        numbers = (123, 456, answer.confidence if pose else 0.0)
        return Localization(
            name or path.name, status, reason, pose, camera, "given", *numbers, None, self.units, self.map_id, {"pose": 1.0}
        )


def room(count=4000):
    """Points of four coloured walls of 8 x 8 around the origin, 3 high."""
    random = np.random.default_rng(0)
    wall, along, up = random.integers(0, 4, count), random.uniform(-4, 4, count), random.uniform(0, 3, count)
    sign = np.where(wall % 2 == 0, 4.0, -4.0)
    xyz = np.where((wall < 2)[:, None], np.stack([sign, along, up], 1), np.stack([along, sign, up], 1))
    colours = np.array([(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)], np.uint8)
    return xyz, colours[wall]
