"""Files that ask for much more time or memory than images do: refused by name, and ordinary ones are not."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.image_files import encoded, image_pixels, png_with_header, scan_start

from trigpoint.core.errors import ImageError
from trigpoint.core.image import decode_image, image_size, read_image
from trigpoint.core.image_limits import MAX_MEMORY_BYTES, check_scans

PIXELS = image_pixels()


def refused(data, code="TP-109", **options):
    with pytest.raises(ImageError) as caught:
        decode_image(data, "image", **options)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.fix
    return str(caught.value)


def progressive_jpeg(scans, side=64):
    """A progressive JPEG with its last scan, a refinement of one bit, many times over."""
    data = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def inserted(data, position, extra):
    return data[:position] + extra + data[position:]


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_jpeg_of_thousands_of_scans_is_refused():
    assert "scans" in refused(progressive_jpeg(2000))
    assert decode_image(progressive_jpeg(20), "image").width == 64


def test_fewer_scans_are_allowed_for_larger_images():
    scans = progressive_jpeg(40)
    with Image.open(io.BytesIO(scans)) as image:
        check_scans(image, scans, Path("image"))
        image._size = (8000, 8000)
        with pytest.raises(ImageError, match="TP-109"):
            check_scans(image, scans, Path("image"))


def test_scans_of_a_thumbnail_or_a_second_image_do_not_count():
    mpo = encoded(PIXELS, "MPO", save_all=True, append_images=[Image.fromarray(PIXELS)] * 20)
    assert decode_image(mpo, "image").width == 160


@pytest.mark.parametrize(("width", "height"), [(32, 3_749_999), (40_000, 2000), (32, 2000)])
def test_long_strips_are_refused_by_their_header(width, height):
    assert f"{width}x{height}" in refused(png_with_header(width, height))


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_images_that_need_too_much_memory_are_refused_before_it_is_asked_for(mode):
    data = png_with_header(11_900, 10_000, color=6 if mode == "RGBA" else 2)
    tracemalloc.start()
    text = refused(data, short_side_px=480)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"{MAX_MEMORY_BYTES // 1_000_000} MB" in text and "119 million" in text
    assert peak < 5_000_000


def test_large_photos_are_decoded_at_reduced_size():
    data = encoded(Image.new("L", (12_000, 9_900), 90), "JPEG")
    image = decode_image(data, "image", short_side_px=480)
    assert (image.width, image.height) == (12_000, 9_900)
    assert image.gray.shape == (480, 582)


PNG, JPEG, GIF = encoded(PIXELS, "PNG"), encoded(PIXELS, "JPEG"), encoded(PIXELS, "GIF")
SLOW = {
    "JPEG with millions of empty segments": inserted(JPEG, 2, segment(0xFE, b"") * 20_000),
    "JPEG with junk before its pixels": inserted(JPEG, scan_start(JPEG) - 14, b"\0" * 100_000),
    "JPEG with fill bytes": inserted(JPEG, 2, b"\xff" * 100_000),
    "JPEG with EXIF blocks of megabytes": inserted(JPEG, 2, segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 100),
    "PNG with many chunks of no bytes": inserted(PNG, 33, chunk(b"juNk", b"") * 20_000),
    "PNG with an EXIF block of megabytes": inserted(PNG, 33, chunk(b"eXIf", bytes(5 << 20))),
    "GIF with many comments": inserted(GIF, GIF.index(b","), b"\x21\xfe\x01a\x00" * 20_000),
    "GIF with junk": inserted(GIF, GIF.index(b"\x2c\0\0\0\0"), b"x" * 100_000),
    "TIFF with millions of tags": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 5_000_000) + bytes(40),
    "TIFF with millions of strips": b"MM\0*" + struct.pack(">IHHHII", 8, 1, 273, 4, 2_000_000, 22) + bytes(8_000_000),
    "BigTIFF with millions of strips": b"II+\0\x08\0\0\0"
    + struct.pack("<QQHHQQ", 16, 1, 273, 4, 2_000_000, 44)
    + bytes(8_000_000),
    "PPM with a long comment": b"P6 #" + b"x" * 100_000 + b"\n64 64 255\n" + bytes(64 * 64 * 3),
    "PPM with much white space": b"P6" + b" " * 100_000 + b"64 64 255\n" + bytes(64 * 64 * 3),
    "PPM of text with many comments": b"P2 64 64 255 " + b"#\n" * 1000 + b"9 " * 4096,
    "PPM of text with many words": b"P2 2048 2048 255 " + b"9 " * (1 << 21) + b" " * 100,
    "PPM with 200 values a channel": b"P6 2000 2000 200\n" + bytes(2000 * 2000 * 3),
}


@pytest.mark.parametrize("case", SLOW)
def test_files_that_are_slow_to_open_or_decode_are_refused(case):
    refused(SLOW[case])


def test_a_compressed_bitmap_may_not_be_large():
    head = struct.pack("<IiiHHIIiiII", 40, 4000, 3000, 1, 8, 1, 0, 2835, 2835, 256, 0)
    start = 14 + len(head) + 1024
    data = b"BM" + struct.pack("<IHHI", start + 2, 0, 0, start) + head + bytes(1024) + b"\0\1"
    assert "BMP" in refused(data)


def test_a_webp_with_much_exif_is_refused():
    webp = encoded(PIXELS, "WEBP", exif=b"Exif\0\0" + bytes(5 << 20))
    assert "EXIF" in refused(webp)


def test_a_dense_format_may_not_have_many_bytes():
    data = encoded(PIXELS, "JPEG2000")
    assert decode_image(data, "image").width == 160
    assert "30 MiB" in refused(data + bytes(31 << 20))


def test_ordinary_metadata_is_no_reason_to_refuse():
    profile = np.random.default_rng(0).bytes(3_000_000)
    data = encoded(PIXELS, "JPEG", icc_profile=profile, comment=b"a photo", exif=b"Exif\0\0" + bytes(60_000))
    assert decode_image(data, "image").width == 160
    assert decode_image(encoded(PIXELS, "PPM"), "image").width == 160


def test_only_regular_files_are_opened(tmp_path):
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    for path in (pipe, tmp_path / "device.jpg"):
        for function in (read_image, image_size):
            with pytest.raises(ImageError, match=r"TP-101 .*not a regular file"):
                function(path)


def test_the_size_of_a_file_is_bounded(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as stream:
        stream.write(JPEG)
        stream.truncate(300 << 20)
    with pytest.raises(ImageError, match=r"TP-109 .*256 MiB"):
        read_image(path)
    assert image_size(path) == (160, 120)


def test_a_gif_that_ends_within_a_block_is_damaged():
    for end in range(GIF.index(b"\x2c\0\0\0\0")):
        with pytest.raises(ImageError, match=r"TP-10[123]"):
            decode_image(GIF[:end] + b"\x21\xfe\xff", "image")


def test_a_damaged_avif_is_named():
    data = bytearray(encoded(PIXELS, "AVIF"))
    data[data.index(b"mdat") + 4 :] = bytes(len(data) - data.index(b"mdat") - 4)
    refused(bytes(data), "TP-103")
    refused(bytes(data).replace(b"iinf", b"xxxx"), "TP-103")
