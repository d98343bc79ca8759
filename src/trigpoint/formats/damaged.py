"""Images that turn out to be damaged only when they are decoded: a header alone does not tell that a file was cut."""

from __future__ import annotations

from dataclasses import replace

from trigpoint.core.errors import ImageError
from trigpoint.core.image import read_image
from trigpoint.core.progress import progress
from trigpoint.core.scene import Problem, Scene
from trigpoint.formats.builder import shortened

# JPEG decodes at an eighth of its size in a fraction of the time, and shows all the same that its end is missing.
_SHORT_SIDE_PX = 64


def without_damaged_images(scene: Scene) -> Scene:
    """The scene without the images that cannot be decoded, which become a warning in ``Scene.problems``.

    Raises:
        ImageError: no image can be decoded (TP-1xx, that of the first).
    """
    damaged: dict[str, ImageError] = {}
    with progress("Checking images", len(scene.frames)) as advance:
        for frame in scene.frames:
            try:
                read_image(frame.image_path, short_side_px=_SHORT_SIDE_PX)
            except ImageError as error:
                damaged[frame.name] = error
            advance()
    if not damaged:
        return scene
    if len(damaged) == len(scene.frames):
        raise next(iter(damaged.values()))
    problems = [
        Problem("warning", f"Images left out: {len(names)} ({shortened(names)}): {code} {damaged[names[0]].what}.")
        for code, names in _by_code(damaged).items()
    ]
    whole = scene.with_frames(frame for frame in scene.frames if frame.name not in damaged)
    return replace(whole, problems=(*scene.problems, *problems))


def _by_code(damaged: dict[str, ImageError]) -> dict[str, list[str]]:
    """The names of the images for each error code."""
    return {
        code: [name for name, error in damaged.items() if error.code == code]
        for code in sorted({error.code for error in damaged.values()})
    }
