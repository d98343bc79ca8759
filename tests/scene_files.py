"""Writes tiny scenes of every format: the same eight poses, with small photos."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trigpoint.core.errors import TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Scene
from trigpoint.data.readers import open_scene

SIZE = (64, 48)
SEVEN_SCENES_SIZE = (640, 480)
FOCAL = 60.0
COUNT = 8


def data_folder(name: str) -> Path:
    """A real sample; skips the test where there is none."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TRIGPOINT_DATA", default)) / name
    if not folder.is_dir():
        pytest.skip(f"needs real data: {name} below TRIGPOINT_DATA")
    return folder


def poses(count: int = COUNT) -> list[Pose]:
    """``cam_from_world`` of cameras on an arc, each turned differently about all axes."""
    result = []
    for index in range(count):
        angles = 0.1 * np.array([index, 2 - index, 0.3 * index])
        half = np.linalg.norm(angles) / 2
        axis = angles / (2 * half)
        quaternion = np.concatenate([[np.cos(half)], np.sin(half) * axis])
        result.append(Pose.from_quaternion(quaternion, (0.5 * index, -0.2 * index, 2.0 + 0.1 * index)))
    return result


def write_photo(path: Path, size: tuple[int, int] = SIZE, orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (90, 120, 60)).save(path, format="PNG" if path.suffix == ".png" else "JPEG", exif=exif)


def write_matrix(path: Path, matrix: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(" ".join(f"{value:.17g}" for value in row) for row in np.atleast_2d(np.asarray(matrix))) + "\n"
    )


def write_ace(root: Path) -> None:
    """Six photos for training, two for testing; the first calibration is a matrix."""
    for index, pose in enumerate(poses()):
        split, stem = root / ("train" if index < 6 else "test"), f"frame-{index:06d}"
        write_photo(split / "rgb" / f"{stem}.color.jpg")
        write_matrix(split / "poses" / f"{stem}.pose.txt", pose.inverse().matrix())
        matrix = [[FOCAL, 0, 32], [0, FOCAL, 24], [0, 0, 1]]
        write_matrix(split / "calibration" / f"{stem}.calibration.txt", matrix if index == 0 else FOCAL)


def write_sevenscenes(root: Path) -> None:
    """Two sequences of four photos."""
    for index, pose in enumerate(poses()):
        stem = root / f"seq-{1 + index // 4:02d}" / f"frame-{index % 4:06d}"
        write_photo(Path(f"{stem}.color.png"), SEVEN_SCENES_SIZE)
        Path(f"{stem}.depth.png").write_bytes(b"never read")
        write_matrix(Path(f"{stem}.pose.txt"), pose.inverse().matrix())
    (root / "TrainSplit.txt").write_text("sequence1\r\n")
    (root / "TestSplit.txt").write_text("sequence2\r\n")


def write_tum(root: Path) -> None:
    """Photo times lie 4 ms before those of the poses; poses are not in the order of the photos."""
    photos, rows = ["# color images"], []
    for index, pose in enumerate(poses()):
        name = f"rgb/{100 + index}.000000.png"
        write_photo(root / name)
        photos.append(f"{100 + index}.000000 {name}")
        world_from_cam = pose.inverse()
        w, x, y, z = world_from_cam.quaternion_wxyz()
        values = (*world_from_cam.translation, x, y, z, w)
        rows.append(f"{100 + index}.0040 " + " ".join(f"{value:.17g}" for value in values))
        # A wrong pose that is further away in time, and would be taken if the two lists were paired by order.
        rows.append(f"{100 + index}.0150 9 9 9 0 0 0 1")
    (root / "rgb.txt").write_text("\n".join(photos))
    (root / "groundtruth.txt").write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(reversed(rows)))
    camera = {"model": "PINHOLE", "width": SIZE[0], "height": SIZE[1], "params": [FOCAL, FOCAL, 32, 24]}
    (root / "camera.json").write_text(json.dumps(camera))


def nerfstudio_document() -> dict:
    frames = []
    for index, pose in enumerate(poses()):
        world_from_gl = pose.inverse().matrix() @ np.diag([1, -1, -1, 1])
        frames.append({"file_path": f"./images/{index:03d}.jpg", "transform_matrix": world_from_gl.tolist()})
    return {"fl_x": FOCAL, "fl_y": FOCAL, "cx": 32.0, "cy": 24.0, "w": 64.0, "h": 48.0, "frames": frames}


def write_nerfstudio(root: Path) -> None:
    for index in range(COUNT):
        write_photo(root / "images" / f"{index:03d}.jpg")
    (root / "transforms.json").write_text(json.dumps(nerfstudio_document()))


def colmap_38_files(count: int = COUNT, names: list[str] | None = None) -> dict[str, bytes]:
    """A binary model as COLMAP 3.8 wrote it: one PINHOLE camera, two keypoints an image, one point."""
    names = names or [f"{index:03d}.jpg" for index in range(count)]
    images = struct.pack("<Q", count)
    for index, (pose, name) in enumerate(zip(poses(count), names, strict=True)):
        images += struct.pack("<I7dI", index + 1, *pose.quaternion_wxyz(), *pose.translation, 1)
        images += name.encode() + b"\0" + struct.pack("<Q", 2)
        images += struct.pack("<2dQ2dQ", 10, 20, 1 if index < 2 else 2**64 - 1, 11, 21, 2**64 - 1)
    point = struct.pack("<QQ3d3Bd", 1, 1, 0, 0, 3, 9, 9, 9, 0.5) + struct.pack("<Q4I", 2, 1, 0, 2, 0)
    camera = struct.pack("<QIiQQ4d", 1, 1, 1, *SIZE, FOCAL, FOCAL, 32, 24)
    return {"cameras.bin": camera, "images.bin": images, "points3D.bin": point}


def write_colmap_38(root: Path, *, model: str = "sparse/0", count: int = COUNT) -> None:
    (root / model).mkdir(parents=True, exist_ok=True)
    for name, data in colmap_38_files(count).items():
        (root / model / name).write_bytes(data)
    for index in range(count):
        write_photo(root / "images" / f"{index:03d}.jpg")


def write_colmap(root: Path, *, text: bool = False) -> None:
    """The same model as written by the installed pycolmap."""
    import pycolmap

    write_colmap_38(root)
    model = root / "sparse" / "0"
    reconstruction = pycolmap.Reconstruction(model)
    for file in list(model.iterdir()):
        file.unlink()
    (reconstruction.write_text if text else reconstruction.write_binary)(model)


def write_colmap_text(root: Path) -> None:
    write_colmap(root, text=True)


WRITERS: dict[str, Callable[[Path], None]] = {
    "ace": write_ace,
    "sevenscenes": write_sevenscenes,
    "tum": write_tum,
    "nerfstudio": write_nerfstudio,
    "colmap": write_colmap,
}


def error(path: Path, **options) -> TrigpointError:
    """The error that opening a scene gives."""
    with pytest.raises(TrigpointError) as caught:
        open_scene(path, **options)
    assert caught.value.where, "an error must name its file"
    assert caught.value.fix
    return caught.value


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def notes(scene: Scene) -> str:
    """The problems of a scene as text."""
    return "\n".join(f"{problem.severity}: {problem.message}" for problem in scene.problems)
