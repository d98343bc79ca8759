"""Raw 7-Scenes: ``TrainSplit.txt``, ``TestSplit.txt`` and ``seq-XX/frame-XXXXXX.{color.png,pose.txt,depth.png}``.

Poses are camera-to-world 4x4 matrices in metres. There is no calibration: the published default is 585 px at 640x480.
With a folder ``pgt`` poses and focal lengths are the SfM pseudo ground truth (``pseudo_truth.py``).
Frames are named ``seq-XX/frame-XXXXXX.color.png``.
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
from trigpoint.formats.textfiles import is_file, read_matrix, read_rows

FOCAL_PX = 585.0
SIZE_PX = (640, 480)
_SPLIT_FILES = {TRAIN: "TrainSplit.txt", TEST: "TestSplit.txt"}
_COLOR_SUFFIXES = (".color.png", ".color.jpg")


def sniff(path: Path) -> bool:
    """Whether a split file exists, or a sequence folder with poses."""
    if any(is_file(path / name) for name in _SPLIT_FILES.values()):
        return True
    return path.is_dir() and next(path.glob("seq-*/frame-*.pose.txt"), None) is not None


def read(path: Path, options: ReadOptions) -> Scene:
    """Read the sequences that the split files name; without split files all sequences, without a split.

    Raises:
        SceneError: a split file without sequences (TP-214) or that names one twice (TP-216); a sequence folder is missing
            (TP-217); images without poses or poses without images (TP-215).
        TrigpointError: a file or its numbers cannot be used, as ``SceneBuilder.build``.
    """
    builder = SceneBuilder(path, "sevenscenes", metric=True, options=options)
    sequences = _sequences(path)
    missing = [name for name in sequences if not (path / name).is_dir()]
    if missing:
        _report_missing(builder, missing)
    unused = sorted(folder.name for folder in path.glob("seq-*") if folder.is_dir() and folder.name not in sequences)
    if unused:
        builder.note(f"{len(unused)} sequences are in neither split file and are not used: {shortened(unused)}.")
    truth = read_sfm_poses(path)
    if truth is None:
        builder.note(f"7-Scenes has no calibration: the published focal length of {FOCAL_PX:g} px is used.")
    else:
        builder.note("Poses and focal lengths are the SfM pseudo ground truth in pgt.")
    for name, split in sorted(sequences.items()):
        if name not in missing:
            _read_sequence(builder, name, split, truth)
    return builder.build()


def _sequences(root: Path) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    for split, file_name in _SPLIT_FILES.items():
        file = root / file_name
        for number, words in read_rows(file) if is_file(file) else []:
            match = re.fullmatch(r"(?:sequence|seq-?)(\d{1,6})", words[0]) if len(words) == 1 else None
            if match is None:
                text = " ".join(words)[:40]
                raise SceneError(
                    "TP-214", f"{text!r} is not a sequence", where=f"{file}, line {number}", fix="Write e.g. sequence1."
                )
            name = f"seq-{int(match[1]):02d}"
            if name in result:
                raise SceneError(
                    "TP-216", f"{name} is listed twice, here and before", where=file, fix="Each sequence has one split."
                )
            result[name] = split
    return result or dict.fromkeys(sorted(folder.name for folder in root.glob("seq-*") if folder.is_dir()))


def _report_missing(builder: SceneBuilder, missing: list[str]) -> None:
    packed = [name for name in missing if is_file(builder.root / f"{name}.zip")]
    hint = f"; {packed[0]}.zip is there but not unpacked" if packed else ""
    what = f"{len(missing)} sequence folders are missing ({shortened(missing)}){hint}"
    if not builder.options.skip_invalid:
        fix = "Unpack the zip files where they are." if packed else "Copy them, or give --skip-invalid to do without."
        raise SceneError("TP-217", what, where=builder.root, fix=fix)
    builder.warn(what[0].upper() + what[1:] + ".")


def _read_sequence(builder: SceneBuilder, sequence: str, split: str | None, truth: dict[str, SfmPose] | None) -> None:
    folder = builder.root / sequence
    images: dict[str, Path] = {}
    for suffix in _COLOR_SUFFIXES:
        for file in sorted(item for item in folder.iterdir() if item.name.lower().endswith(suffix)):
            other = images.setdefault(file.name[: -len(suffix)], file)
            if other != file:
                what = f"two files belong to the same image: {other.name} and {file.name}"
                raise SceneError("TP-215", what, where=folder, fix="Remove or rename one of them.")
    poses = {file.name.removesuffix(".pose.txt"): file for file in sorted(folder.glob("*.pose.txt"))}
    for stem in paired(builder, folder, images, poses):
        image, depth = images[stem], folder / f"{stem}.depth.png"
        name = f"{sequence}/{image.name}"
        with builder.image(name):
            focal_px, cam_from_world = _pose(poses[stem], truth, f"{sequence}/{stem}")
            params = (focal_px, SIZE_PX[0] / 2, SIZE_PX[1] / 2)
            camera = builder.camera("SIMPLE_PINHOLE", SIZE_PX, params, name)
            depth_path = depth if is_file(depth) else None
            builder.add(Frame(name, image, camera, cam_from_world, split, sequence, depth_path))


def _pose(file: Path, truth: dict[str, SfmPose] | None, key: str) -> tuple[float, Pose | None]:
    """(focal length in px, ``cam_from_world``); no pose where the pseudo ground truth lacks the image."""
    if truth is None:
        return FOCAL_PX, Pose.from_matrix(read_matrix(file, [(4, 4)]), where=str(file)).inverse()
    line = truth.get(key)
    return (FOCAL_PX, None) if line is None else (line.focal_px(), line.pose())


READER = Reader("sevenscenes", sniff, read, "TrainSplit.txt or TestSplit.txt beside seq-XX folders", poses="opencv-c2w")
