"""Where the camera of a query comes from."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, GeometryError, ImageError, MappingError
from trigpoint.core.image import read_header, read_image
from trigpoint.localization.camera_text import parse_camera
from trigpoint.localization.intrinsics import exif_camera, focal_candidates, guess_focal_px

FOCAL_MM, FOCAL_35MM, PIXEL_WIDTH, PIXEL_HEIGHT, PLANE_X, PLANE_UNIT = 0x920A, 0xA405, 0xA002, 0xA003, 0xA20E, 0xA210


def write_image(path, size, tags, orientation=None):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769).update(tags)
    Image.new("RGB", size, "gray").save(path, exif=exif)
    return path


def camera_from_exif(path):
    header = read_header(path)
    return exif_camera(header.exif, header.width, header.height)


@pytest.mark.parametrize(
    ("text", "model", "params"),
    [
        ("525", "PINHOLE", (525, 525, 320, 240)),
        (" 525.5 ", "PINHOLE", (525.5, 525.5, 320, 240)),
        ("525,526,318.5,241", "PINHOLE", (525, 526, 318.5, 241)),
        ("525 526 318.5 241", "PINHOLE", (525, 526, 318.5, 241)),
        ("SIMPLE_RADIAL:500,320,240,-0.1", "SIMPLE_RADIAL", (500, 320, 240, -0.1)),
        ("opencv: 500, 500, 320, 240, .1, .01, 0, 0", "OPENCV", (500, 500, 320, 240, 0.1, 0.01, 0, 0)),
        ("PINHOLE,640,480,525,526,320,240", "PINHOLE", (525, 526, 320, 240)),
        ("PINHOLE 640 480 525 526 320 240", "PINHOLE", (525, 526, 320, 240)),
        ("7 SIMPLE_PINHOLE 640 480 525 320 240", "SIMPLE_PINHOLE", (525, 320, 240)),
        ("PINHOLE,1280,960,1050,1052,640,480", "PINHOLE", (525, 526, 320, 240)),
        ("OPENCV,1280,960,1050,1052,640,480,.1,.01,0,0", "OPENCV", (525, 526, 320, 240, 0.1, 0.01, 0, 0)),
    ],
)
def test_camera_text(text, model, params):
    camera = parse_camera(text)(640, 480)
    assert (camera.model, camera.width, camera.height) == (model, 640, 480)
    assert camera.params == pytest.approx(params, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "error", "code"),
    [
        ("", MappingError, "TP-611"),
        ("wide", MappingError, "TP-611"),
        ("525,525", MappingError, "TP-611"),
        ("525,525,320", MappingError, "TP-611"),
        ("1,2,3,4,5", MappingError, "TP-611"),
        ("PINHOLE:", MappingError, "TP-611"),
        ("PINHOLE:a,b", MappingError, "TP-611"),
        ("PINHOLE,640.5,480,525,526,320,240", MappingError, "TP-611"),
        ("PINHOLE,inf,480,525,526,320,240", MappingError, "TP-611"),
        ("x" * 5000 + "/", MappingError, "TP-611"),
        ("a\0b", MappingError, "TP-611"),
        ("PINHOL:1,2,3,4", GeometryError, "TP-311"),
        ("PINHOLE:525", GeometryError, "TP-312"),
        ("1e9", GeometryError, "TP-313"),
        ("0.7", GeometryError, "TP-313"),
        ("PINHOLE,640,640,525,526,320,320", MappingError, "TP-612"),
        ("PINHOLE,480,640,525,526,240,320", MappingError, "TP-612"),
        ("missing.json", MappingError, "TP-613"),
    ],
)
def test_camera_text_refused(text, error, code):
    with pytest.raises(error) as caught:
        parse_camera(text)(640, 480)
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize("text", ["0", "-525", "nan", "inf", "0,0,320,240", "PINHOLE:0,0,1,1", "SIMPLE_RADIAL:nan,1,1,0"])
def test_a_camera_that_is_impossible_for_every_image_is_refused_before_any_is_read(text):
    with pytest.raises(GeometryError) as caught:
        parse_camera(text)
    assert caught.value.code == "TP-313" and caught.value.fix


def test_camera_for_turned_image_says_so():
    with pytest.raises(MappingError, match="90 degrees"):
        parse_camera("PINHOLE,480,640,525,526,240,320")(640, 480)


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_camera_file(tmp_path, suffix):
    path = tmp_path / f"camera{suffix}"
    path.write_text(json.dumps({"model": "PINHOLE", "width": 1920, "height": 1080, "params": [1500, 1500, 960, 540.5]}))
    camera = parse_camera(str(path))(960, 540)
    assert camera == Camera("PINHOLE", 960, 540, (750.0, 750.0, 480.0, 270.25))


@pytest.mark.parametrize(
    ("text", "error", "code"),
    [
        ("{", MappingError, "TP-613"),
        ("\x80", MappingError, "TP-613"),
        ("[1]", MappingError, "TP-613"),
        ('{"model": "PINHOLE", "width": 640, "height": 480}', ConfigError, "TP-702"),
        ('{"model": "PINHOLE", "width": 640, "height": 480, "param": [1]}', ConfigError, "TP-701"),
        ('{"model": "PINHOLE", "width": "640", "height": 480, "params": [1]}', ConfigError, "TP-702"),
        ('{"model": "PINHOLE", "width": 640, "height": 480, "params": [1]}', GeometryError, "TP-312"),
    ],
)
def test_camera_file_refused(tmp_path, text, error, code):
    path = tmp_path / "camera.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(error) as caught:
        parse_camera(str(path))(640, 480)
    assert caught.value.code == code


@given(
    focal=st.floats(200, 4000),
    width=st.integers(200, 4000),
    height=st.integers(200, 4000),
    scale=st.floats(0.3, 1.0),
)
def test_camera_of_larger_image_fits_its_thumbnails(focal, width, height, scale):
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    camera = parse_camera(f"PINHOLE,{width},{height},{focal!r},{focal!r},{width / 2},{height / 2}")(*size)
    fx, fy, cx, cy = camera.pinhole_params()
    assert (fx, fy) == pytest.approx((focal * size[0] / width, focal * size[1] / height))
    assert (cx, cy) == pytest.approx((size[0] / 2, size[1] / 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_camera_is_upright(tmp_path, orientation):
    path = write_image(tmp_path / "image.jpg", (400, 300), {FOCAL_35MM: 26}, orientation)
    camera = camera_from_exif(path)
    assert camera is not None
    assert (camera.width, camera.height) == ((400, 300) if orientation < 5 else (300, 400))
    focal = 26 / 43.26661530556787 * 500
    assert camera.params == pytest.approx((focal, focal, camera.width / 2, camera.height / 2), rel=1e-12)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("tags", "focal_px"),
    [
        ({FOCAL_35MM: 50}, 50 / math.hypot(36, 24) * math.hypot(600, 400)),
        # 24 mm on a sensor 36 mm wide, recorded with 6000 px; the image was resized to 600 px.
        ({FOCAL_MM: 24.0, PLANE_X: 6000 / 3.6, PLANE_UNIT: 3, PIXEL_WIDTH: 6000, PIXEL_HEIGHT: 4000}, 400),
        ({FOCAL_MM: 24.0, PLANE_X: 6000 / 36 * 25.4, PIXEL_WIDTH: 6000, PIXEL_HEIGHT: 4000}, 400),
        ({FOCAL_MM: 24.0, PLANE_X: 6000 / 36, PLANE_UNIT: 4, PIXEL_WIDTH: 4000, PIXEL_HEIGHT: 6000}, 400),
        # They agree up to rounding: the focal plane is finer.
        ({FOCAL_MM: 24.0, PLANE_X: 600 / 36, PLANE_UNIT: 4, PIXEL_WIDTH: 600, FOCAL_35MM: 24}, 400),
        # They contradict each other.
        ({FOCAL_MM: 24.0, PLANE_X: 600 / 3.6, PLANE_UNIT: 4, PIXEL_WIDTH: 600, FOCAL_35MM: 36}, 600),
        # Resolution in an unknown unit.
        ({FOCAL_MM: 24.0, PLANE_X: 600 / 36, PLANE_UNIT: 9, PIXEL_WIDTH: 600, FOCAL_35MM: 36}, 600),
    ],
)
def test_exif_focal(tmp_path, tags, focal_px, orientation):
    # 3:2 like the film, so width and diagonal tell the same.
    tags = {
        tag: IFDRational(value).limit_rational(10**6) if isinstance(value, float) else value for tag, value in tags.items()
    }
    tags = {
        tag: IFDRational(int(value[0]), int(value[1])) if isinstance(value, tuple) else value for tag, value in tags.items()
    }
    camera = camera_from_exif(write_image(tmp_path / "image.jpg", (600, 400), tags, orientation))
    assert camera is not None
    assert camera.params[:2] == pytest.approx((focal_px, focal_px), rel=1e-5)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_of_every_format(tmp_path, suffix):
    camera = camera_from_exif(write_image(tmp_path / f"image.{suffix}", (600, 400), {FOCAL_35MM: 36}, 1))
    assert camera is not None
    assert camera.params[0] == pytest.approx(600)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {FOCAL_MM: IFDRational(43, 10)},
        {FOCAL_35MM: 0},
        {FOCAL_35MM: 1},
        {FOCAL_35MM: 60000},
        {FOCAL_MM: IFDRational(0, 0), PLANE_X: IFDRational(1, 1), PIXEL_WIDTH: 600},
        {FOCAL_MM: IFDRational(24, 1), PLANE_X: IFDRational(0, 0), PIXEL_WIDTH: 600},
        {FOCAL_MM: IFDRational(24, 1), PLANE_X: IFDRational(10, 1)},
        {FOCAL_35MM: 36, PIXEL_WIDTH: 600, PIXEL_HEIGHT: 600},
    ],
    ids=["none", "no sensor", "zero", "fisheye", "telescope", "0/0", "no resolution", "no width", "cropped"],
)
def test_exif_that_says_nothing(tmp_path, tags):
    assert camera_from_exif(write_image(tmp_path / "image.jpg", (600, 400), tags)) is None


def test_damaged_exif_is_no_exif(tmp_path):
    path = write_image(tmp_path / "image.jpg", (600, 400), {FOCAL_35MM: 36})
    data = path.read_bytes()
    start = data.index(b"Exif\0\0") + 6
    length = int.from_bytes(data[start - 8 : start - 6], "big") - 8
    random = np.random.default_rng(1)
    for _ in range(100):
        block = bytearray(data)
        block[start : start + length] = random.integers(0, 256, length, dtype=np.uint8).tobytes()
        path.write_bytes(bytes(block))
        assert camera_from_exif(path) is None


def test_exif_of_no_image(tmp_path):
    with pytest.raises(ImageError, match="TP-101"):
        camera_from_exif(tmp_path / "missing.jpg")


def test_the_decoded_image_keeps_its_exif(tmp_path):
    path = write_image(tmp_path / "image.jpg", (600, 400), {FOCAL_35MM: 36}, 6)
    image = read_image(path, short_side_px=200)
    assert image.exif == read_header(path).exif and image.exif.focal_35mm == 36
    assert (image.width, image.height, image.gray.shape) == (400, 600, (300, 200))


def test_guesses():
    assert guess_focal_px(640, 480) == guess_focal_px(480, 640) == 768
    candidates = focal_candidates(480, 640)
    assert candidates[0] == pytest.approx(320)
    assert candidates[-1] == pytest.approx(1280)
    assert any(math.isclose(focal, 640) for focal in candidates)
    assert np.ptp(np.diff(np.log(candidates))) < 1e-12
    assert max(np.diff(np.log(candidates))) < 0.35
