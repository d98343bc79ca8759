"""NeRF synthetic: ``transforms_train.json``, ``transforms_val.json``, ``transforms_test.json``, as written from Blender.

Each is a ``transforms.json`` with the angle of view alone, and images named without their suffix. Scale unknown.
"""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.scene import TEST, TRAIN, Scene
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.nerfstudio import add_frames
from trigpoint.formats.nerfstudio_camera import flag
from trigpoint.formats.textfiles import is_file, read_json

_TRAIN, _VAL, _TEST = ("transforms_train.json", "transforms_val.json", "transforms_test.json")


def sniff(path: Path) -> bool:
    """Whether the folder holds one of the three files."""
    return any(is_file(path / name) for name in (_TRAIN, _VAL, _TEST))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the files that are there. Validation images serve as test images where there are no others.

    Raises:
        SceneError: as the reader of ``transforms.json``.
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    documents = {name: read_json(path / name) for name in (_TRAIN, _VAL, _TEST) if is_file(path / name)}
    metric = any(flag(document, "metric", str(path / name)) for name, document in documents.items())
    builder = SceneBuilder(path, "blender", metric=metric, options=options)
    splits = {_TRAIN: TRAIN, _VAL: None if _TEST in documents else TEST, _TEST: TEST}
    for name, document in documents.items():
        split = splits[name]
        added = add_frames(builder, path / name, document, lambda _, split=split: split)
        if split is None:
            builder.note(f"Validation images, neither mapped nor tested: {len(added)}.")
    return builder.build()


READER = Reader("blender", sniff, read, "transforms_train.json or transforms_test.json", poses="opengl-c2w")
