"""The finished scene: images and model, put together in the work folder and renamed at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError
from trigpoint.formats.colmap import SCENE_FILE
from trigpoint.reconstruction.images import SourceImage

LINKED, REFERRED, COPIED = "hard links", "symbolic links", "copies"


def write_scene(output: Path, work: Path, model: Any, images: Sequence[SourceImage], record: dict[str, Any]) -> str:
    """Write ``images``, ``sparse/0`` and ``trigpoint.json``; appears at ``output`` as a whole.

    Images are not copied where the file system allows: hard links, or across file systems symbolic links.

    Args:
        output: folder that does not exist or is empty.
        work: folder beside it to put it together in.
        model: the ``pycolmap.Reconstruction``.
        images: all images, also those without a pose.
        record: what ``trigpoint.json`` says.

    Returns:
        How the images came there: ``"hard links"``, ``"symbolic links"`` or ``"copies"``.

    Raises:
        OutputError: TP-801.
    """
    scene = work / "scene"
    try:
        shutil.rmtree(scene, ignore_errors=True)
        (scene / "sparse" / "0").mkdir(parents=True)
        kinds = {_bring(image.path, scene / "images" / image.name) for image in images}
        model.write_binary(scene / "sparse" / "0")
        write_json(scene / SCENE_FILE, record)
        if output.is_dir():
            output.rmdir()
        scene.replace(output)
    except OSError as error:
        raise OutputError(
            "TP-801",
            f"the scene cannot be written ({error.strerror})",
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
