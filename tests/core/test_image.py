"""The image decoder: every file either decodes upright and whole, or gives a named error."""

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.image_files import encoded, image_pixels, png_48_bit, png_with_header, scan_start

from trigpoint.core.errors import ImageError
from trigpoint.core.image import decode_image, image_size, read_image

PIXELS = image_pixels()
JPEG = encoded(PIXELS, "JPEG", quality=90)
PNG = encoded(PIXELS, "PNG")
SMALL_JPEG = encoded(image_pixels(48, 40), "JPEG", quality=60)
SMALL_PNG = encoded(image_pixels(48, 40), "PNG")
GRAY = np.asarray(Image.fromarray(PIXELS).convert("L"))
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n"
FLOATS = np.random.default_rng(0).random((64, 64), dtype=np.float32)
MPO = encoded(PIXELS, "MPO", save_all=True, append_images=[Image.fromarray(PIXELS[::-1].copy())])


def tail_zeroed(data, fraction):
    start = scan_start(data)
    kept = start + int((len(data) - start) * fraction)
    return data[:kept] + bytes(len(data) - kept)


HOSTILE = {
    "zero bytes": (b"", "TP-101"),
    "web page": (b"<!DOCTYPE html><html><body>404</body></html>", "TP-102"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "TP-102"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "TP-102"),
    "PostScript, which Pillow would give to another program": (EPS, "TP-102"),
    "noise": (np.random.default_rng(3).bytes(5000), "TP-102"),
    "only the JPEG's start": (JPEG[:3], "TP-102"),
    "PNG signature only": (PNG[:8], "TP-102"),
    "PNG cut in the pixels": (PNG[: len(PNG) // 2], "TP-103"),
    "PNG cut behind the header": (PNG[:60], "TP-103"),
    "16-bit gray PNG": (encoded((GRAY.astype(np.uint16) * 257), "PNG"), "TP-104"),
    "48-bit PNG": (png_48_bit(64, 48), "TP-104"),
    "float TIFF": (encoded(FLOATS, "TIFF"), "TP-104"),
    "32-bit TIFF": (encoded(FLOATS.astype(np.int32), "TIFF"), "TP-104"),
    "CMYK JPEG": (encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"), "TP-105"),
    "900 million pixels": (png_with_header(30_000, 30_000), "TP-106"),
    "1x1": (encoded(PIXELS[:1, :1].copy(), "PNG"), "TP-107"),
    "one row": (encoded(PIXELS[:1].copy(), "JPEG"), "TP-107"),
    "MPO with a zeroed tail": (tail_zeroed(MPO, 0.2), "TP-103"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_bad_files_are_refused_by_name(case, tmp_path):
    data, code = HOSTILE[case]
    path = tmp_path / "image.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        read_image(path, short_side_px=100)
    assert caught.value.code == code
    assert caught.value.where == str(path)
    assert caught.value.fix


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "absent.jpg", tmp_path):
        for function in (read_image, image_size):
            with pytest.raises(ImageError, match="TP-101"):
                function(path)


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("how", ["cut", "zeroed"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_without_their_end_are_refused(fraction, how, progressive):
    data = encoded(PIXELS, "JPEG", quality=90, progressive=progressive)
    start = scan_start(data)
    damaged = tail_zeroed(data, fraction) if how == "zeroed" else data[: start + int((len(data) - start) * fraction)]
    with pytest.raises(ImageError, match="TP-103"):
        decode_image(damaged, "image.jpg")


def test_a_huge_header_costs_nothing(tmp_path):
    path = tmp_path / "huge.png"
    path.write_bytes(png_with_header(30_000, 30_000))
    tracemalloc.start()
    for function in (read_image, image_size):
        with pytest.raises(ImageError, match="TP-106"):
            function(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def with_alpha(mode):
    image = Image.fromarray(PIXELS).convert("RGBA" if mode == "RGBA" else "LA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 40, 120))
    image.putalpha(alpha)
    return image


def palette_with_transparency():
    image = Image.fromarray(PIXELS).quantize(64)
    image.paste(5, (0, 0, 40, 120))
    return encoded(image, "PNG", transparency=5)


@pytest.mark.parametrize(
    "data",
    [encoded(with_alpha("LA"), "PNG"), encoded(with_alpha("RGBA"), "PNG"), palette_with_transparency()],
    ids=["LA", "RGBA", "palette"],
)
def test_transparent_parts_are_white(data):
    image = decode_image(data, "image.png", color=True)
    assert image.rgb is not None and image.rgb.shape == (120, 160, 3)
    assert (image.gray[:, :40] == 255).all()
    assert np.abs(image.gray[:, 44:].astype(float) - GRAY[:, 44:]).mean() < 8


def frames(kind, **options):
    other = Image.new("RGB", (160, 120), "red")
    return encoded(PIXELS, kind, save_all=True, append_images=[other], duration=100, **options)


ORDINARY = {
    "baseline JPEG": (JPEG, 2.0),
    "progressive JPEG": (encoded(PIXELS, "JPEG", quality=90, progressive=True), 2.0),
    "JPEG in gray": (encoded(GRAY, "JPEG", quality=90), 2.0),
    "MPO": (MPO, 6.0),
    "PNG": (PNG, 0.0),
    "interlaced or not, gray PNG": (encoded(GRAY, "PNG"), 0.0),
    "TIFF": (encoded(PIXELS, "TIFF", compression="tiff_lzw"), 0.0),
    "BMP": (encoded(PIXELS, "BMP"), 0.0),
    "PPM": (encoded(PIXELS, "PPM"), 0.0),
    "WebP": (encoded(PIXELS, "WEBP", lossless=True), 1.0),
    "animated WebP": (frames("WEBP", lossless=True), 1.0),
    "animated GIF": (frames("GIF"), 8.0),
}


@pytest.mark.parametrize("case", ORDINARY)
def test_ordinary_files_decode_to_their_pixels(case, tmp_path):
    data, tolerance = ORDINARY[case]
    path = tmp_path / "image.any"
    path.write_bytes(data)
    image = read_image(path)
    assert (image.width, image.height) == image_size(path) == (160, 120)
    assert image.gray.dtype == np.uint8 and image.rgb is None
    assert np.abs(image.gray.astype(float) - GRAY).mean() <= tolerance


def test_one_bit_images_are_black_and_white():
    image = decode_image(encoded(Image.fromarray(PIXELS).convert("1"), "PNG"), "scan.png")
    assert set(np.unique(image.gray)) == {0, 255}


def attempt(data):
    with warnings.catch_warnings():
        # Pillow's own remarks about damaged metadata.
        warnings.simplefilter("ignore")
        try:
            image = decode_image(data, "image", short_side_px=33, color=True)
        except ImageError as error:
            assert error.code.startswith("TP-1") and error.fix
            return
    assert image.gray.dtype == np.uint8
    assert image.rgb is not None and image.rgb.shape == (*image.gray.shape, 3)


SEEDS = [
    SMALL_JPEG,
    SMALL_PNG,
    encoded(image_pixels(40, 48), "JPEG", exif=(lambda exif: exif.update({0x0112: 6}) or exif)(Image.Exif())),
    encoded(image_pixels(40, 48), "TIFF", compression="tiff_lzw"),
    encoded(image_pixels(40, 48), "WEBP"),
    encoded(image_pixels(40, 48), "GIF"),
    encoded(image_pixels(40, 48), "BMP"),
]


@settings(max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    cut=st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    head=st.booleans(),
)
def test_no_mutation_gives_anything_but_an_image_or_an_image_error(seed, cut, edits, head):
    data = bytearray(seed)
    reach = min(len(data), 200) if head else len(data)
    for where, value in edits:
        data[int(where * reach)] = value
    attempt(bytes(data))
    attempt(bytes(data[: int(cut * len(data))]))
