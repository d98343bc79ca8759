"""ScanNet, as its SensReader exports a scan: ``color/N.jpg``, ``pose/N.txt`` and ``intrinsic/intrinsic_color.txt``.

Poses are camera-to-world 4x4 matrices in metres, OpenCV axes; where the tracker was lost they hold infinity. The
intrinsics are for colour images of full size, 1296x968.
"""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.errors import SceneError
from trigpoint.core.folders import matching
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pairing import images_by_stem, paired
from trigpoint.formats.pinhole import pinhole_camera
from trigpoint.formats.textfiles import is_file, read_matrix, read_text

# The second is that of the subset of 25,000 images.
_INTRINSICS = ("intrinsic/intrinsic_color.txt", "intrinsics_color.txt", "intrinsic_color.txt")


def sniff(path: Path) -> bool:
    """Whether there are folders ``color`` and ``pose``."""
    return (path / "color").is_dir() and (path / "pose").is_dir()


def read(path: Path, options: ReadOptions) -> Scene:
    """Read all images with a pose; those whose pose is infinite were lost by the tracker and are left out with a warning.

    Raises:
        SceneError: no intrinsics (TP-210); images without poses or poses without images (TP-215); reduced images (TP-221).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "scannet", metric=True, options=options)
    calibration = next((path / name for name in _INTRINSICS if is_file(path / name)), None)
    if calibration is None:
        raise SceneError("TP-210", f"the intrinsics {_INTRINSICS[0]} are missing", where=path, fix="Export them, too.")
    matrix = read_matrix(calibration, [(4, 4), (3, 3)])[:3, :3]
    images = images_by_stem(path / "color")
    poses = {file.stem: file for file in matching(path / "pose", "*.txt")}
    lost: list[str] = []
    for stem in paired(builder, path, images, poses):
        name, depth = f"color/{images[stem].name}", path / "depth" / f"{stem}.png"
        with builder.image(name):
            if "INF" in read_text(poses[stem]).upper():
                lost.append(name)
                continue
            camera = pinhole_camera(builder, matrix, builder.size_of(images[stem]), str(calibration))
            cam_from_world = Pose.from_matrix(read_matrix(poses[stem], [(4, 4)]), where=str(poses[stem])).inverse()
            builder.add(Frame(name, images[stem], camera, cam_from_world, depth_path=depth if is_file(depth) else None))
    if lost:
        builder.warn(f"Images without a pose in the data set, left out: {len(lost)} ({shortened(lost, 3)}).")
    return builder.build()


READER = Reader("scannet", sniff, read, "color and pose beside intrinsic", poses="opencv-c2w")
