"""12-Scenes: ``info.txt``, ``split.txt`` and ``data/frame-XXXXXX.{color.jpg,pose.txt,depth.png}`` in each room.

Poses are camera-to-world 4x4 matrices in metres. As in the conversions of DSAC* and ACE, the camera is a pinhole with the
mean of both focal lengths and the principal point at the image centre, and the first sequence is for testing. With a folder
``pgt`` poses and focal lengths are the SfM pseudo ground truth (``pseudo_truth.py``).
"""

from __future__ import annotations

import re
from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pairing import paired
from trigpoint.formats.pseudo_truth import SfmPose, read_sfm_poses
from trigpoint.formats.textfiles import is_file, read_matrix, read_text, to_numbers, to_whole_px

_AGAIN = "Copy the file again."
_COLOR = ".color.jpg"
_INTRINSIC = "m_calibrationColorIntrinsic"


def sniff(path: Path) -> bool:
    """Whether the folder holds ``info.txt``, ``split.txt`` and a folder ``data``."""
    return is_file(path / "info.txt") and is_file(path / "split.txt") and (path / "data").is_dir()


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all images with a pose; those whose pose is infinite were lost by the tracker and are left out with a warning.

    Raises:
        SceneError: a calibration or split that cannot be read (TP-214); images without poses or poses without images
            (TP-215).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "twelvescenes", metric=True, options=options)
    size, focal_px = _calibration(path / "info.txt")
    tested = _test_count(path / "split.txt")
    images = _paired_images(builder)
    truth = read_sfm_poses(path)
    if truth is not None:
        builder.note("Poses and focal lengths are the SfM pseudo ground truth in pgt.")
    lost: list[str] = []
    for index, (stem, image) in enumerate(images.items()):
        name = f"data/{image.name}"
        with builder.image(name):
            pose = _pose_of(path / "data" / f"{stem}.pose.txt") if truth is None else truth.get(f"data/{stem}")
            if pose is None:
                lost.append(name)
                continue
            focal, cam_from_world = (pose.focal_px(), pose.pose()) if isinstance(pose, SfmPose) else (focal_px, pose)
            camera = builder.camera("SIMPLE_PINHOLE", size, (focal, size[0] / 2, size[1] / 2), name)
            depth = path / "data" / f"{stem}.depth.png"
            split = TEST if index < tested else TRAIN
            depth_path = depth if is_file(depth) else None
            builder.add(Frame(name, image, camera, cam_from_world, split, depth_path=depth_path))
    if lost:
        builder.warn(f"Images without a pose in the data set, left out: {len(lost)} ({shortened(lost, 3)}).")
    return builder.build()


def _pose_of(file: Path) -> Pose | None:
    if "INF" in read_text(file).upper():
        return None
    return Pose.from_matrix(read_matrix(file, [(4, 4)]), where=str(file)).inverse()


def _calibration(file: Path) -> tuple[tuple[int, int], float]:
    """((width, height), mean focal length), px."""
    values: dict[str, list[str]] = {}
    for line in read_text(file).splitlines():
        key, _, rest = line.partition("=")
        values[key.strip()] = rest.split()
    numbers: dict[str, list[float]] = {}
    for key, count in (("m_colorWidth", 1), ("m_colorHeight", 1), (_INTRINSIC, 16)):
        words = values.get(key, [])
        if len(words) != count:
            raise SceneError(
                "TP-214", f"'{key} =' with {count} numbers was expected, got {len(words)}", where=file, fix=_AGAIN
            )
        numbers[key] = to_numbers(words, f"{file}, {key}")
    size = to_whole_px([numbers["m_colorWidth"][0], numbers["m_colorHeight"][0]], f"{file}, m_colorWidth")
    return size, (numbers[_INTRINSIC][0] + numbers[_INTRINSIC][5]) / 2


def _test_count(file: Path) -> int:
    """Number of frames of the first sequence, ``sequence0 [frames=N] ...``."""
    first = next((line for line in read_text(file).splitlines() if line.strip()), "")
    match = re.search(r"\[frames=(\d{1,7})\]", first)
    if match is None:
        raise SceneError("TP-214", "'sequence0 [frames=N]' was expected", where=f"{file}, line 1", fix=_AGAIN)
    return int(match[1])


def _paired_images(builder: SceneBuilder) -> dict[str, Path]:
    folder = builder.root / "data"
    files = (file for file in folder.iterdir() if file.name.lower().endswith(_COLOR))
    images = {file.name[: -len(_COLOR)]: file for file in files}
    poses = {file.name.removesuffix(".pose.txt") for file in folder.glob("*.pose.txt")}
    return {stem: images[stem] for stem in paired(builder, folder, images, poses)}


READER = Reader("twelvescenes", sniff, read, "info.txt and split.txt beside a folder data", poses="opencv-c2w")
