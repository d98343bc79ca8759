"""A small synthetic scene on disk, and settings that map it in seconds."""

from __future__ import annotations

import json
from pathlib import Path

from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

# Enough for a map that works, roughly.
WORKING = (
    "features.short_side_px=240",
    "head.width=128",
    "buffer.views_per_image=2",
    "buffer.keypoints_per_view=500",
    "optimizer.steps=400",
    "optimizer.batch=1024",
)
# For tests about bytes and files, which any map will do for.
CHEAP = (
    "features.short_side_px=120",
    "head.width=64",
    "buffer.views_per_image=2",
    "buffer.keypoints_per_view=200",
    "optimizer.steps=60",
    "optimizer.batch=256",
)


def write_room(folder: Path, *, train: int = 24, test: int = 6) -> Path:
    """A room in images of 320x240 px, in nerfstudio format with a train and a test split."""
    write_synthetic_scene(folder, SyntheticConfig(width=320, height=240, n_train=train, n_test=test))
    return folder


def write_part(room: Path, folder: Path, count: int) -> Path:
    """A scene of its own with the first ``count`` images of a room, all without a split."""
    document = json.loads((room / "transforms.json").read_text())
    frames = sorted(document["frames"], key=lambda frame: frame["file_path"])
    document["frames"] = [frame for frame in frames if "/walk/" in frame["file_path"]][:count]
    for key in ("train_filenames", "test_filenames"):
        del document[key]
    for frame in document["frames"]:
        target = folder / frame["file_path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((room / frame["file_path"]).read_bytes())
    (folder / "transforms.json").write_text(json.dumps(document))
    return folder


def settings(values: tuple[str, ...]) -> list[str]:
    """The settings as arguments of ``trigpoint map``."""
    return [word for value in values for word in ("--set", value)]
