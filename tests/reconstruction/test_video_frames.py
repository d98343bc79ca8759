"""Sharp, different frames of a video."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter
from support.image_files import image_pixels
from support.image_walk import write_video

from trigpoint.core.errors import SceneError
from trigpoint.core.image import image_size
from trigpoint.core.interrupt import StopRequest
from trigpoint.reconstruction.build import reconstruct
from trigpoint.reconstruction.options import ReconstructionOptions
from trigpoint.reconstruction.video import choose_frames, is_video, sharpness, turned_upright

av = pytest.importorskip("av")
WIDTH, HEIGHT, RATE = 160, 128, 10


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(4)))


def panning(count, step=3):
    """Frames of a camera that pans over a picture with fine detail."""
    rng = np.random.default_rng(0)
    wide = np.asarray(Image.fromarray(rng.integers(0, 256, (HEIGHT // 4, 100, 3), dtype=np.uint8)).resize((400, HEIGHT)))
    return [np.ascontiguousarray(wide[:, index * step : index * step + WIDTH]) for index in range(count)]


@pytest.fixture
def video(tmp_path):
    """4 s, of which only every fifth frame is sharp, and of which nothing moves from 2 to 3 s."""
    frames = panning(40)
    frames[20:30] = [frames[19]] * 10
    frames = [frame if index % 5 == 2 or 20 <= index < 30 else blurred(frame) for index, frame in enumerate(frames)]
    frames[20:30] = [frames[17]] * 10
    write_video(tmp_path / "walk.mp4", frames, RATE)
    return tmp_path / "walk.mp4"


def times(chosen):
    return [float(path.stem) for path in chosen.files]


def test_the_sharp_frames_are_chosen_and_named_by_time(video, tmp_path):
    chosen = choose_frames(video, tmp_path / "frames", None, 0.5, StopRequest())
    assert times(chosen) == pytest.approx([0.2, 0.7, 1.2, 1.7, 3.2, 3.7], abs=0.01)
    assert [path.name for path in chosen.files] == sorted(path.name for path in (tmp_path / "frames").glob("*.jpg"))
    assert "2 windows left out because nothing moved" in chosen.text
    assert image_size(chosen.files[0]) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(("frames", "every", "count"), [(4, None, 4), (None, 1.0, 4), (None, None, 6)])
def test_how_many(video, tmp_path, frames, every, count):
    assert len(choose_frames(video, tmp_path / "frames", frames, every, StopRequest()).files) == count


def test_blurred_windows_are_left_out(tmp_path):
    frames = panning(40)
    frames[10:20] = [blurred(frame) for frame in frames[10:20]]
    write_video(tmp_path / "walk.mp4", frames, RATE)
    chosen = choose_frames(tmp_path / "walk.mp4", tmp_path / "frames", None, 0.5, StopRequest())
    assert not [time for time in times(chosen) if 1 <= time < 2] and "2 because they are blurred" in chosen.text


def test_finished_frames_are_used_again(video, tmp_path):
    first = choose_frames(video, tmp_path / "frames", 4, None, StopRequest())
    video.unlink()
    assert choose_frames(video, tmp_path / "frames", 4, None, StopRequest()) == first


@pytest.mark.parametrize("data", [b"", b"not a video at all", "cut"])
def test_damaged_videos(video, tmp_path, data):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(video.read_bytes()[:3000] if data == "cut" else data)
    with pytest.raises(SceneError, match=r"TP-253.*broken\.mp4"):
        reconstruct(broken, tmp_path / "scene")
    assert not (tmp_path / "scene").exists()


def test_sound_only(tmp_path):
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(SceneError, match=r"TP-253.*no pictures"):
        choose_frames(path, tmp_path / "frames", None, None, StopRequest())


def test_a_missing_package_is_named(video, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SceneError, match=r"TP-254.*pip install '\.\[video\]'"):
        reconstruct(video, tmp_path / "scene")


def test_a_video_of_one_spot_is_too_little(tmp_path):
    write_video(tmp_path / "still.mp4", [image_pixels(WIDTH, HEIGHT)] * 30, RATE)
    with pytest.raises(SceneError, match=r"TP-252.*only 1 usable image"):
        reconstruct(tmp_path / "still.mp4", tmp_path / "scene", options=ReconstructionOptions(frames=5))


def test_phones_held_upright():
    class Frame:
        rotation = -90

    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert turned_upright(image, Frame()).tolist() == [[3, 0], [4, 1], [5, 2]]
    assert turned_upright(image, object()).tolist() == image.tolist()


def test_sharpness_and_suffixes(tmp_path):
    gray = image_pixels(640, 520)[:, :, 0]
    assert sharpness(gray) > 2 * sharpness(np.asarray(Image.fromarray(gray).filter(ImageFilter.GaussianBlur(6))))
    assert is_video(tmp_path / "A.MOV") and not is_video(tmp_path) and not is_video(tmp_path / "a.jpg")
