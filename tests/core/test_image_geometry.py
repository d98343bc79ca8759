"""Images turned upright, and images reduced in size: pixels stay where they belong."""

import numpy as np
import pytest
from PIL import Image
from support.image_files import encoded, image_pixels

from trigpoint.core.image import decode_image, image_size, read_image

PIXELS = image_pixels()
JPEG = encoded(PIXELS, "JPEG", quality=90)
GRAY = np.asarray(Image.fromarray(PIXELS).convert("L"))


UNDO = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_images_are_turned_upright(kind, tmp_path):
    for orientation in UNDO:
        check_turned_image(orientation, kind, tmp_path)


def check_turned_image(orientation, kind, tmp_path):
    stored = np.ascontiguousarray(UNDO[orientation](PIXELS))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned"
    path.write_bytes(encoded(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {})))
    image = read_image(path, color=True)
    assert (image.width, image.height) == image_size(path) == (160, 120)
    assert image.rgb is not None
    assert np.abs(image.rgb.astype(float) - PIXELS).mean() < (3 if kind == "JPEG" else 0.01)
    reduced = read_image(path, short_side_px=60).gray
    assert reduced.shape == (60, 80)
    upright = np.asarray(Image.fromarray(GRAY).resize((80, 60), Image.Resampling.BOX), dtype=float)
    assert np.abs(reduced - upright).mean() < 4


def shift_px(a, b):
    """Shift of b against a in x and y, by least squares on the gradient: exact for small shifts and any size."""
    dy, dx = np.gradient(a)
    design = np.stack([dx.ravel(), dy.ravel(), np.ones(dx.size)], axis=1)
    return -np.linalg.lstsq(design, (b - a).ravel(), rcond=None)[0][:2]


def test_the_shift_is_measured_right():
    a = image_pixels(200, 100)[:, :, 0].astype(float)
    assert shift_px(a[:, :-1], 0.9 * a[:, :-1] + 0.1 * a[:, 1:]) == pytest.approx([-0.1, 0], abs=0.02)


def sized_image(width, height, kind):
    image = image_pixels(width, height)
    return encoded(image, kind), np.asarray(Image.fromarray(image).convert("L"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(320, 240), (321, 243), (511, 383), (167, 501), (449, 603)])
def test_reduced_images_lie_exactly_on_the_full_ones(size, kind):
    data, full = sized_image(*size, kind)
    for short in (33, 48, 63, 97, 120, 150):
        check_reduced_image(data, full, size, short)


def check_reduced_image(data, full, size, short):
    import cv2

    image = decode_image(data, "image", short_side_px=short)
    assert min(image.gray.shape) == short
    assert (image.width, image.height) == size
    gray = image.gray.astype(float)
    area = cv2.resize(full, image.gray.shape[::-1], interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(area - gray).mean() < 2.5
    half = gray.shape[1] // 2
    # On both halves, so that a wrong scale shows as well as a shift.
    for part in (np.s_[:, :half], np.s_[:, half:]):
        assert np.abs(shift_px(area[part], gray[part])).max() < 0.06


def test_images_are_never_enlarged():
    assert decode_image(JPEG, "image.jpg", short_side_px=5000).gray.shape == (120, 160)


def test_the_size_of_a_png_is_read_without_its_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PIXELS, "PNG", exif=exif)
    path = tmp_path / "cut.png"
    path.write_bytes(data[: data.index(b"IDAT") + 200])
    assert image_size(path) == (120, 160)
