"""The verb ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from trigpoint.commands.options import Flag, Output, note, write_document
from trigpoint.core.config import require
from trigpoint.core.errors import ConfigError
from trigpoint.core.progress import set_quiet

Format = Literal["ply", "colmap", "nerfstudio", "tum", "ltvl", "json"]


def export(
    source: Positional[Path],
    /,
    *,
    to: Format,
    output: Output,
    place: Path | None = None,
    picture: Path | None = None,
    split: Literal["all", "train", "test"] = "all",
    photos: Literal["copy", "link", "none"] = "copy",
    max_photos: int = 0,
    include_rejected: Flag = False,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Write the points of a map, a place, or localized photos in the format of another program.

    Args:
        source: a map file, a folder of posed photos, or the .jsonl file of localize.
        to: ply (the points of a map), colmap, nerfstudio, tum, ltvl (visuallocalization.net) or json.
        output: file for ply, ltvl and json, folder for the others.
        place: the folder that a map was made from.
        picture: PNG file to draw the points of a map to.
        split: which photos of a place: all, those to map, or those held out.
        photos: copy the image files, link to them, or leave them out.
        max_photos: photos that the points of a map are read from, evenly chosen; 0 for all.
        include_rejected: also write poses of localized photos that are not trusted.
        device: cpu or cuda.
        format: format of the place; found out if not given.
        skip_invalid: leave out photos that cannot be used instead of stopping at them.
        quiet: show no progress.
        json: file to write what was exported to.
    """
    set_quiet(quiet)
    kind = "map" if source.suffix == ".trig" else "results" if source.suffix == ".jsonl" else "place"
    require(max_photos >= 0, "--max-photos", max_photos, "0 or more")
    of_map = {"--to ply": to == "ply", "--picture": picture, "--place": place, "--max-photos": max_photos}
    _check(kind, place, [name for name, given in of_map.items() if given], source)
    document: dict[str, Any] = {"output": str(output), "format": to}
    if kind == "results":
        from trigpoint.localization.export_results import export_results

        assert to != "ply"  # checked above
        written, total = export_results(source, output, to, include_rejected=include_rejected)
        left = [f"Photos without a pose that is trusted: {total - written}."] if written < total else []
        document |= {"photos": written, "notes": left}
    elif kind == "map":
        from trigpoint.commands.map_export import export_map, read_points

        assert place is not None  # checked above
        found = read_points(source, place, max_photos=max_photos, device=device, format=format, skip_invalid=skip_invalid)
        notes = export_map(found, output, to, picture=picture, split=split, photos=photos)
        document |= {"points": len(found.points.xyz), "picture": None if picture is None else str(picture), "notes": notes}
    else:
        from trigpoint.formats.export.scene import chosen_split, export_place
        from trigpoint.formats.readers import open_scene

        assert to != "ply"  # checked above
        scene = chosen_split(open_scene(source, format=format, skip_invalid=skip_invalid), split)
        notes = export_place(scene, output, to, photos=photos)
        document |= {"photos": len(scene.posed()), "notes": notes}
    counts = ", ".join(f"{document[key]:,} {key}" for key in ("photos", "points") if key in document)
    print(f"{output}: {counts}")
    for line in document["notes"]:
        note(line)
    write_document(json, document)
    return 0


def _check(kind: str, place: Path | None, of_map: Sequence[str], source: Path) -> None:
    """Whether the options go together.

    Raises:
        ConfigError: a map without its photos (TP-761); points of something that is no map (TP-762).
    """
    if kind == "map" and place is None:
        raise ConfigError(
            "TP-761", "a map holds no photos", where=source, fix="Give --place, the folder that it was made from."
        )
    if kind != "map" and of_map:
        raise ConfigError("TP-762", f"{of_map[0]} needs a map", where=source, fix="Name a .trig file first.")
