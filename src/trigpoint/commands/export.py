"""The verb ``export``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from tyro.conf import Fixed, Positional, Suppress, UseAppendAction, arg

from trigpoint.commands.options import OptionalPath, Output, RunOptions, SceneOptions, note
from trigpoint.core.errors import ConfigError
from trigpoint.core.output import Kind, Planned
from trigpoint.core.terminal import print_line
from trigpoint.formats.export.image_files import ImageFiles


@dataclass(frozen=True)
class ExportOptions:
    """What is written.

    Attributes:
        to: ply (the points of a map), colmap, nerfstudio, tum, ltvl (visuallocalization.net) or json.
        output: file for ply, ltvl and json, folder for the others.
        scene: the folder that a map was made from.
        picture: PNG file to draw the points of a map to.
        split: which images of a scene: all, those to map, or those held out.
        images: copy, link or none: what happens to the image files. Anything else is the folder that they are in, if it is
            not the one that the scene names; may be repeated to say both.
        max_images: images that the points of a map are read from, evenly chosen; 0 for all.
        include_rejected: also write poses of localized images that are not trusted.
    """

    to: Literal["ply", "colmap", "nerfstudio", "tum", "ltvl", "json"]
    output: Output
    scene: Annotated[Path | None, arg(metavar="SCENE")] = None
    picture: Path | None = None
    split: Literal["all", "train", "test"] = "all"
    images: UseAppendAction[tuple[str, ...]] = ()
    max_images: int = 0
    include_rejected: bool = False

    @property
    def image_files(self) -> ImageFiles:
        """What happens to the image files: the last of the words in ``images``."""
        return next((how for word in reversed(self.images) for how in get_args(ImageFiles) if how == word), "copy")

    def image_folder(self) -> Path | None:
        """The folder in ``images``, if one is named.

        Raises:
            ConfigError: several (TP-702).
        """
        folders = [word for word in self.images if word not in get_args(ImageFiles)]
        if len(folders) > 1:
            raise ConfigError("TP-702", f"--images names {len(folders)} folders", where=folders[1], fix="Name one folder.")
        return Path(folders[0]) if folders else None

    def kind(self, source: Path) -> Kind:
        """What the output is to ``check_outputs``."""
        if self.to == "json":
            return "json"
        if source.suffix != ".jsonl":
            return "new folder" if self.to in ("colmap", "nerfstudio", "tum") else "text"
        is_folder = self.to == "colmap" or (self.to == "nerfstudio" and self.output.suffix != ".json")
        return "folder" if is_folder else "text"

    def check(self, source: Path) -> None:
        """Whether the options go together.

        Raises:
            ConfigError: a map without its images (TP-761); points of something that is no map (TP-762); TP-702.
        """
        if self.max_images < 0:
            raise ConfigError("TP-702", f"--max-images is {self.max_images}", fix="It must be 0 (all) or more.")
        if source.suffix == ".trig":
            if self.scene is None:
                fix = "Give --scene, the folder that it was made from."
                raise ConfigError("TP-761", "a map holds no images", where=source, fix=fix)
            return
        options = {
            "--to ply": self.to == "ply",
            "--picture": self.picture,
            "--scene": self.scene,
            "--max-images": self.max_images,
        }
        of_map = [name for name, given in options.items() if given]
        if of_map:
            raise ConfigError("TP-762", f"{of_map[0]} needs a map", where=source, fix="Name a .trig file first.")


@dataclass(frozen=True)
class ExportSceneOptions(SceneOptions):
    """How the images and poses of a scene are read. The folder of the images is one of the values of ``--images``."""

    images: Suppress[Fixed[OptionalPath]] = None


def export(
    source: Annotated[Positional[Path], arg(metavar="SOURCE")],
    /,
    *,
    target: ExportOptions,
    reading: ExportSceneOptions,
    run: RunOptions,
) -> int:
    """Write the points of a map, a scene, or localized images in the format of another program.

    Args:
        source: a map file, a folder of posed images, or the .jsonl file of localize.
        target: what is written.
        reading: how the scene is read.
        run: where, and what is said.
    """
    target.check(source)
    scene = replace(reading, images=target.image_folder())
    run.begin(Planned(target.output, target.kind(source)), Planned(target.picture, "text"), inputs=[source])
    if source.suffix == ".jsonl":
        document = _results(source, target)
    elif source.suffix == ".trig":
        document = _map(source, target, scene, run)
    else:
        document = _scene(source, target, scene)
    counts = ", ".join(f"{document[key]:,} {key}" for key in ("images", "points") if key in document)
    print_line(f"{target.output}: {counts}")
    for line in document["notes"]:
        note(line)
    run.write({"output": str(target.output), "format": target.to, **document})
    return 0


def _results(source: Path, target: ExportOptions) -> dict[str, Any]:
    from trigpoint.localization.export_results import export_results

    assert target.to != "ply"  # checked before
    written, total = export_results(source, target.output, target.to, include_rejected=target.include_rejected)
    notes = [f"Images without a pose that is trusted: {total - written}."] if written < total else []
    return {"images": written, "notes": notes}


def _map(source: Path, target: ExportOptions, reading: SceneOptions, run: RunOptions) -> dict[str, Any]:
    from trigpoint.commands.map_export import export_map, read_points, write_picture
    from trigpoint.localization.localizer import Localizer

    assert target.scene is not None  # checked before
    localizer = Localizer.load(source, device=run.query_device)
    scene = reading.open_with(target.scene, localizer.map)
    points = read_points(localizer, scene, max_images=target.max_images)
    notes = export_map(scene, points, target.output, target.to, split=target.split, images=target.image_files)
    if target.picture is not None:
        write_picture(scene, points, target.picture)
    picture = None if target.picture is None else str(target.picture)
    return {"points": len(points.xyz), "picture": picture, "notes": notes}


def _scene(source: Path, target: ExportOptions, reading: SceneOptions) -> dict[str, Any]:
    from trigpoint.formats.export.scene import export_scene
    from trigpoint.formats.splits import chosen_split

    assert target.to != "ply"  # checked before
    scene = chosen_split(reading.open(source), target.split)
    notes = export_scene(scene, target.output, target.to, images=target.image_files)
    return {"images": len(scene.posed()), "notes": notes}
