"""Layouts of other programs that are recognised and not read: what they are, and the way to poses that can be read.

Of a folder only file names are looked at, a few levels deep; nothing here raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote

from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.regular_file import open_regular

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_LOOKED_AT = 20_000
_RECONSTRUCT = "find poses anew with 'trigpoint reconstruct {place} -o SCENE'"
_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm")
_CLOUDS = (
    ".ply",
    ".pts",
    ".e57",
    ".las",
    ".laz",
    ".pcd",
    ".xyz",
    ".obj",
    ".glb",
    ".gltf",
    ".fbx",
    ".usdz",
    ".splat",
    ".spz",
)


_CLOUD_FIX = "Localization needs the images that it was made from, with their poses."
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Unread:
    """One such layout.

    Attributes:
        what: what it is, as a sentence without the final full stop; ``{first}`` is the file that gave it away.
        fix: what to do, ``{place}`` standing for the folder or file.
        files: patterns of names, of which the first that fits gives the layout away; below the folder, or the file itself.
        also: a pattern that must fit something in the folder, too; ``""`` for none.
        holds: what one of the first lines of the file must hold; ``""`` where the name says enough.
    """

    what: str
    fix: str
    files: tuple[str, ...]
    also: str = ""
    holds: str = ""


_UNREAD = (
    Unread(
        "this is a recording of Stray Scanner: its images are still in a video ({first})",
        "Find poses anew with 'trigpoint reconstruct {first} -o SCENE', or write odometry.csv as a transforms.json.",
        ("rgb.mp4", "*/rgb.mp4"),
        "*odometry.csv",
    ),
    Unread(
        "this is a recording of Record3D that is still packed ({first})",
        "Unpack it, it is a zip file, and name the folder with 'metadata' and 'rgbd'; or export it as 'EXR + RGB'.",
        ("*.r3d",),
    ),
    Unread(
        "this is a ScanNet scan that is still packed ({first})",
        "Export color, pose and intrinsic with ScanNet's SensReader.",
        ("*.sens",),
    ),
    Unread(
        "this is KITTI with several sequences",
        "Name one of them, such as {place}/sequences/00.",
        ("sequences/*/calib.txt", "dataset/sequences/*/calib.txt"),
    ),
    Unread(
        "these are raw drives of KITTI or KITTI-360 ({first})",
        "Use a sequence of KITTI odometry, or write the poses as a transforms.json.",
        (
            "calib_cam_to_cam.txt",
            "*/calib_cam_to_cam.txt",
            "oxts/data/*.txt",
            "*/oxts/data/*.txt",
            "data_poses/*/cam0_to_world.txt",
        ),
    ),
    Unread(
        "this is ScanNet++ ({first})",
        "Name {place}/dslr/nerfstudio, or the COLMAP model in {place}/dslr/colmap.",
        ("dslr/nerfstudio/*.json", "dslr/colmap/*.txt"),
    ),
    Unread(
        "this is ARKitScenes ({first})",
        f"Write its trajectory as a transforms.json, or {_RECONSTRUCT}.",
        ("lowres_wide*.traj", "*/lowres_wide*.traj", "*/*.pincam"),
    ),
    Unread(
        "this is a recording of an ARCore or ARKit logger ({first})",
        f"Convert its poses to a transforms.json, or {_RECONSTRUCT}.",
        ("ARposes.txt", "ARKit*.txt", "arcore*.txt", "*/ARposes.txt", "*ar_poses*", "cameras/*.arcore", "arframes*.json"),
    ),
    Unread(
        "these are cameras of Metashape ({first})",
        "Choose 'File > Export > Export Cameras' there with the type COLMAP; or use 'ns-process-data metashape'.",
        ("*.xml", "*/*.xml"),
        holds="<chunk",
    ),
    Unread(
        "this is a project of Metashape ({first})",
        "Choose 'File > Export > Export Cameras' there with the type COLMAP.",
        ("*.psx", "*.psz"),
    ),
    Unread(
        "these are cameras of ContextCapture in the form BlocksExchange ({first})",
        "Export the block as COLMAP or as a transforms.json.",
        ("*.xml", "*/*.xml"),
        holds="<BlocksExchange",
    ),
    Unread(
        "this is an export of RealityCapture or RealityScan ({first})",
        "Export the registration as COLMAP; or use 'ns-process-data realitycapture'.",
        ("*.rcproj", "*.rsproj"),
    ),
    Unread(
        "these are cameras of RealityCapture or RealityScan beside the images ({first})",
        "Export the registration as COLMAP.",
        ("*.xmp", "*/*.xmp"),
        holds="xcr:rotation",
    ),
    Unread(
        "this is a table of cameras from RealityCapture or RealityScan ({first})",
        "Export the registration as COLMAP; or use 'ns-process-data realitycapture'.",
        ("*.csv", "*/*.csv"),
        holds="#name,x,y",
    ),
    Unread(
        "these are camera parameters of Pix4D ({first})",
        "Export them as COLMAP or as a transforms.json.",
        ("*_calibrated_external_camera_parameters.txt", "*/*_calibrated_external_camera_parameters.txt"),
    ),
    Unread(
        "this is a model of Bundler without the list of its images ({first})",
        "Copy list.txt beside it; or export the model as COLMAP from the program that made it.",
        ("bundle*.out", "*/bundle*.out", "bundle.rd.out"),
    ),
    Unread(
        "this is a project of Meshroom ({first})",
        "Export it with Meshroom's node ExportColmap.",
        ("*.sfm", "*/*.sfm", "*.mg", "cameras.sfm"),
    ),
    Unread(
        "this is a model of OpenMVG or OpenMVS ({first})",
        "Convert it with openMVG_main_openMVG2Colmap.",
        ("sfm_data*.json", "sfm_data*.bin", "*/sfm_data*.json", "*/sfm_data*.bin", "*.mvs"),
    ),
    Unread(
        "this is a COLMAP database without a model ({first})",
        f"Run COLMAP's mapper, and name the folder with cameras, images and points3D; or {_RECONSTRUCT}.",
        ("database*.db", "*/database*.db"),
    ),
    Unread(
        "this is a database of RTAB-Map ({first})",
        "Export the poses in RTAB-Map as 'RGB-D SLAM' with the images, and bring them into the layout of TUM RGB-D.",
        ("rtabmap*.db", "*.rtabmap"),
    ),
    Unread(
        "these are poses of Tanks and Temples ({first})",
        f"Write them as a transforms.json, or {_RECONSTRUCT}.",
        ("*_SfM.log", "*/*_SfM.log"),
    ),
    Unread(
        "this is nuScenes ({first})",
        "Write the poses of one camera and one scene as a transforms.json.",
        ("v1.0-*/ego_pose.json", "ego_pose.json"),
    ),
    Unread(
        "these are features or matches of hloc without a model ({first})",
        f"Name the folder of hloc's reconstruction, which holds images.bin; or {_RECONSTRUCT}.",
        ("feats-*.h5", "*/feats-*.h5", "*matches-*.h5", "global-feats-*.h5", "pairs-*.txt", "*/pairs-*.txt"),
    ),
    Unread(
        "this is a ROS bag ({first})",
        "Extract the images and write their poses as rgb.txt and groundtruth.txt of TUM RGB-D, or as a transforms.json.",
        ("*.bag", "*.mcap", "*.db3"),
    ),
    Unread(
        "this is a recording of Project Aria ({first})",
        "Use 'ns-process-data aria', and name the folder with its transforms.json.",
        ("*.vrs", "*/*.vrs"),
    ),
    Unread(
        "these are poses without a calibration or the names of images ({first})",
        "Write them as groundtruth.txt with rgb.txt and camera.json (TUM RGB-D), or as a transforms.json.",
        (
            "groundtruth.txt",
            "*/groundtruth.txt",
            "poses.txt",
            "trajectory*.txt",
            "traj*.txt",
            "poses_*.txt",
            "poses/*.txt",
            "pose/*.txt",
        ),
    ),
)


def unread_layout(path: Path) -> tuple[str, str] | None:
    """(what it is, what to do), if the file or folder is a layout that is known and not read; ``path`` exists."""
    if path.is_file():
        return _unread_file(path)
    for layout in _UNREAD:
        first = _first(path, layout.files, layout.holds)
        if first is not None and (not layout.also or _first(path, (layout.also, f"*/{layout.also}")) is not None):
            return layout.what.format(first=first.name), layout.fix.format(place=quote(str(path)), first=quote(str(first)))
    return _without_images(path)


def _unread_file(path: Path) -> tuple[str, str] | None:
    for layout in _UNREAD:
        if any(path.match(pattern) for pattern in layout.files if "/" not in pattern) and _holds(path, layout.holds):
            return layout.what.format(first=path.name), layout.fix.format(
                place=quote(str(path.parent)), first=quote(str(path))
            )
    suffix = path.suffix.lower()
    if suffix in _VIDEOS:
        return "this is a video, which has no poses", f"Find them with 'trigpoint reconstruct {quote(str(path))} -o SCENE'."
    if suffix in ARCHIVES:
        return "this file is packed", "Unpack it, and name the folder."
    if suffix in _CLOUDS:
        return "this is a point cloud or mesh, not posed images", _CLOUD_FIX
    return None


def _without_images(path: Path) -> tuple[str, str] | None:
    """What folders of videos or point clouds alone hold."""
    files = [file for file in islice(path.rglob("*"), _LOOKED_AT) if file.suffix]
    suffixes = {file.suffix.lower() for file in files}
    if suffixes & set(IMAGE_SUFFIXES):
        return None
    for kinds, what, fix in (
        (_VIDEOS, "a video without poses", "Find them with 'trigpoint reconstruct {first} -o SCENE'."),
        (_CLOUDS, "a point cloud or mesh, without images", _CLOUD_FIX),
    ):
        first = min((file for file in files if file.suffix.lower() in kinds), default=None)
        if first is not None:
            return f"{what} ({first.name})", fix.format(first=quote(str(first)))
    return None


def _first(path: Path, patterns: tuple[str, ...], holds: str = "") -> Path | None:
    for pattern in patterns:
        found = next((file for file in islice(path.glob(pattern), 100) if _holds(file, holds)), None)
        if found is not None:
            return found
    return None


def _holds(file: Path, word: str) -> bool:
    if not word:
        return True
    try:
        with open_regular(file) as stream:
            return word.lower().encode() in stream.read(_HEAD_BYTES).lower().replace(b" ", b"")
    except (OSError, ValueError):
        return False
