"""The layout of ACE and DSAC*: ``{train,test}/{rgb,poses,calibration}``, one file an image in each, paired by name.

Poses are camera-to-world 4x4 matrices in metres. A calibration is one focal length, px, with the principal point at the
image centre, or a 3x3 matrix. Frames are named ``train/rgb/FILE``.
"""

from __future__ import annotations

from pathlib import Path

from trigpoint.core.camera import Camera
from trigpoint.core.errors import SceneError
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.core.pose import Pose
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.builder import SceneBuilder, shortened
from trigpoint.formats.format import Reader, ReadOptions
from trigpoint.formats.pinhole import pinhole_params
from trigpoint.formats.textfiles import is_file, read_matrix

_KINDS = ("color", "pose", "calibration", "rgb", "intrinsics")
_FOLDERS = {"rgb": IMAGE_SUFFIXES, "poses": (".txt",), "calibration": (".txt",)}


def sniff(path: Path) -> bool:
    """Whether a split folder with images and poses exists."""
    return any((path / split / "rgb").is_dir() and (path / split / "poses").is_dir() for split in (TRAIN, TEST))


def read(path: Path, options: ReadOptions) -> Scene:
    """Read train/ and test/, or the one that exists.

    Raises:
        SceneError: a folder is missing (TP-210); images, poses and calibrations do not pair up (TP-215).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "ace", metric=True, options=options)
    for split in (TRAIN, TEST):
        if (path / split).is_dir():
            _read_split(builder, split)
    return builder.build()


def pairing_stem(name: str) -> str:
    """What pairs the files of one image: the name without suffix and without ``.color``, ``.pose`` and the like."""
    stem = Path(name).stem
    for kind in _KINDS:
        for mark in (".", "-", "_"):
            if stem.endswith(mark + kind):
                return stem[: -len(kind) - 1]
    return stem


def _read_split(builder: SceneBuilder, split: str) -> None:
    files = {folder: _by_stem(builder.root / split / folder, suffixes) for folder, suffixes in _FOLDERS.items()}
    stems = sorted(set().union(*files.values()))
    partial = [stem for stem in stems if any(stem not in by_stem for by_stem in files.values())]
    if partial:
        _report_partial(builder, split, files, partial)
    for stem in stems:
        if stem in partial:
            continue
        image, pose, calibration = (files[folder][stem] for folder in _FOLDERS)
        name = f"{split}/rgb/{image.name}"
        with builder.image(name):
            camera = _camera(builder, image, calibration)
            cam_from_world = Pose.from_matrix(read_matrix(pose, [(4, 4), (3, 4)]), where=str(pose)).inverse()
            builder.add(Frame(name, image, camera, cam_from_world, split))


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise SceneError(
            "TP-210", "this folder is missing", where=folder, fix="Each split needs rgb, poses and calibration."
        )
    result: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in suffixes or file.name.startswith(".") or not is_file(file):
            continue
        stem = pairing_stem(file.name)
        if stem in result:
            raise SceneError(
                "TP-215",
                f"two files belong to the same image: {result[stem].name} and {file.name}",
                where=folder,
                fix="Remove or rename one of them.",
            )
        result[stem] = file
    return result


def _report_partial(builder: SceneBuilder, split: str, files: dict[str, dict[str, Path]], partial: list[str]) -> None:
    parts: list[str] = []
    for folder, by_stem in files.items():
        lacking = [stem for stem in partial if stem not in by_stem]
        if lacking:
            parts.append(f"{len(lacking)} without a file in {folder} ({shortened(lacking, 3)})")
    counts = ", ".join(f"{len(by_stem)} in {folder}" for folder, by_stem in files.items())
    what = f"files do not pair up by name ({counts}): {'; '.join(parts)}"
    unread = unread_images((builder.root / split / "rgb").iterdir())
    if not builder.options.skip_invalid:
        fix = f"{unread} Add or remove files, or give --skip-invalid to use the complete ones.".strip()
        raise SceneError("TP-215", what, where=builder.root / split, fix=fix)
    builder.warn(f"{split}: {what}. These were left out. {unread}".strip())


def _camera(builder: SceneBuilder, image: Path, calibration: Path) -> Camera:
    size = builder.size_of(image)
    values = read_matrix(calibration, [(1, 1), (3, 3)])
    if values.shape == (1, 1):
        focal = float(values[0, 0])
        return builder.camera("SIMPLE_PINHOLE", size, (focal, size[0] / 2, size[1] / 2), str(calibration))
    return builder.camera("PINHOLE", size, pinhole_params(values, str(calibration)), str(calibration))


READER = Reader("ace", sniff, read, "train/rgb and train/poses, or the same below test", poses="opencv-c2w")
