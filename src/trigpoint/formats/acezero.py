"""Poses of ACE0: ``poses_final.txt``, with lines ``image qw qx qy qz x y z focal confidence``. Scale unknown.

Poses are world-to-camera, OpenCV axes; the principal point is the image centre. Images are named as ACE0 was called,
relative to the folder where it ran. ACE0 calls images with a confidence below 1000 unreliable: they are left out.
"""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.textfiles import is_file, read_rows, to_numbers

FILE_NAME = "poses_final.txt"
MIN_CONFIDENCE = 1000
_NUMBERS = 9


def sniff(path: Path) -> bool:
    """Whether ``poses_final.txt`` exists, or this is a file with poses of ACE0."""
    return is_file(path / FILE_NAME) or (path.name.startswith("poses_") and path.suffix == ".txt" and is_file(path))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the images that ACE0 registered reliably; the others are left out with a warning.

    Raises:
        SceneError: a line that is not an image with its pose (TP-214); no reliable image (TP-211).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    file = path if is_file(path) else path / FILE_NAME
    builder = SceneBuilder(file.parent, "acezero", metric=False, options=options)
    unreliable: list[str] = []
    rows = read_rows(file)
    for number, words in rows:
        where = f"{file}, line {number}"
        if len(words) <= _NUMBERS:
            raise SceneError("TP-214", f"an image and {_NUMBERS} numbers were expected", where=where, fix="Copy it again.")
        name = " ".join(words[:-_NUMBERS]).replace("\\", "/")
        with builder.image(name):
            values = to_numbers(words[-_NUMBERS:], where)
            if not values[8] >= MIN_CONFIDENCE:
                unreliable.append(name)
                continue
            image = builder.locate(name, _image(file.parent, name))
            if image is not None:
                size = builder.size_of(image)
                camera = builder.camera("SIMPLE_PINHOLE", size, (values[7], size[0] / 2, size[1] / 2), where)
                builder.add(Frame(name, image, camera, Pose.from_quaternion(values[:4], values[4:7], where=where)))
    if len(unreliable) == len(rows):
        raise SceneError(
            "TP-211",
            f"ACE0 registered none of the {len(rows)} images with a confidence of {MIN_CONFIDENCE}",
            where=file,
            fix="Try 'trigpoint reconstruct' on the images.",
        )
    if unreliable:
        builder.warn(
            f"Images that ACE0 registered with a confidence below {MIN_CONFIDENCE}, left out: {len(unreliable)} "
            f"({shortened(unreliable, 3)})."
        )
    return builder.build()


def _image(folder: Path, name: str) -> Path:
    """The image from the folder of the file or one above, where ACE0 ran."""
    above = [folder.absolute(), *folder.absolute().parents[:3]]
    return next((up / name for up in above if is_file(up / name)), folder / name)


READER = Reader("acezero", sniff, read, "poses_final.txt")
