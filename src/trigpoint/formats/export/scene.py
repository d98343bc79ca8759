"""Export of a scene to another format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from trigpoint.core.artifact import write_json, write_text
from trigpoint.core.errors import OutputError
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.formats.export.colmap import Points, write_colmap
from trigpoint.formats.export.image_files import ImageFiles, check_file_names, new_folder
from trigpoint.formats.export.nerfstudio import write_nerfstudio
from trigpoint.formats.export.tum import joined, write_tum

SceneFormat = Literal["colmap", "nerfstudio", "tum", "ltvl", "json"]
FOLDERS = ("colmap", "nerfstudio", "tum")


def export_scene(
    scene: Scene, output: Path, format: SceneFormat, *, images: ImageFiles = "copy", points: Points | None = None
) -> list[str]:
    """Write the images that have poses, with names, cameras, poses and unit as they are.

    Args:
        scene: the scene.
        output: a new folder for ``colmap``, ``nerfstudio`` and ``tum``, a file for ``ltvl`` and ``json``.
        format: of the output.
        images: what to do with the image files; formats that are one file never have them.
        points: (N, 3) points in world and their (N, 3) colours, for COLMAP and nerfstudio.

    Returns:
        What the format could not take along, a sentence each.

    Raises:
        OutputError: nothing to export (TP-825); a camera (TP-821), image name (TP-822) or second camera (TP-823) that the
            format cannot hold; the output is taken (TP-824) or cannot be written (TP-801).
    """
    frames = scene.posed()
    if not frames:
        raise OutputError("TP-825", "no image has a pose to export", where=scene.root, fix="See 'trigpoint info' about it.")
    if format in FOLDERS:
        with new_folder(output) as folder:
            if format == "colmap":
                write_colmap(folder, frames, scene.metric, points, images)
            elif format == "nerfstudio":
                write_nerfstudio(folder, frames, scene.metric, points, images)
            else:
                write_tum(folder, frames, scene.units, images)
    else:
        check_file(output)
        if format == "json":
            write_json(output, poses_document(scene, frames))
        else:
            write_text(output, _ltvl_text(frames))
    return _left_behind(scene, frames, format)


def check_file(output: Path) -> None:
    """Refuse a folder where a file is to be written.

    Raises:
        OutputError: TP-824.
    """
    if output.is_dir():
        raise OutputError("TP-824", "this is a folder, a file will be written", where=output, fix="Name a file with -o.")


def poses_document(scene: Scene, frames: Sequence[Frame]) -> dict[str, Any]:
    """Everything about the images as plain values: quaternions scalar first, poses ``cam_from_world``, OpenCV axes."""
    return {
        "format": "trigpoint-poses",
        "version": 1,
        "units": scene.units,
        "images": [
            {
                "name": frame.name,
                "split": frame.split,
                "sequence": frame.sequence,
                "camera": frame.camera.to_json(),
                "cam_from_world": {
                    "quaternion_wxyz": frame.pose().quaternion_wxyz().tolist(),
                    "translation": frame.pose().translation.tolist(),
                },
                "centre_in_world": frame.pose().centre().tolist(),
            }
            for frame in frames
        ],
    }


def _ltvl_text(frames: Sequence[Frame]) -> str:
    check_file_names([frame.name for frame in frames], "the file for the benchmarks")
    rows = ((PurePosixPath(frame.name).name, frame.pose()) for frame in frames)
    return "".join(f"{name} {joined((*pose.quaternion_wxyz(), *pose.translation))}\n" for name, pose in rows)


def _left_behind(scene: Scene, frames: Sequence[Frame], format: SceneFormat) -> list[str]:
    notes: list[str] = []
    if len(frames) < len(scene.frames):
        notes.append(f"Images without a pose, not exported: {len(scene.frames) - len(frames)}.")
    tests = sum(frame.split == TEST for frame in frames)
    if tests and format not in ("nerfstudio", "json"):
        notes.append(f"The format does not say which images are for testing: {tests} of {len(frames)}.")
    if any(frame.depth_path for frame in frames):
        notes.append("Depth images are not exported.")
    if format == "tum" and not scene.metric:
        notes.append("TUM folders count as metric, this scene is of unknown scale: read it with --metric False.")
    if format == "ltvl":
        notes.append("The format holds no cameras.")
    return notes
