"""The verb ``weights``."""

from __future__ import annotations

from typing import Literal

from tyro.conf import Positional


def weights(
    action: Positional[Literal["list", "get", "verify"]] = "list", names: Positional[tuple[str, ...]] = (), /
) -> int:
    """List, fetch or verify pretrained weights: name, licence, size, SHA-256 and where they were found.

    Args:
        action: list shows all; get downloads to the cache; verify checks the files that are found.
        names: which weights; all if none is named.
    """
    from trigpoint.describe import weights_lines

    lines, complete = weights_lines(action, names)
    print("\n".join(lines))
    return 0 if complete else 1
