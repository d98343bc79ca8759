"""The verb ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from trigpoint.commands.options import Flag, Output, note, write_document
from trigpoint.core.config import require
from trigpoint.core.errors import ConfigError
from trigpoint.core.terminal import set_quiet

Format = Literal["ply", "colmap", "nerfstudio", "tum", "ltvl", "json"]


def export(
    source: Positional[Path],
    /,
    *,
    to: Format,
    output: Output,
    scene: Path | None = None,
    picture: Path | None = None,
    split: Literal["all", "train", "test"] = "all",
    images: Literal["copy", "link", "none"] = "copy",
    max_images: int = 0,
    include_rejected: Flag = False,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Write the points of a map, a scene, or localized images in the format of another program.

    Args:
        source: a map file, a folder of posed images, or the .jsonl file of localize.
        to: ply (the points of a map), colmap, nerfstudio, tum, ltvl (visuallocalization.net) or json.
        output: file for ply, ltvl and json, folder for the others.
        scene: the folder that a map was made from.
        picture: PNG file to draw the points of a map to.
        split: which images of a scene: all, those to map, or those held out.
        images: copy the image files, link to them, or leave them out.
        max_images: images that the points of a map are read from, evenly chosen; 0 for all.
        include_rejected: also write poses of localized images that are not trusted.
        device: cpu or cuda.
        format: format of the scene; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        quiet: show no progress.
        json: file to write what was exported to.
    """
    set_quiet(quiet)
    kind = "map" if source.suffix == ".trig" else "results" if source.suffix == ".jsonl" else "scene"
    require(max_images >= 0, "--max-images", max_images, "0 or more")
    of_map = {"--to ply": to == "ply", "--picture": picture, "--scene": scene, "--max-images": max_images}
    _check(kind, scene, [name for name, given in of_map.items() if given], source)
    document: dict[str, Any] = {"output": str(output), "format": to}
    if kind == "results":
        from trigpoint.localization.export_results import export_results

        assert to != "ply"  # checked above
        written, total = export_results(source, output, to, include_rejected=include_rejected)
        left = [f"Images without a pose that is trusted: {total - written}."] if written < total else []
        document |= {"images": written, "notes": left}
    elif kind == "map":
        from trigpoint.commands.map_export import export_map, read_points

        assert scene is not None  # checked above
        found = read_points(source, scene, max_images=max_images, device=device, format=format, skip_invalid=skip_invalid)
        notes = export_map(found, output, to, picture=picture, split=split, images=images)
        document |= {"points": len(found.points.xyz), "picture": None if picture is None else str(picture), "notes": notes}
    else:
        from trigpoint.formats.export.scene import chosen_split, export_scene
        from trigpoint.formats.readers import open_scene

        assert to != "ply"  # checked above
        opened = chosen_split(open_scene(source, format=format, skip_invalid=skip_invalid), split)
        notes = export_scene(opened, output, to, images=images)
        document |= {"images": len(opened.posed()), "notes": notes}
    counts = ", ".join(f"{document[key]:,} {key}" for key in ("images", "points") if key in document)
    print(f"{output}: {counts}")
    for line in document["notes"]:
        note(line)
    write_document(json, document)
    return 0


def _check(kind: str, scene: Path | None, of_map: Sequence[str], source: Path) -> None:
    """Whether the options go together.

    Raises:
        ConfigError: a map without its images (TP-761); points of something that is no map (TP-762).
    """
    if kind == "map" and scene is None:
        raise ConfigError(
            "TP-761", "a map holds no images", where=source, fix="Give --scene, the folder that it was made from."
        )
    if kind != "map" and of_map:
        raise ConfigError("TP-762", f"{of_map[0]} needs a map", where=source, fix="Name a .trig file first.")
