"""Writes tiny scenes in the layouts of other programs: the same eight poses as ``scene_files``, with small images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from support.scene_files import COUNT, FOCAL, SIZE, nerfstudio_document, nvm_line, poses, write_image, write_matrix

from trigpoint.core.pose import Pose

MATRIX = [[FOCAL, 0, 32], [0, FOCAL, 24], [0, 0, 1]]
GL_FROM_CV = np.diag([1.0, -1, -1, 1])
# Where the camera of EuRoC sits on the body, and the left gray camera of KITTI beside the colour one, m.
BODY_FROM_CAM = Pose.from_quaternion([0.5, -0.5, 0.5, -0.5], [0.1, -0.02, 0.03])
BASELINE = 0.06


def write_blender(root: Path) -> None:
    """Six images for training, two for testing, as RGBA images that are named without their suffix."""
    from PIL import Image

    frames = nerfstudio_document()["frames"]
    for name, part in (("train", frames[:6]), ("test", frames[6:])):
        (root / name).mkdir(parents=True)
        for index, frame in enumerate(part):
            Image.new("RGBA", SIZE, (90, 120, 60, 0)).save(root / name / f"r_{index}.png")
            frame["file_path"] = f"./{name}/r_{index}"
        document = {"camera_angle_x": 2 * np.arctan(SIZE[0] / 2 / FOCAL), "frames": part}
        (root / f"transforms_{name}.json").write_text(json.dumps(document))


def write_scannet(root: Path) -> None:
    for index, pose in enumerate(poses()):
        write_image(root / "color" / f"{index}.jpg")
        write_matrix(root / "pose" / f"{index}.txt", pose.inverse().matrix())
    matrix = np.eye(4)
    matrix[:3, :3] = MATRIX
    write_matrix(root / "intrinsic" / "intrinsic_color.txt", matrix)


def write_kitti(root: Path) -> None:
    """The colour camera sits to the right of the gray one whose poses are listed."""
    left_from_cam = Pose(np.eye(3), np.array([BASELINE, 0, 0]))
    rows = []
    for index, pose in enumerate(poses()):
        write_image(root / "image_2" / f"{index:06d}.png")
        rows.append((pose.inverse() @ left_from_cam.inverse()).matrix()[:3].ravel())
    write_matrix(root / "poses.txt", rows)
    gray = np.hstack([MATRIX, np.zeros((3, 1))])
    colour = gray.copy()
    colour[0, 3] = -BASELINE * FOCAL
    lines = [f"P{number}: {' '.join(map(str, matrix.ravel()))}" for number, matrix in ((0, gray), (2, colour))]
    (root / "calib.txt").write_text("\n".join(lines) + "\n")


def write_euroc(root: Path) -> None:
    """The body's poses lie 2 ms before and 3 ms after each image, on the way that it moves on."""
    images, states = ["#timestamp [ns],filename"], ["#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], ..."]
    for index, pose in enumerate(poses()):
        time = 1_403_636_579_000_000_000 + index * 50_000_000
        write_image(root / "mav0" / "cam0" / "data" / f"{time}.png")
        images.append(f"{time},{time}.png")
        body = pose.inverse() @ BODY_FROM_CAM.inverse()
        for offset, sign in ((-2_000_000, -1.0), (3_000_000, 1.0)):
            position = body.translation + np.array([offset * 1e-9, 0, 0])
            values = [*position, *(sign * body.quaternion_wxyz()), 0.0, 0.0, 0.0]
            states.append(f"{time + offset}," + ",".join(f"{value:.17g}" for value in values))
    cam0, truth = root / "mav0" / "cam0", root / "mav0" / "state_groundtruth_estimate0"
    truth.mkdir()
    (cam0 / "data.csv").write_text("\r\n".join(images))
    (truth / "data.csv").write_text("\n".join(states))
    rows = ",\n         ".join(", ".join(f"{value:.17g}" for value in row) for row in BODY_FROM_CAM.matrix())
    (cam0 / "sensor.yaml").write_text(
        "#Default\nsensor_type: camera\ncomment: VI-Sensor cam0 (MT9M034)\n\n# Extrinsics\nT_BS:\n  cols: 4\n  rows: 4\n"
        f"  data: [{rows}]\nrate_hz: 20\nresolution: [{SIZE[0]}, {SIZE[1]}]\ncamera_model: pinhole\n"
        f"intrinsics: [{FOCAL}, {FOCAL}, 32, 24] #fu, fv, cu, cv\ndistortion_model: radial-tangential\n"
        "distortion_coefficients: [0.0, 0.0, 0.0, 0.0]\n"
    )


def opensfm_document() -> list[dict]:
    camera = {
        "projection_type": "perspective",
        "width": SIZE[0],
        "height": SIZE[1],
        "focal": FOCAL / 64,
        "k1": 0.0,
        "k2": 0.0,
    }
    shots = {}
    for index, pose in enumerate(poses()):
        from scipy.spatial.transform import Rotation

        vector = Rotation.from_matrix(pose.rotation).as_rotvec()
        shots[f"{index:03d}.jpg"] = {
            "rotation": vector.tolist(),
            "translation": pose.translation.tolist(),
            "camera": "v2 phone",
        }
    return [{"cameras": {"v2 phone": camera}, "shots": {}, "points": {}}, {"cameras": {"v2 phone": camera}, "shots": shots}]


def write_opensfm(root: Path) -> None:
    for index in range(COUNT):
        write_image(root / "images" / f"{index:03d}.jpg")
    (root / "reconstruction.json").write_text(json.dumps(opensfm_document()))


def write_polycam(root: Path, prefix: str = "corrected_") -> None:
    keyframes = root / "keyframes"
    (keyframes / f"{prefix}cameras").mkdir(parents=True)
    for index, pose in enumerate(poses()):
        write_image(keyframes / f"{prefix}images" / f"{index}.jpg")
        matrix = pose.inverse().matrix() @ GL_FROM_CV
        values = {f"t_{row}{column}": matrix[row, column] for row in range(3) for column in range(4)}
        values |= {"fx": FOCAL, "fy": FOCAL, "cx": 32.0, "cy": 24.0, "width": SIZE[0], "height": SIZE[1], "blur_score": 1.0}
        (keyframes / f"{prefix}cameras" / f"{index}.json").write_text(json.dumps(values))


def write_record3d(root: Path) -> None:
    rows = []
    for index, pose in enumerate(poses()):
        write_image(root / "rgb" / f"{index}.jpg")
        world_from_gl = Pose.from_matrix(pose.inverse().matrix() @ GL_FROM_CV)
        w, x, y, z = world_from_gl.quaternion_wxyz()
        rows.append([x, y, z, w, *world_from_gl.translation])
    # Column by column.
    document = {"w": SIZE[0], "h": SIZE[1], "fps": 30, "K": [FOCAL, 0, 0, 0, FOCAL, 0, 32, 24, 1], "poses": rows}
    (root / "metadata.json").write_text(json.dumps(document))


def write_acezero(root: Path) -> None:
    """The images lie where ACE0 ran, a folder above its results, which is what must be opened."""
    lines = []
    for index, pose in enumerate(poses()):
        write_image(root / "images" / f"{index:03d}.jpg")
        numbers = (*pose.quaternion_wxyz(), *pose.translation, FOCAL, 4321)
        lines.append(f"images/{index:03d}.jpg " + " ".join(f"{number:.17g}" for number in numbers))
    (root / "poses_final.txt").write_text("\n".join(lines) + "\n")


def write_visualsfm(root: Path) -> None:
    names = [f"images/{index:03d}.jpg" for index in range(COUNT)]
    for name in names:
        write_image(root / name)
    lines = [nvm_line(name.replace("/", "\\"), pose) for name, pose in zip(names, poses(), strict=True)]
    (root / "model.nvm").write_text("\n".join(["NVM_V3 ", "", str(COUNT), *lines, "", "0", ""]))


def write_mvsnet(root: Path) -> None:
    for index, pose in enumerate(poses()):
        write_image(root / "blended_images" / f"{index:08d}.jpg")
        write_image(root / "blended_images" / f"{index:08d}_masked.jpg")
        parts = ["\n".join(" ".join(f"{value:.17g}" for value in row) for row in rows) for rows in (pose.matrix(), MATRIX)]
        (root / "cams").mkdir(exist_ok=True)
        text = f"extrinsic\n{parts[0]}\n\nintrinsic\n{parts[1]}\n\n0.5 0.1 128 12.8\n"
        (root / "cams" / f"{index:08d}_cam.txt").write_text(text)


def write_llff(root: Path) -> None:
    rows = []
    for index, pose in enumerate(poses()):
        write_image(root / "images" / f"{index:03d}.jpg")
        right, down, forward, position = pose.inverse().matrix()[:3].T
        matrix = np.column_stack([down, right, -forward, position, [SIZE[1], SIZE[0], FOCAL]])
        rows.append([*matrix.ravel(), 0.5, 12])
    np.save(root / "poses_bounds.npy", np.array(rows))


def write_bundler(root: Path) -> None:
    """A ninth image is listed that was not registered."""
    lines, names = ["# Bundle file v0.3", f"{COUNT + 1} 0"], []
    for index, pose in enumerate([*poses(), None]):
        names.append(f"images/{index:03d}.jpg 0 {FOCAL}")
        write_image(root / "images" / f"{index:03d}.jpg")
        matrix = np.zeros((3, 4)) if pose is None else (GL_FROM_CV @ pose.matrix())[:3]
        rows = [[0.0 if pose is None else FOCAL, 0, 0], *matrix[:, :3], matrix[:, 3]]
        lines += [" ".join(f"{value:.17g}" for value in row) for row in rows]
    (root / "bundle").mkdir()
    (root / "bundle" / "bundle.out").write_text("\n".join(lines) + "\n")
    (root / "list.txt").write_text("\n".join(names) + "\n")


def write_scannerapp(root: Path) -> None:
    """Each second frame has no image."""
    for index, pose in enumerate(poses()):
        write_image(root / f"frame_{2 * index:05d}.jpg")
        matrix = pose.inverse().matrix() @ GL_FROM_CV
        values = {
            "cameraPoseARFrame": matrix.ravel().tolist(),
            "intrinsics": np.ravel(MATRIX).tolist(),
            "frame_index": index,
        }
        (root / f"frame_{2 * index:05d}.json").write_text(json.dumps(values))
        (root / f"frame_{2 * index + 1:05d}.json").write_text(json.dumps(values))


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "blender": write_blender,
    "scannet": write_scannet,
    "kitti": write_kitti,
    "euroc": write_euroc,
    "opensfm": write_opensfm,
    "polycam": write_polycam,
    "record3d": write_record3d,
    "acezero": write_acezero,
    "visualsfm": write_visualsfm,
    "bundler": write_bundler,
    "scannerapp": write_scannerapp,
    "mvsnet": write_mvsnet,
    "llff": write_llff,
}
