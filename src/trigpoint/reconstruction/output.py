"""The finished place: photos and model, put together in the work folder and renamed at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError
from trigpoint.formats.colmap import PLACE_FILE
from trigpoint.reconstruction.images import SourcePhoto

LINKED, REFERRED, COPIED = "hard links", "symbolic links", "copies"


def write_place(output: Path, work: Path, model: Any, photos: Sequence[SourcePhoto], record: dict[str, Any]) -> str:
    """Write ``images``, ``sparse/0`` and ``trigpoint.json``; appears at ``output`` as a whole.

    Photos are not copied where the file system allows: hard links, or across file systems symbolic links.

    Args:
        output: folder that does not exist or is empty.
        work: folder beside it to put it together in.
        model: the ``pycolmap.Reconstruction``.
        photos: all photos, also those without a pose.
        record: what ``trigpoint.json`` says.

    Returns:
        How the photos came there: ``"hard links"``, ``"symbolic links"`` or ``"copies"``.

    Raises:
        OutputError: TP-801.
    """
    place = work / "place"
    try:
        shutil.rmtree(place, ignore_errors=True)
        (place / "sparse" / "0").mkdir(parents=True)
        kinds = {_bring(photo.path, place / "images" / photo.name) for photo in photos}
        model.write_binary(place / "sparse" / "0")
        write_json(place / PLACE_FILE, record)
        if output.is_dir():
            output.rmdir()
        place.replace(output)
    except OSError as error:
        raise OutputError(
            "TP-801",
            f"the place cannot be written ({error.strerror})",
            where=output,
            fix="Check the folder and the free space; run again to continue.",
        ) from error
    return next(kind for kind in (COPIED, REFERRED, LINKED) if kind in kinds)


def _bring(source: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link to a link would dangle when the first one goes.
    source = source.resolve()
    try:
        os.link(source, target)
        return LINKED
    except OSError:
        pass
    try:
        target.symlink_to(source)
        return REFERRED
    except OSError:
        shutil.copyfile(source, target)
        return COPIED
