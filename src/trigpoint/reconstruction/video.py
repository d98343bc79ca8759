"""Chooses sharp, different frames of a video and writes them as images named by their time in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_bytes, write_json
from trigpoint.core.errors import SceneError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.formats.textfiles import read_json

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".m4v", ".webm")
_DEFAULT_EVERY_S, _DEFAULT_MOST = 0.5, 300
_SHARPNESS_SIDE_PX, _THUMBNAIL_PX = 480, 48
# As in the check of images: a fifth of the usual contrast between neighbouring pixels is blur.
_BLURRY_FRACTION = 0.2
# Mean difference of gray levels, after taking off a change of exposure, below which two frames show the same.
_SAME_LEVELS = 1.5
_JPEG_QUALITY = 95

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class ChosenFrames:
    """The frames of a video that are used.

    Attributes:
        files: the images, in the order of time.
        text: how they were chosen, for people.
    """

    files: tuple[Path, ...]
    text: str


@dataclass(frozen=True, eq=False)
class _Candidate:
    time_s: float
    sharpness: float
    thumbnail: NDArray[np.float32]
    rgb: NDArray[np.uint8]


def is_video(path: Path) -> bool:
    """Whether a path is that of a video, by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


def choose_frames(video: Path, folder: Path, frames: int | None, every: float | None, stop: StopRequest) -> ChosenFrames:
    """Cut the video into equal windows and keep the sharpest frame of each, unless it is blurred or nothing has moved.

    Args:
        video: the file.
        folder: where the images go, as ``SECONDS.jpg``; reused if an earlier run finished it.
        frames: number of windows; None: as ``every`` says, or one each half second, at most 300.
        every: length of a window, s.
        stop: looked at after each frame.

    Raises:
        SceneError: the video cannot be read or has no frames (TP-253), or the package to read it is missing (TP-254).
        Interrupted: on request; choosing begins anew next time.
    """
    finished = folder / "frames.json"
    if finished.exists():
        record = read_json(finished)
        return ChosenFrames(tuple(folder / name for name in record["files"]), str(record["text"]))
    shutil.rmtree(folder, ignore_errors=True)
    written: dict[Path, float] = {}
    same, last = 0, None
    for best in _sharpest(video, frames, every, stop):
        if last is not None and _looks_same(last, best.thumbnail):
            same += 1
            continue
        path = folder / f"{best.time_s:010.3f}.jpg"
        write_bytes(path, _jpeg(best.rgb))
        written[path], last = best.sharpness, best.thumbnail
    usual = float(np.median(list(written.values()))) if written else 0.0
    files = tuple(path for path, sharpness in written.items() if sharpness >= _BLURRY_FRACTION * usual)
    for path in written.keys() - set(files):
        path.unlink()
    text = f"{len(files)} sharp frames chosen; {same} windows left out because nothing moved, "
    text += f"{len(written) - len(files)} because they are blurred"
    write_json(finished, {"files": [path.name for path in files], "text": text})
    return ChosenFrames(files, text)


def sharpness(gray: Gray) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of a (H, W) image, at 480 px on the shorter side."""
    import cv2

    factor = _SHARPNESS_SIDE_PX / min(gray.shape)
    if factor < 1:
        gray = np.asarray(cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())


def _sharpest(video: Path, frames: int | None, every: float | None, stop: StopRequest) -> Iterator[_Candidate]:
    """The sharpest frame of each window."""
    with _opened(video) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        duration_s = _duration_s(container, stream)
        window_s = duration_s / frames if frames else every or max(_DEFAULT_EVERY_S, duration_s / _DEFAULT_MOST)
        best: _Candidate | None = None
        with progress("Choosing frames", max(1, round(duration_s))) as advance:
            second, start_s = 0, None
            for time_s, frame in _decoded(container, video):
                start_s = time_s if start_s is None else start_s
                time_s -= start_s
                gray = turned_upright(frame.to_ndarray(format="gray"), frame)
                value = sharpness(gray)
                if best is not None and int(time_s / window_s) != int(best.time_s / window_s):
                    yield best
                    best = None
                if best is None or value > best.sharpness:
                    best = _Candidate(
                        time_s, value, _thumbnail(gray), turned_upright(frame.to_ndarray(format="rgb24"), frame)
                    )
                advance(int(time_s) - second)
                second = int(time_s)
                if stop:
                    raise Interrupted
        if best is None:
            raise _unreadable(video, "it has no frames")
        yield best


def _opened(video: Path) -> Any:
    try:
        import av
        from av.error import FFmpegError
    except ImportError:
        raise SceneError(
            "TP-254",
            "the package to read videos is not installed",
            where=video,
            fix="Run pip install '.[video]' in the checkout, or give a folder of images.",
        ) from None
    try:
        container = av.open(str(video))
    except (FFmpegError, OSError, ValueError) as error:
        raise _unreadable(video, str(getattr(error, "strerror", None) or error)) from error
    if not container.streams.video:
        container.close()
        raise _unreadable(video, "it has sound but no pictures")
    return container


def _decoded(container: Any, video: Path) -> Iterator[tuple[float, Any]]:
    """(time in s, frame); a video that is damaged at some place is refused there."""
    from av.error import FFmpegError

    try:
        for frame in container.decode(video=0):
            if frame.time is not None:
                yield float(frame.time), frame
    except (FFmpegError, OSError, ValueError) as error:
        raise _unreadable(video, str(getattr(error, "strerror", None) or error)) from error


def _duration_s(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / 1_000_000)
    # Streams that were cut off say nothing; windows of the default length do not need it.
    return _DEFAULT_EVERY_S * _DEFAULT_MOST


def turned_upright(image: NDArray[np.uint8], frame: Any) -> NDArray[np.uint8]:
    """An (H, W) or (H, W, 3) uint8 image, pixels as a player shows them.

    Phones store how they were held as an angle, counterclockwise.
    """
    return np.ascontiguousarray(np.rot90(image, round(getattr(frame, "rotation", 0) / 90) % 4))


def _thumbnail(gray: Gray) -> NDArray[np.float32]:
    import cv2

    small = cv2.resize(gray, (_THUMBNAIL_PX, _THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small - small.mean()


def _looks_same(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    return float(np.abs(first - second).mean()) < _SAME_LEVELS


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _unreadable(video: Path, reason: str) -> SceneError:
    return SceneError(
        "TP-253", f"the video cannot be read ({reason})", where=video, fix="Copy it again, or convert it to MP4 (H.264)."
    )
