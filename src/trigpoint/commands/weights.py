"""The verb ``weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from trigpoint.commands.options import write_document


def weights(
    action: Positional[Literal["list", "get", "verify"]] = "list",
    names: Positional[tuple[str, ...]] = (),
    /,
    *,
    json: Path | None = None,
) -> int:
    """List, fetch or verify pretrained weights: name, licence, size, SHA-256 and where they were found.

    Exit code 1 if some of them are not here.

    Args:
        action: list shows all; get downloads to the cache; verify checks the files that are found.
        names: which weights; all if none is named.
        json: file to write the same to, as JSON.
    """
    from trigpoint.commands.describe import weights_report

    lines, document, complete = weights_report(action, names)
    print("\n".join(lines))
    write_document(json, document)
    return 0 if complete else 1
