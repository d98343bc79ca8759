"""Writes tiny scenes of every format: the same eight poses, with small images."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.errors import TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Scene
from trigpoint.formats.readers import open_scene

SIZE = (64, 48)
SEVEN_SCENES_SIZE = (640, 480)
FOCAL = 60.0
COUNT = 8


def data_folder(name: str) -> Path:
    """A real sample; skips the test where there is none."""
    default = Path(__file__).parents[3] / "shared" / "data"
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


def write_image(path: Path, size: tuple[int, int] = SIZE, orientation: int = 1) -> None:
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
    """Six images for training, two for testing; the first calibration is a matrix."""
    for index, pose in enumerate(poses()):
        split, stem = root / ("train" if index < 6 else "test"), f"frame-{index:06d}"
        write_image(split / "rgb" / f"{stem}.color.jpg")
        write_matrix(split / "poses" / f"{stem}.pose.txt", pose.inverse().matrix())
        matrix = [[FOCAL, 0, 32], [0, FOCAL, 24], [0, 0, 1]]
        write_matrix(split / "calibration" / f"{stem}.calibration.txt", matrix if index == 0 else FOCAL)


def write_sevenscenes(root: Path) -> None:
    """Two sequences of four images."""
    for index, pose in enumerate(poses()):
        stem = root / f"seq-{1 + index // 4:02d}" / f"frame-{index % 4:06d}"
        write_image(Path(f"{stem}.color.png"), SEVEN_SCENES_SIZE)
        Path(f"{stem}.depth.png").write_bytes(b"never read")
        write_matrix(Path(f"{stem}.pose.txt"), pose.inverse().matrix())
    (root / "TrainSplit.txt").write_text("sequence1\r\n")
    (root / "TestSplit.txt").write_text("sequence2\r\n")


def write_tum(root: Path) -> None:
    """DecodedImage times lie 4 ms before those of the poses; poses are not in the order of the images."""
    images, rows = ["# color images"], []
    for index, pose in enumerate(poses()):
        name = f"rgb/{100 + index}.000000.png"
        write_image(root / name)
        images.append(f"{100 + index}.000000 {name}")
        world_from_cam = pose.inverse()
        w, x, y, z = world_from_cam.quaternion_wxyz()
        values = (*world_from_cam.translation, x, y, z, w)
        rows.append(f"{100 + index}.0040 " + " ".join(f"{value:.17g}" for value in values))
        # A wrong pose that is further away in time, and would be taken if the two lists were paired by order.
        rows.append(f"{100 + index}.0150 9 9 9 0 0 0 1")
    (root / "rgb.txt").write_text("\n".join(images))
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
        write_image(root / "images" / f"{index:03d}.jpg")
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
        write_image(root / "images" / f"{index:03d}.jpg")


def write_colmap(root: Path, *, text: bool = False) -> None:
    """The same model as written by the installed pycolmap."""
    import pycolmap

    write_colmap_38(root)
    model = root / "sparse" / "0"
    reconstruction = pycolmap.Reconstruction(model)
    for file in list(model.iterdir()):
        file.unlink()
    (reconstruction.write_text if text else reconstruction.write_binary)(model)


def write_colmap_points(root: Path, points: int = 400, seed: int = 0) -> None:
    """A text model whose images observe random points up to 8 units in front of the first camera, exactly."""
    world = np.random.default_rng(seed).uniform((-7, -5, 1), (4, 5, 6), (points, 3))
    camera = Camera("PINHOLE", *SIZE, (FOCAL, FOCAL, 32, 24))
    images, tracks = [], [[] for _ in range(points)]
    for index, pose in enumerate(poses()):
        write_image(root / "images" / f"{index:03d}.jpg")
        pixels = camera.project(pose.apply(world))
        inside = np.flatnonzero(((pixels > 0) & (pixels < SIZE)).all(axis=1))
        for position, point in enumerate(inside):
            tracks[point].append(f"{index + 1} {position}")
        numbers = (*pose.quaternion_wxyz(), *pose.translation)
        images.append(f"{index + 1} {' '.join(f'{number:.17g}' for number in numbers)} 1 {index:03d}.jpg")
        images.append(" ".join(f"{pixels[point, 0]:.17g} {pixels[point, 1]:.17g} {point + 1}" for point in inside))
    rows = [
        f"{point + 1} {' '.join(f'{value:.17g}' for value in world[point])} 9 9 9 0.5 {' '.join(track)}"
        for point, track in enumerate(tracks)
    ]
    model = root / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.txt").write_text(f"1 PINHOLE {SIZE[0]} {SIZE[1]} {FOCAL} {FOCAL} 32 24\n")
    (model / "images.txt").write_text("\n".join(images) + "\n")
    (model / "points3D.txt").write_text("\n".join(rows) + "\n")


def write_colmap_text(root: Path) -> None:
    write_colmap(root, text=True)


def write_twelvescenes(root: Path) -> None:
    """The first two images for testing. The mean of both focal lengths is FOCAL."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "info.txt").write_text(
        f"m_versionNumber = 4\nm_sensorName = StructureSensor\nm_colorWidth = {SIZE[0]}\nm_colorHeight = {SIZE[1]}\n"
        f"m_depthWidth = 32\nm_depthHeight = 24\nm_depthShift = 1000\n"
        f"m_calibrationColorIntrinsic = {FOCAL - 1} 0 31 0 0 {FOCAL + 1} 25 0 0 0 1 0 0 0 0 1\n"
    )
    (root / "split.txt").write_text("sequence0 [frames=2]  [start=0 ; end=1]\nsequence1 [frames=6]  [start=2 ; end=7]\n")
    for index, pose in enumerate(poses()):
        write_image(root / "data" / f"frame-{index:06d}.color.jpg")
        (root / "data" / f"frame-{index:06d}.depth.png").write_bytes(b"never read")
        write_matrix(root / "data" / f"frame-{index:06d}.pose.txt", pose.inverse().matrix())


def nvm_line(name: str, pose: Pose, radial: float = 0.0) -> str:
    numbers = (FOCAL, *pose.quaternion_wxyz(), *pose.centre(), radial)
    return f"{name}\t{' '.join(f'{number:.12f}' for number in numbers)} 0"


def write_nvm(path: Path, names: list[str], radial: float = 0.0) -> None:
    """The model with the cameras of ``poses()`` and one point."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [nvm_line(name, pose, radial) for name, pose in zip(names, poses(len(names)), strict=True)]
    path.write_text("\n".join(["NVM_V3 ", "", str(len(names)), *lines, "", "1", "0 0 3 9 9 9 1 0 0 1 2", ""]))


def write_cambridge(root: Path) -> None:
    """Six images for training, two for testing. The model calls them .jpg, as that of the data set does."""
    names = [f"seq{1 + index // 6}/frame{index:05d}" for index in range(COUNT)]
    rows = []
    for name, pose in zip(names, poses(), strict=True):
        write_image(root / f"{name}.png")
        numbers = (*pose.centre(), *pose.quaternion_wxyz())
        rows.append(f"{name}.png " + " ".join(f"{number:.12f}" for number in numbers))
    header = ["Visual Landmark Dataset V1", "ImageFile, Camera Position [X Y Z W P Q R]", ""]
    (root / "dataset_train.txt").write_text("\n".join([*header, *rows[:6]]) + "\n")
    (root / "dataset_test.txt").write_text("\n".join([*header, *rows[6:]]) + "\n")
    write_nvm(root / "reconstruction.nvm", [f"{name}.jpg" for name in names])


def write_aachen(root: Path) -> None:
    """Eight mapping images; no queries."""
    names = [f"db/{index}.jpg" for index in range(COUNT)]
    for name in names:
        write_image(root / "images_upright" / name)
    write_nvm(root / "3D-models" / "aachen_cvpr2018_db.nvm", names)


def write_kapture(root: Path) -> None:
    """A camera on a rig that is turned and shifted against it; the poses are those of the rig."""
    sensor_from_rig = poses(2)[1]
    records, trajectories = ["# kapture format: 1.1"], ["# kapture format: 1.1"]
    for index, pose in enumerate(poses()):
        write_image(root / "sensors" / "records_data" / "cam" / f"{index:03d}.jpg")
        records.append(f"{index:04d}, cam0, cam/{index:03d}.jpg")
        rig = sensor_from_rig.inverse() @ pose
        numbers = (*rig.quaternion_wxyz(), *rig.translation)
        trajectories.append(f"{index}, rig, " + ", ".join(f"{number:.15g}" for number in numbers))
    sensors = root / "sensors"
    (sensors / "records_camera.txt").write_text("\n".join(records))
    (sensors / "trajectories.txt").write_text("\n".join(trajectories))
    numbers = (*sensor_from_rig.quaternion_wxyz(), *sensor_from_rig.translation)
    (sensors / "rigs.txt").write_text("# rigs\nrig, cam0, " + ", ".join(f"{number:.15g}" for number in numbers))
    (sensors / "sensors.txt").write_text(
        f"# kapture format: 1.1\ncam0, Hero7, camera, PINHOLE, {SIZE[0]}, {SIZE[1]}, {FOCAL}, {FOCAL}, 32, 24\n"
        "scanner, , lidar\n"
    )


def write_joint_scene(root: Path) -> None:
    """One scene below the folder, left where it is."""
    write_nerfstudio(root / "room")
    scene = {"path": "room", "offset": [0, 0, 0], "scale": 1}
    document = {"format": "trigpoint-joint", "version": 2, "scenes": [scene]}
    (root / "house.joint.json").write_text(json.dumps(document))


WRITERS: dict[str, Callable[[Path], None]] = {
    "joint": write_joint_scene,
    "ace": write_ace,
    "sevenscenes": write_sevenscenes,
    "twelvescenes": write_twelvescenes,
    "cambridge": write_cambridge,
    "aachen": write_aachen,
    "kapture": write_kapture,
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
