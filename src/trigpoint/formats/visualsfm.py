"""Models of VisualSFM: one ``.nvm`` file, with the images that it names relative to its folder. Scale unknown."""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.scene import Frame, Scene
from trigpoint.formats import cambridge
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.nvm import nvm_camera, read_nvm
from trigpoint.formats.textfiles import is_file


def sniff(path: Path) -> bool:
    """Whether this is an ``.nvm`` file, or a folder with one of them that is not Cambridge Landmarks."""
    return _model(path) is not None and not cambridge.sniff(path)


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the first model of the file.

    Raises:
        SceneError: as ``read_nvm``.
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    model = _model(path) or path
    builder = SceneBuilder(model.parent, "visualsfm", metric=False, options=options)
    for line in read_nvm(model):
        name = line.name.replace("\\", "/")
        with builder.image(name):
            image = builder.locate(name, model.parent / name)
            if image is not None:
                camera = nvm_camera(builder, line, image)
                builder.add(Frame(name, image, camera, line.pose(), sequence=name.rpartition("/")[0]))
    return builder.build()


def _model(path: Path) -> Path | None:
    files = (
        [path] if is_file(path) and path.suffix.lower() == ".nvm" else sorted(path.glob("*.nvm")) if path.is_dir() else []
    )
    return files[0] if len(files) == 1 else None


READER = Reader("visualsfm", sniff, read, "one .nvm file", poses="opencv-w2c-centre")
