"""Posed images in the layout of TUM RGB-D: ``rgb.txt``, ``groundtruth.txt``, and ``camera.json`` with the one camera."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from trigpoint.core.artifact import write_json, write_text
from trigpoint.core.errors import OutputError
from trigpoint.core.scene import Frame
from trigpoint.formats.export.image_files import ImageFiles, check_paths, put_image_files


def write_tum(folder: Path, frames: Sequence[Frame], units: str, images: ImageFiles) -> None:
    """Write the lists, the camera and the images into an existing folder.

    Args:
        folder: gets the images under the names of the frames.
        frames: images with poses.
        units: ``"m"`` or ``"units"``, for a comment.
        images: what to do with the image files.

    Raises:
        OutputError: several cameras (TP-823); an image name that the format cannot hold (TP-822).
    """
    names = [frame.name for frame in frames]
    check_paths(names, "a TUM list", unfit=r"\s|\0|#")
    other = next((frame for frame in frames if frame.camera != frames[0].camera), None)
    if other is not None:
        raise OutputError(
            "TP-823",
            f"a TUM folder has one camera, and this image another ({other.camera.model}) than the first",
            where=other.name,
            fix="Export to colmap, nerfstudio or json.",
        )
    stamps = timestamps(names) or [str(number) for number in range(len(frames))]
    rows = sorted(zip(stamps, frames, strict=True), key=lambda row: float(row[0]))
    put_image_files(frames, folder, images)
    write_json(folder / "camera.json", frames[0].camera.to_json())
    write_text(folder / "rgb.txt", "# timestamp filename\n" + "".join(f"{stamp} {frame.name}\n" for stamp, frame in rows))
    head = f"# timestamp tx ty tz qx qy qz qw\n# poses are world_from_cam (unit: {units})\n"
    write_text(folder / "groundtruth.txt", head + "".join(f"{stamp} {_pose(frame)}\n" for stamp, frame in rows))


def timestamps(names: Sequence[str]) -> list[str] | None:
    """The numbers that the file names are, or None unless all are, and different."""
    stamps: list[str] = []
    for name in names:
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(?:\.[A-Za-z][A-Za-z0-9]*)?", PurePosixPath(name).name)
        if match is None:
            return None
        stamps.append(match[1])
    return stamps if stamps and len({float(stamp) for stamp in stamps}) == len(stamps) else None


def _pose(frame: Frame) -> str:
    world_from_cam = frame.pose().inverse()
    w, x, y, z = world_from_cam.quaternion_wxyz()
    return joined((*world_from_cam.translation, x, y, z, w))


def joined(values: Iterable[float]) -> str:
    """Numbers with every digit, separated by spaces."""
    return " ".join(repr(float(value)) for value in values)
