"""Option types and outputs that several verbs share."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import FlagCreatePairsOff, arg

_LOGGER = logging.getLogger(__name__)

Output = Annotated[Path, arg(aliases=["-o"])]
OptionalOutput = Annotated[Path | None, arg(aliases=["-o"])]
Flag = FlagCreatePairsOff[bool]


def note(text: str) -> None:
    """Say something beside the results, on standard error."""
    _LOGGER.info(text)


def write_document(path: Path | None, document: Any) -> None:
    """Write what a verb computed as JSON, if a file was named."""
    from trigpoint.core.artifact import write_json

    if path is not None:
        write_json(path, document)
