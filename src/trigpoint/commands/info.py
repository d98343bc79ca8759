"""The verb ``info``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from trigpoint.commands.options import Flag, write_document


def info(
    what: Positional[Path],
    /,
    *,
    format: str | None = None,
    holdout: str | None = None,
    skip_invalid: Flag = False,
    metric: bool | None = None,
    json: Path | None = None,
) -> int:
    """Say what is in a scene (a folder of posed images) or in a map file, and what is missing.

    Args:
        what: folder of a scene, or a .trig file.
        format: format of the scene; found out if not given.
        holdout: images held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        metric: whether one unit of the poses is one metre; what the format says if not given.
        json: file to write the same to, as JSON.
    """
    from trigpoint.commands import describe

    if what.is_file() and what.suffix == ".trig":
        lines, document, code = describe.map_report(what)
    else:
        lines, document, code = describe.scene_report(what, format, holdout, skip_invalid, metric)
    print("\n".join(lines))
    write_document(json, document)
    return code
