"""The implicit reconstruction of a map, for other programs: coloured points, alone or beside the posed images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trigpoint.core.artifact import write_bytes
from trigpoint.core.errors import OutputError
from trigpoint.core.scene import Scene
from trigpoint.formats.export.image_files import ImageFiles
from trigpoint.formats.export.ply import ply_bytes
from trigpoint.formats.export.scene import FOLDERS, SceneFormat, Split, check_file, chosen_split, export_scene
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pointcloud import PointCloud, implicit_points
from trigpoint.report.point_picture import points_png


@dataclass(frozen=True, eq=False)
class MapPoints:
    """What a map knows of its scene.

    Attributes:
        scene: the scene, with the split that the map was made by.
        points: the implicit reconstruction.
    """

    scene: Scene
    points: PointCloud


def read_points(
    map_path: Path,
    folder: Path,
    *,
    max_images: int = 0,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: bool = False,
) -> MapPoints:
    """Predict the points of a map's own images, within 5 px, with their colours.

    Args:
        map_path: map file.
        folder: folder that it was made from.
        max_images: images that points are read from, evenly chosen; 0: all.
        device: torch device.
        format: format of the scene; None finds out.
        skip_invalid: leave out images that cannot be used.

    Raises:
        OutputError: no point fits the images (TP-825).
        SceneError, MapFileError, ...: as the readers.
    """
    localizer = Localizer.load(map_path, device=device)
    holdout = localizer.map.built_from["holdout"] or None
    metric = localizer.map.metric
    scene = open_scene(folder, format=format, holdout=holdout, skip_invalid=skip_invalid, metric=metric)
    frames = scene.for_mapping()
    points = implicit_points(localizer, frames, max_images=max_images or len(frames))
    if len(points.xyz) == 0:
        raise OutputError(
            "TP-825",
            "no point of the map fits the images of this scene",
            where=folder,
            fix="Give the scene that the map was made from.",
        )
    return MapPoints(scene, points)


def export_map(
    found: MapPoints,
    output: Path,
    format: SceneFormat | Literal["ply"],
    *,
    picture: Path | None = None,
    split: Split = "all",
    images: ImageFiles = "copy",
) -> list[str]:
    """Write points, or images with points, and a picture; what the format could not take along, a sentence each.

    Args:
        found: of ``read_points``.
        output: file for ``ply``; otherwise as ``export_scene``.
        format: of the output; COLMAP and nerfstudio get the points, too.
        picture: PNG file to draw the points to.
        split: which images.
        images: what to do with the image files.

    Raises:
        OutputError: as ``export_scene``.
    """
    cloud = found.points
    notes: list[str] = []
    if format == "ply":
        check_file(output)
        unit = "metre" if found.scene.metric else "of unknown length"
        write_bytes(output, ply_bytes(cloud.xyz, cloud.rgb, comment=f"implicit reconstruction, unit: {unit}"))
    else:
        points = (cloud.xyz, cloud.rgb) if format in FOLDERS else None
        notes = export_scene(chosen_split(found.scene, split), output, format, images=images, points=points)
    if picture is not None:
        poses = [frame.pose() for frame in found.scene.for_mapping()]
        write_bytes(picture, points_png(cloud.xyz, cloud.rgb, poses))
    return notes
