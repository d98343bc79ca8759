"""SfM pseudo ground truth of 7-Scenes and 12-Scenes, put beside the images.

Brachmann, Humenberger, Rother, Sattler, "On the Limits of Pseudo Ground Truth in Visual Camera Re-localisation", ICCV 2021,
published poses and focal lengths that COLMAP found. ACE and GLACE report their main numbers with them. The files
``SCENE_train.txt`` and ``SCENE_test.txt`` go into a folder ``pgt`` of the scene. Lines: ``image qw qx qy qz tx ty tz f``,
the pose world-to-camera, f in px.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.folders import matching
from trigpoint.core.pose import Pose
from trigpoint.formats.textfiles import read_rows, to_numbers

FOLDER = "pgt"


@dataclass(frozen=True)
class SfmPose:
    """One line: its words, not looked at before the image is needed, and where it stands."""

    words: tuple[str, ...]
    where: str

    def pose(self) -> Pose:
        """``cam_from_world``. Raises SceneError TP-214, GeometryError TP-301 to TP-303."""
        values = to_numbers(self.words[:7], self.where)
        return Pose.from_quaternion(values[:4], values[4:], where=self.where)

    def focal_px(self) -> float:
        """The focal length. Raises SceneError TP-214."""
        return to_numbers(self.words[7:8], self.where)[0]


def image_key(name: str) -> str:
    """What an image is called in the files and here: ``seq-01/frame-000000`` for ``seq-01/frame-000000.color.png``."""
    return name.split(".color.")[0]


def read_sfm_poses(root: Path) -> dict[str, SfmPose] | None:
    """The lines of all files in ``root/pgt`` by ``image_key``; None if there is no such folder.

    Raises:
        SceneError: a line without 9 words (TP-214); no file there, or an empty one (TP-211).
    """
    folder = root / FOLDER
    if not folder.is_dir():
        return None
    poses: dict[str, SfmPose] = {}
    for file in matching(folder, "*.txt"):
        for number, words in read_rows(file):
            where = f"{file}, line {number}"
            if len(words) != 9:
                raise SceneError(
                    "TP-214",
                    f"an image and 8 numbers were expected, got {len(words)} words",
                    where=where,
                    fix="Copy it again.",
                )
            key = image_key(words[0])
            if key in poses:
                what = f"{key} is there twice, here and at {poses[key].where}"
                raise SceneError("TP-205", what, where=where, fix="Remove one of the lines.")
            poses[key] = SfmPose(tuple(words[1:]), where)
    if not poses:
        raise SceneError(
            "TP-211", "the folder holds no poses", where=folder, fix="Put SCENE_train.txt and SCENE_test.txt there."
        )
    return poses
