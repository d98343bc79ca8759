"""Localized images, as ``trigpoint localize`` wrote them, in other programs' formats."""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError
from trigpoint.core.localization import Localization
from trigpoint.formats.export.nerfstudio import transforms
from trigpoint.formats.export.scene import SceneFormat, check_file
from trigpoint.localization.read_results import read_jsonl
from trigpoint.localization.results import is_written, write_results


def export_results(path: Path, output: Path, format: SceneFormat, *, include_rejected: bool = False) -> tuple[int, int]:
    """Convert a ``.jsonl`` file; (poses written, images). Image files are not touched.

    Args:
        path: of the results.
        output: folder for ``colmap``; else a file (``transforms.json`` for ``nerfstudio``, or a folder to get it).
        format: of the output. ``json`` has all that the results have, the others the poses.
        include_rejected: also write poses that are not trusted.

    Raises:
        OutputError: the results cannot be read (TP-805); none has a pose to write (TP-825); a camera that the format
            cannot hold (TP-821); and as ``write_results``.
    """
    results = read_jsonl(path)
    chosen = [result for result in results if is_written(result, include_rejected)]
    if not chosen:
        raise OutputError(
            "TP-825",
            f"none of the {len(results)} images has a pose to export",
            where=path,
            fix="See their 'reason', or give --include-rejected.",
        )
    if format == "json":
        check_file(output)
        write_json(output, {"format": "trigpoint-results", "version": 1, "images": [result.to_json() for result in results]})
    elif format == "nerfstudio":
        file = output if output.suffix == ".json" else output / "transforms.json"
        write_json(file, _transforms(results, chosen))
    else:
        write_results(output, results, format, include_rejected=include_rejected)
    return len(chosen), len(results)


def _transforms(results: list[Localization], chosen: list[Localization]) -> dict[str, object]:
    images = [
        (result.name, result.camera, result.cam_from_world)
        for result in chosen
        if result.camera is not None and result.cam_from_world is not None
    ]
    document = transforms(images, metric=all(result.units == "m" for result in chosen))
    written = {name for name, _, _ in images}
    others = [result for result in results if result.name not in written]
    return {**document, "not_written": [{"file_path": result.name, "reason": result.reason} for result in others]}
