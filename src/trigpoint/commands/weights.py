"""The verb ``weights``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tyro.conf import Positional

from trigpoint.commands.options import OutputOptions


def weights(
    action: Positional[Literal["list", "get", "verify"]] = "list",
    names: Positional[tuple[str, ...]] = (),
    /,
    *,
    run: OutputOptions,
) -> int:
    """List, fetch or verify pretrained weights: name, licence, size, SHA-256 and where they were found.

    Exit code 1 if some of them are not here.

    Args:
        action: list shows all; get downloads to the cache; verify checks the files that are found.
        names: which weights; all if none is named.
        run: what is said.
    """
    from trigpoint.core.terminal import print_line

    run.begin()
    lines, document, complete = weights_report(action, names)
    print_line(*lines)
    run.write(document)
    return 0 if complete else 1


def weights_report(action: str, names: Sequence[str]) -> tuple[list[str], list[dict[str, Any]], bool]:
    """The catalogue of weights, after fetching or verifying some of them: lines, JSON, whether all of them are here."""
    from trigpoint.core.artifact import sha256_of
    from trigpoint.features.weights import WEIGHTS, candidate_files, fetch_weights, verify, weights_entry
    from trigpoint.report.formatting import data_size

    lines: list[str] = []
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
        size = data_size(document["bytes"]) if document["bytes"] else "size unknown"
        lines += [
            f"{name:<20}{size}, {entry.licence}, from {document['from']}",
            f"{'':<20}{file or f'not here: {entry.source}'}",
            f"{'':<20}sha256 {document['sha256'] or 'unknown'}",
            "",
        ]
    return lines[:-1], documents, complete
