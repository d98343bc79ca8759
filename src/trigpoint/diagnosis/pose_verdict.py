"""What wrong poses mean for a scene: an error before a map is made from it, or a warning, in words."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from trigpoint.core.errors import SceneError
from trigpoint.core.scene import Frame, Problem, Scene
from trigpoint.diagnosis.pose_check import PoseCheck, check_poses
from trigpoint.formats.builder import shortened
from trigpoint.formats.conventions import AS_THEY_ARE, CONVENTIONS, convention_of
from trigpoint.formats.joint import JOINT, scene_of

_LOGGER = logging.getLogger(__name__)

# Images to compare with others in each scene of a joint one, of which there may be twenty.
_ANCHORS_OF_PART = 4


def check_scene(scene: Scene, frames: Sequence[Frame]) -> dict[str, PoseCheck]:
    """The check of the poses of a scene under the name ``""``, or of each scene of a joint one under its name.

    Args:
        scene: the scene.
        frames: posed frames of it, sorted by name.
    """
    if scene.format != JOINT:
        return {"": check_poses(frames, convention_of(scene))}
    parts: dict[str, list[Frame]] = {}
    for frame in frames:
        parts.setdefault(scene_of(frame.name), []).append(frame)
    return {name: check_poses(part, convention_of(scene), anchors=_ANCHORS_OF_PART) for name, part in parts.items()}


def require_fitting_poses(scene: Scene, frames: Sequence[Frame]) -> str:
    """Refuse a scene whose poses do not fit its images, unless it is to be used as it is.

    Args:
        scene: the scene.
        frames: posed frames of it, sorted by name, such as the mapping images.

    Returns:
        What is wrong all the same, as one sentence; ``""`` if nothing is.

    Raises:
        SceneError: the poses fit in another convention alone, or in none (TP-241).
    """
    texts: list[str] = []
    for part, check in check_scene(scene, frames).items():
        text = _misfit(scene, part, check)
        if text and _stops(scene, check):
            raise SceneError("TP-241", text, where=scene.root, fix=_fix(part, check))
        if text:
            _LOGGER.warning("%s", text)
            texts.append(text)
    return "; ".join(texts)


def pose_problems(scene: Scene, checks: dict[str, PoseCheck]) -> list[Problem]:
    """What ``trigpoint info`` says of the checks of ``check_scene``: errors where ``require_fitting_poses`` refuses."""
    if all(check.median_px is None for check in checks.values()):
        message = "No two neighbouring images could be matched, so poses and focal length were not checked."
        return [Problem("warning", message)]
    result: list[Problem] = []
    for part, check in checks.items():
        if check.wrong_images:
            names = shortened(list(check.wrong_images))
            message = f"Images with a pose that fits none of their neighbours: {len(check.wrong_images)} ({names})."
            result.append(Problem("warning", message))
        text = _misfit(scene, part, check)
        if text and _stops(scene, check):
            result.append(Problem("error", f"{text[0].upper()}{text[1:]}. {_fix(part, check)}"))
        elif text:
            result.append(Problem("warning", f"{text[0].upper()}{text[1:]}."))
    return result


def _stops(scene: Scene, check: PoseCheck) -> bool:
    return scene.poses != AS_THEY_ARE and (check.convention is not None or check.contradicted)


def _misfit(scene: Scene, part: str, check: PoseCheck) -> str:
    """In what way the poses do not fit the images; ``""`` if they do, or too little could be compared."""
    if check.fits:
        return ""
    poses = f"the poses of {part}" if part else "the poses"
    agree = f"{poses} do not fit the images: {check.explained} of {check.telling} pairs of images agree with them"
    if part or check.convention is None:
        off = f"matching points are {check.median_px:.1f} px off (under 1 px is usual)"
        return f"{agree}, {off}; focal lengths may be wrong, too"
    then = f"{check.explained_then} do if they are read as {CONVENTIONS[check.convention]}"
    return f"{agree}, read as {CONVENTIONS[convention_of(scene)]}; {then}"


def _fix(part: str, check: PoseCheck) -> str:
    go_on = "--poses as-they-are goes on with them all the same."
    if part:
        return f"See 'trigpoint info' of the folder of {part}; {go_on}"
    if check.convention is None:
        return f"Check that poses, cameras and images belong together; {go_on}"
    python = f"in Python trigpoint.formats.conventions.read_poses_as(scene, '{check.convention}')"
    return f"Give --poses {check.convention} to read them so ({python}); {go_on}"
