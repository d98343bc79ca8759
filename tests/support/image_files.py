"""Image files made in memory."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageFilter


def image_pixels(width=160, height=120, seed=1):
    """(h, w, 3) uint8: smooth colours without any symmetry, so that turns and shifts show."""
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(3))
    values = np.asarray(image, dtype=np.float64)
    values = (values - values.min()) / (values.max() - values.min())
    ramp = np.linspace(0, 0.4, width)[None, :, None] + np.linspace(0, 0.2, height)[:, None, None]
    return (255 * (0.4 * values + ramp)).astype(np.uint8)


def encoded(image, kind, **options):
    """The bytes of an image (Pillow image or array) in one format."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_with_header(width, height, depth=8, color=2, payload=b""):
    """A PNG with any header, valid checksums and ``payload`` as its compressed pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(payload)) + chunk(b"IEND", b"")


def png_48_bit(width, height):
    """A PNG with three channels of 16 bits."""
    row = b"\0" + bytes(6 * width)
    return png_with_header(width, height, depth=16, payload=row * height)


def scan_start(jpeg):
    """Offset of the first entropy coded byte of a JPEG."""
    marker = jpeg.index(b"\xff\xda")
    return marker + 2 + int.from_bytes(jpeg[marker + 2 : marker + 4], "big")
