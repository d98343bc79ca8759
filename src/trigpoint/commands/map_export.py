"""The implicit reconstruction of a map, for other programs: coloured points, alone or beside the posed images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from trigpoint.core.artifact import write_bytes
from trigpoint.core.errors import OutputError
from trigpoint.core.scene import Scene
from trigpoint.formats.export.image_files import ImageFiles
from trigpoint.formats.export.ply import ply_bytes
from trigpoint.formats.export.scene import FOLDERS, SceneFormat, check_file, export_scene
from trigpoint.formats.splits import Split, chosen_split
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pointcloud import PointCloud, implicit_points
from trigpoint.report.point_picture import points_png


def read_points(localizer: Localizer, scene: Scene, *, max_images: int = 0) -> PointCloud:
    """Predict the points of a map's own images, within 5 px, with their colours.

    Args:
        localizer: of the map.
        scene: the scene that it was made from, split as the map was made.
        max_images: images that points are read from, evenly chosen; 0: all.

    Raises:
        OutputError: no point fits the images (TP-825).
    """
    frames = scene.for_mapping()
    points = implicit_points(localizer, frames, max_images=max_images or len(frames))
    if len(points.xyz) == 0:
        raise OutputError(
            "TP-825",
            "no point of the map fits the images of this scene",
            where=scene.root,
            fix="Give the scene that the map was made from.",
        )
    return points


def export_map(
    scene: Scene,
    points: PointCloud,
    output: Path,
    format: SceneFormat | Literal["ply"],
    *,
    split: Split = "all",
    images: ImageFiles = "copy",
) -> list[str]:
    """Write points, or images with points; what the format could not take along, a sentence each.

    Args:
        scene: the scene that the map was made from.
        points: of ``read_points``.
        output: file for ``ply``; otherwise as ``export_scene``.
        format: of the output; COLMAP and nerfstudio get the points, too.
        split: which images.
        images: what to do with the image files.

    Raises:
        OutputError: as ``export_scene``.
    """
    if format == "ply":
        check_file(output)
        unit = "metre" if scene.metric else "of unknown length"
        write_bytes(output, ply_bytes(points.xyz, points.rgb, comment=f"implicit reconstruction, unit: {unit}"))
        return []
    cloud = (points.xyz, points.rgb) if format in FOLDERS else None
    return export_scene(chosen_split(scene, split), output, format, images=images, points=cloud)


def write_picture(scene: Scene, points: PointCloud, picture: Path) -> None:
    """Draw the points to a PNG file.

    Raises:
        OutputError: TP-801.
    """
    poses = [frame.pose() for frame in scene.for_mapping()]
    write_bytes(picture, points_png(points.xyz, points.rgb, poses))
