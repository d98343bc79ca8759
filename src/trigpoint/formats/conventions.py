"""How files say where a camera stood: as a matrix to the world or from it, with the axes of OpenCV or of OpenGL.

Each format has one convention, yet programs write others into it. A scene that was read can be read in another one.
"""

from __future__ import annotations

from dataclasses import replace

from trigpoint.core.errors import ConfigError, SceneError, did_you_mean
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Scene
from trigpoint.formats.axes import CV_FROM_GL
from trigpoint.formats.format import Reader
from trigpoint.formats.readers import READERS

# Poses as the format has them, whatever the images say.
AS_THEY_ARE = "as-they-are"
_AXES = {
    "opencv": "OpenCV axes (x right, y down, z forward)",
    "opengl": "OpenGL axes (x right, y up, z backward)",
}
_KINDS = {
    "c2w": "camera-to-world matrices",
    "w2c": "world-to-camera matrices",
    "w2c-centre": "rotations from world to camera with the position of the camera",
}
CONVENTIONS = {f"{axes}-{kind}": f"{_KINDS[kind]} with {_AXES[axes]}" for kind in _KINDS for axes in _AXES}


def check_convention(name: str) -> None:
    """Refuse what is neither a key of ``CONVENTIONS`` nor ``AS_THEY_ARE``.

    Raises:
        ConfigError: TP-727.
    """
    if name not in CONVENTIONS and name != AS_THEY_ARE:
        fix = did_you_mean(name, [*CONVENTIONS, AS_THEY_ARE])
        raise ConfigError("TP-727", f"'{name}' is no convention of poses", where="--poses", fix=fix)


def read_poses_as(scene: Scene, convention: str) -> Scene:
    """The scene with its poses read in another convention than that of its format.

    Args:
        scene: a scene as its reader made it.
        convention: a key of ``CONVENTIONS``, or ``AS_THEY_ARE`` to map it although its poses do not fit the images.

    Returns:
        The scene, which remembers the convention as ``Scene.poses``.

    Raises:
        ConfigError: no such convention (TP-727).
        SceneError: the scene is made of several, each with a format of its own (TP-242).
    """
    check_convention(convention)
    if scene.format == "joint" and convention != AS_THEY_ARE:
        raise SceneError(
            "TP-242",
            "the parts of a joint scene may have different conventions of poses",
            where=scene.root,
            fix="Correct the poses of the part that is wrong ('trigpoint info' of each), or give --poses as-they-are.",
        )
    stored = convention_of(scene)
    frames = (
        frame
        if frame.cam_from_world is None or convention == AS_THEY_ARE
        else replace(frame, cam_from_world=reread(frame.cam_from_world, stored, convention))
        for frame in scene.frames
    )
    return replace(scene.with_frames(frames), poses=convention)


def convention_of(scene: Scene) -> str:
    """The convention, a key of ``CONVENTIONS``, that the poses of a scene were read in."""
    if scene.poses in CONVENTIONS:
        return scene.poses
    return READERS[scene.format].poses if scene.format in READERS else Reader.poses


def reread(cam_from_world: Pose, stored: str, convention: str) -> Pose:
    """The pose that the same numbers of a file mean in another convention.

    Args:
        cam_from_world: the pose as it was read.
        stored: the convention that it was read in, a key of ``CONVENTIONS``.
        convention: another one.
    """
    return _pose_of(_written(cam_from_world, stored), convention)


def _written(cam_from_world: Pose, convention: str) -> Pose:
    """What stands in the file for a pose: rotation and translation."""
    axes, _, kind = convention.partition("-")
    pose = CV_FROM_GL.inverse() @ cam_from_world if axes == "opengl" else cam_from_world
    if kind == "c2w":
        return pose.inverse()
    return Pose(pose.rotation, pose.centre()) if kind == "w2c-centre" else pose


def _pose_of(written: Pose, convention: str) -> Pose:
    """The pose that stands in the file."""
    axes, _, kind = convention.partition("-")
    pose = written
    if kind == "c2w":
        pose = written.inverse()
    elif kind == "w2c-centre":
        pose = Pose(written.rotation, -written.rotation @ written.translation)
    return CV_FROM_GL @ pose if axes == "opengl" else pose
