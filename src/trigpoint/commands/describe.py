"""What the verbs say on the terminal, as lines of text with the same content as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from trigpoint.core.config import to_json

Lines = list[str]


def stdout_console() -> Console:
    """The console for results."""
    return Console(highlight=False)


def scene_report(
    path: Path, format: str | None, holdout: str | None, skip_invalid: bool, metric: bool | None
) -> tuple[Lines, dict[str, Any], int]:
    """What is in a folder of posed images: lines, JSON, exit code (0 if it can be mapped)."""
    from trigpoint.diagnosis.inspect import describe_scene
    from trigpoint.formats.readers import open_scene

    scene = open_scene(path, format=format, holdout=holdout, skip_invalid=skip_invalid, metric=metric)
    found = describe_scene(scene)
    return found.lines(), found.to_json(), found.exit_code()


def map_report(path: Path) -> tuple[Lines, dict[str, Any], int]:
    """What is in a map file: lines, JSON, exit code."""
    from trigpoint.mapping.scene_map import load_map, map_bytes

    scene_map = load_map(path)
    sizes, total = map_bytes(path), path.stat().st_size
    built = scene_map.built_from
    document = {
        "map_id": scene_map.map_id,
        "preset": scene_map.config.preset,
        "encoder": scene_map.config.features.encoder,
        "weights_sha256": scene_map.weights_sha256,
        "units": scene_map.units,
        "built_from": built,
        "training": scene_map.training,
        "acceptance": to_json(scene_map.acceptance),
        "config": to_json(scene_map.config),
        "bytes": sizes,
        "total_bytes": total,
    }
    lines = [
        f"map {path.name}, id {scene_map.map_id}, {_size(total)}",
        f"preset {scene_map.config.preset}, local features {scene_map.config.features.encoder}",
        f"made from {built['images']} images of '{built['scene']}' ({built['format']})" + _held_out(built),
        "positions are in metres" if scene_map.metric else "positions are in units of unknown length",
        _content(scene_map),
        f"images are trusted above {scene_map.acceptance.noise_inlier_ratio:.1%} agreeing keypoints; "
        f"mapping images typically have {scene_map.acceptance.typical_inlier_ratio:.0%}",
        *(
            f"  {kind.images} {kind.kind}: half reached {kind.median_inlier_ratio:.1%}, "
            f"the best {kind.largest_inlier_ratio:.1%}, nearly all stay below {kind.bound:.1%}"
            + ("" if kind.counted else "; not counted, because the scene looks the same in a mirror")
            for kind in scene_map.acceptance.wrong
        ),
        *_validation(scene_map),
        *_doubts(scene_map),
        "",
        "bytes  part",
        *(f"{size:>9,}  {name}" for name, size in sizes.items()),
        f"{sum(sizes.values()):>9,}  in total (the file has {total:,})",
    ]
    return lines, document, 0


def _held_out(built: dict[str, Any]) -> str:
    rule = f" by {built['holdout']}" if built["holdout"] else ""
    return f"; {built['held_out']} more were held out{rule}" if built["held_out"] else ""


def build_report(result: Any) -> tuple[Lines, dict[str, Any]]:
    """The numbers of a finished build (``pipeline.BuildResult``): lines and JSON."""
    scene_map, seconds = result.map, result.seconds
    last = scene_map.training[-1] if scene_map.training else {"inlier_ratio": None, "loss": None}
    document = {
        "map": str(result.path),
        "map_id": scene_map.map_id,
        "bytes": result.bytes,
        "preset": scene_map.config.preset,
        "units": scene_map.units,
        "images": scene_map.built_from["images"],
        "samples": scene_map.built_from["samples"],
        "seconds": {**seconds, "total": sum(seconds.values())},
        "resumed": result.resumed,
        "validation": to_json(scene_map.acceptance)["validation"],
        "inlier_ratio": last["inlier_ratio"],
        "loss": last["loss"],
    }
    took = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    lines = [
        f"{result.path}: {_size(result.bytes)}, map {scene_map.map_id}, from {document['images']} images in "
        f"{document['seconds']['total']:.0f} s ({took})",
        _content(scene_map),
        *_validation(scene_map),
        *_doubts(scene_map),
    ]
    return lines, document


def _validation(scene_map: Any) -> Lines:
    """What the map makes of images that it did not learn."""
    from trigpoint.report.formatting import angle, length

    found = scene_map.acceptance.validation
    if found is None:
        return []
    error = "most got no pose"
    if found.error is not None:
        error = f"median error {length(found.error, scene_map.units)}, {angle(found.rotation_error_deg)}"
    kind = "images that it did not learn" if scene_map.landmarks is None else "its own images, each hidden from the search,"
    return [f"of {found.images} {kind} it trusts {found.accepted}; {error}"]


def _doubts(scene_map: Any) -> Lines:
    """What the owner of a map that explains nothing should know."""
    found = scene_map.acceptance
    if not found.images or found.typical_inlier_ratio > found.noise_inlier_ratio:
        return []
    return [
        f"warning: this map will hardly trust any image: only {found.typical_inlier_ratio:.1%} of the keypoints of its own "
        f"images agree, and wrong images reach {found.noise_inlier_ratio:.1%}. Poses or cameras may be wrong "
        "('trigpoint info SCENE' checks them), the images may overlap too little, or the training was too short."
    ]


def _content(scene_map: Any) -> str:
    """What was learned, in one line."""
    built = scene_map.built_from
    if scene_map.landmarks is not None:
        return f"{len(scene_map.landmarks.points):,} landmarks, seen {built['samples']:,} times, seed {built['seed']}"
    last = scene_map.training[-1]
    return (
        f"{built['samples']:,} samples, {last['step']} steps, seed {built['seed']}; "
        f"at the end {last['inlier_ratio']:.0%} of the samples reprojected within 10 px"
    )


def weights_report(action: str, names: Sequence[str]) -> tuple[Lines, list[dict[str, Any]], bool]:
    """The catalogue of weights, after fetching or verifying some of them: lines, JSON, whether all of them are here."""
    from trigpoint.core.artifact import sha256_of
    from trigpoint.features.weights import WEIGHTS, candidate_files, fetch_weights, verify, weights_entry

    lines: Lines = []
    documents: list[dict[str, Any]] = []
    complete = True
    for name in names or WEIGHTS:
        entry = weights_entry(name)
        # Files that only the user can bring are no lack unless they are asked for by name.
        optional = entry.is_own_file and not names
        if action == "get" and not optional and not any(file.is_file() for file in candidate_files(entry)):
            fetch_weights(name)
        file = next((file for file in candidate_files(entry) if file.is_file()), None)
        complete &= file is not None or optional
        if file is not None and action != "list":
            verify(file, entry)
        document = {
            "name": name,
            "bytes": file.stat().st_size if file else entry.size_bytes or None,
            "licence": entry.licence,
            "from": entry.package or ("your own file" if entry.is_own_file else entry.url),
            "sha256": entry.sha256 or (sha256_of(file) if file else None),
            "file": str(file) if file else None,
        }
        documents.append(document)
        size = _size(document["bytes"]) if document["bytes"] else "size unknown"
        lines += [
            f"{name:<20}{size}, {entry.licence}, from {document['from']}",
            f"{'':<20}{file or f'not here: {entry.source}'}",
            f"{'':<20}sha256 {document['sha256'] or 'unknown'}",
            "",
        ]
    return lines[:-1], documents, complete


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
