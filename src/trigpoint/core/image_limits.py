"""Limits for image files of unknown origin: what is looked at before Pillow opens a file, and before it decodes one.

Small files can ask for hours and for gigabytes. All that follows costs less than a thousandth of the decoding of a photo.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from PIL import Image

from trigpoint.core.errors import ImageError

MAX_FILE_BYTES = 256 << 20
MAX_PIXELS = 120_000_000
MIN_SIDE_PX = 32
MAX_SIDE_PX = 30_000
# A view of a strip keeps its shape: a short side of 480 px would ask the encoder for tens of millions of pixels.
MAX_ASPECT = 25
# All that is held while one image is decoded. With Python and NumPy the process stays below 600 MB.
MAX_MEMORY_BYTES = 540_000_000
MAX_EXIF_BYTES = 4 << 20
# Encoders write ten scans, or one for each channel. Empty ones cost 1.4 ns a pixel each, and a file holds millions of them.
_ORDINARY_SCANS, _MAX_SCANS, _MAX_SCANNED_PIXELS = 16, 100, 1_200_000_000
# Pillow goes through the parts of a file in Python: millions of them would take minutes.
_MAX_PARTS, _BYTES_A_PART, _MAX_JUNK_BYTES = 10_000, 256, 1 << 16
# Tiles of 16x16 px are the smallest: 470,000 of them make the largest image. Numbers take 40 bytes in memory.
_MAX_TAGS, _MAX_TAG_VALUES, _BYTE_TYPES = 65_535, 1_000_000, (1, 2, 6, 7)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Pillow has decoders that are written in Python and take about 1 us a value.
_SLOW_DECODERS = ("bmp_rle", "ppm_plain", "ppm")
_MAX_SLOW_BYTES, _MAX_SLOW_PIXELS, _MAX_SLOW_COMMENTS = 4 << 20, 1 << 21, 64
# Measured with Pillow 13: what is held for each pixel beside the image itself. WebP is decoded to several canvases.
# JPEG 2000 is not measured but counted: OpenJPEG holds 32 bits for each channel.
_CANVASES_BYTES = {"WEBP": 12, "AVIF": 6, "HEIF": 5, "JPEG2000": 14}
# Their decoders take 0.1 to 0.15 s for each MB, whatever the number of pixels.
_DENSE, _MAX_DENSE_BYTES = ("AVIF", "HEIF", "JPEG2000"), 30 << 20
_ROWS_PER_STRIP = 278
# A marker inside the pixels of a JPEG; 0xFF itself is written as 0xFF00 there, and 0xFFD0 to 0xFFD7 restart the coder.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_JPEG, _PNG, _GIF, _PPM = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"P"
# Kind, width and height, with white space and comments between them.
_PPM_HEAD = re.compile(rb"P[^\s#]{1,5}(?:(?:\s|#[^\r\n]*+)*+[^\s#]{1,11}){2}")


def beyond(what: str, path: Path, fix: str = "Save it again with an ordinary program, or convert it to JPEG.") -> ImageError:
    """The error for a file that goes beyond a limit."""
    return ImageError("TP-109", f"the image file goes beyond a limit: {what}", where=path, fix=fix)


def check_structure(data: bytes, path: Path) -> None:
    """Refuse a file, or the beginning of one, that would take long to open.

    Raises:
        ImageError: TP-109.
    """
    if data.startswith(_JPEG):
        _check_segments(data, path)
    elif data.startswith(_PNG):
        _check_chunks(data, path)
    elif data.startswith(_GIF):
        _check_blocks(data, path)
    elif data.startswith(_PPM):
        _check_words(data, path)
    elif data[:4] in _TIFF:
        _check_tags(data, path)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        at = data.find(b"EXIF", 12)
        if at >= 0 and int.from_bytes(data[at + 4 : at + 8], "little") > MAX_EXIF_BYTES and at % 2 == 0:
            raise beyond(f"more than {MAX_EXIF_BYTES >> 20} MiB of EXIF data", path)


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse an image by its size.

    Raises:
        ImageError: TP-106, TP-107, TP-109.
    """
    if width * height > MAX_PIXELS:
        what = f"the image has {width}x{height} px, more than {MAX_PIXELS // 1_000_000} million"
        raise ImageError("TP-106", what, where=path, fix="Resize it.")
    if min(width, height) < MIN_SIDE_PX:
        fix = f"Both sides need {MIN_SIDE_PX} px or more."
        raise ImageError("TP-107", f"the image has only {width}x{height} px", where=path, fix=fix)
    if max(width, height) > MAX_SIDE_PX:
        raise beyond(f"{width}x{height} px, and a side may have {MAX_SIDE_PX:,} px", path, "Resize or crop it.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise beyond(f"{width}x{height} px, and one side may be {MAX_ASPECT} times the other", path, "Crop it.")


def check_effort(image: Image.Image, data: bytes, path: Path, *, flat_bytes: int, reduced: bool) -> None:
    """Refuse an image whose decoding would take too much time or memory. Call it after ``Image.draft``.

    Args:
        image: opened, not loaded.
        data: the file.
        path: for errors.
        flat_bytes: bytes a pixel of the copy without transparency and in the mode that is wanted, 0 if there is none.
        reduced: whether what is kept is smaller than the image that is decoded.

    Raises:
        ImageError: TP-109.
    """
    pixels = image.size[0] * image.size[1]
    each = (1 if image.mode in ("1", "L", "P") else 4) + flat_bytes + _CANVASES_BYTES.get(image.format or "", 0)
    # Kept at full size, the image is copied to an array, and to be turned.
    each += 0 if reduced else 2 * max(flat_bytes, 1)
    memory = len(data) + each * pixels + _buffer_bytes(image, data, path)
    if memory > MAX_MEMORY_BYTES:
        width, height = _full_size(image)
        limit, megapixels = MAX_MEMORY_BYTES // 1_000_000, width * height // 1_000_000
        what = f"{memory // 1_000_000} MB are needed to decode {megapixels} million px of this kind, and {limit} MB allowed"
        raise beyond(what, path, "Save it as a baseline JPEG, which is decoded at reduced size, or resize it.")
    if image.format in _DENSE and len(data) > _MAX_DENSE_BYTES:
        raise beyond(f"an image of the kind {image.format} may have {_MAX_DENSE_BYTES >> 20} MiB", path)
    tiles = getattr(image, "tile", [])
    if tiles and tiles[0][0] in _SLOW_DECODERS and (len(data) > _MAX_SLOW_BYTES or pixels > _MAX_SLOW_PIXELS):
        raise beyond(f"this kind of {image.format} is slow to decode and may have {_MAX_SLOW_PIXELS:,} px", path)


def check_scans(image: Image.Image, data: bytes, path: Path) -> None:
    """Refuse a JPEG that is decoded many times over. Raises ImageError TP-109."""
    if not _has_several_scans(image, data, path) or data.count(b"\xff\xda") <= _ORDINARY_SCANS:
        return
    scans, pixels = _scans(data), image.size[0] * image.size[1]
    if scans > _MAX_SCANS or (scans > _ORDINARY_SCANS and scans * pixels > _MAX_SCANNED_PIXELS):
        raise beyond(f"the JPEG has {scans if scans <= _MAX_SCANS else f'more than {_MAX_SCANS}'} scans", path)


def _has_several_scans(image: Image.Image, data: bytes, path: Path) -> bool:
    """Whether the decoder goes on after the first scan: if that is a part of the picture or of its channels."""
    if image.format not in ("JPEG", "MPO") or "progressive" in image.info:
        return image.format in ("JPEG", "MPO")
    start = _check_segments(data, path)
    return start + 4 < len(data) and data[start + 4] < len(getattr(image, "layer", []))


def _scans(data: bytes) -> int:
    """Number of scans of the first image of a JPEG file; it stops counting beyond the limits."""
    scans = parts = 0
    position = 2
    while scans <= _MAX_SCANS and parts < _MAX_PARTS:
        found = _MARKER.search(data, position)
        if found is None or found[1] == b"\xd9":
            return scans
        scans, parts = scans + (found[1] == b"\xda"), parts + 1
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return _MAX_SCANS + 1


def _check_segments(data: bytes, path: Path) -> int:
    """The position of the first scan of a JPEG, or of the end of ``data``, after the parts before it have been checked."""
    position, parts, junk, exif = 2, 0, 0, 0
    while position + 4 <= len(data):
        if junk > _MAX_JUNK_BYTES or parts > _MAX_PARTS or exif > MAX_EXIF_BYTES:
            raise beyond("too much stands before the pixels of the JPEG", path)
        marker = data[position + 1]
        if data[position] != 0xFF:
            following = data.find(b"\xff", position)
            following = len(data) if following < 0 else following
            junk, position = junk + following - position, following
        elif marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            junk, position = junk + 1, position + (1 if marker == 0xFF else 2)
        elif marker in (0xD9, 0xDA):
            return position
        else:
            length = int.from_bytes(data[position + 2 : position + 4], "big")
            exif += length if data[position + 4 : position + 8] == b"Exif" else 0
            parts, position = parts + 1, position + 2 + length
    return len(data)


def _check_chunks(data: bytes, path: Path) -> None:
    position, parts = len(_PNG), 0
    while position + 8 <= len(data):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        parts, position = parts + 1, position + 12 + length
        if parts > _MAX_PARTS and position < _BYTES_A_PART * parts:
            raise beyond(f"the PNG has more than {_MAX_PARTS:,} chunks of a few bytes", path)
        if kind == b"eXIf" and length > MAX_EXIF_BYTES:
            raise beyond(f"more than {MAX_EXIF_BYTES >> 20} MiB of EXIF data", path)


def _check_blocks(data: bytes, path: Path) -> None:
    """The extensions before the first frame of a GIF."""
    flags = data[10] if len(data) > 10 else 0
    position, parts = 13 + (3 << ((flags & 7) + 1) if flags & 128 else 0), 0
    while position + 2 < len(data) and data[position] not in b",;":
        parts += 1
        if data[position] == 0x21:
            position += 2
            while position < len(data) and data[position] and parts <= _MAX_PARTS:
                parts, position = parts + 1, position + 1 + data[position]
        position += 1
        if parts > _MAX_PARTS:
            raise beyond(f"the GIF has more than {_MAX_PARTS:,} blocks before its first frame", path)


def _check_tags(data: bytes, path: Path) -> None:
    """The first directory of a TIFF, whose entries Pillow reads in Python and whose values become Python's numbers."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    # In BigTIFF all positions and numbers have 64 bits.
    start, wide, entry = (data[8:16], 8, 20) if data[:4] in _TIFF[2:] else (data[4:8], 2, 12)
    position = int.from_bytes(start, order)
    entries = int.from_bytes(data[position : position + wide], order)
    if entries > _MAX_TAGS:
        raise beyond(f"the TIFF has {entries:,} tags", path)
    for at in range(position + wide, min(position + wide + entries * entry, len(data)), entry):
        kind = int.from_bytes(data[at + 2 : at + 4], order)
        values = int.from_bytes(data[at + 4 : at + (entry + 4) // 2], order)
        if _MAX_TAG_VALUES < values <= len(data) and kind not in _BYTE_TYPES:
            raise beyond(f"a tag of the TIFF has {values:,} values", path)


def _check_words(data: bytes, path: Path) -> None:
    """PPM in text, and comments, which Pillow reads byte by byte."""
    plain = data[1:2] in b"123"
    if plain and (len(data) > _MAX_SLOW_BYTES or data.count(b"#") > _MAX_SLOW_COMMENTS):
        raise beyond(f"a PPM of text may have {_MAX_SLOW_BYTES >> 20} MiB and {_MAX_SLOW_COMMENTS} comments", path)
    if len(data) > _MAX_JUNK_BYTES and _PPM_HEAD.match(data[:_MAX_JUNK_BYTES]) is None:
        raise beyond("the head of the PPM is long", path)


def _buffer_bytes(image: Image.Image, data: bytes, path: Path) -> int:
    """What a decoder holds beside the image: coefficients of a JPEG of several scans, a strip of a TIFF."""
    layers = [(layer[1], layer[2]) for layer in getattr(image, "layer", [])]
    if layers and _has_several_scans(image, data, path):
        cells = max(h for h, _ in layers) * max(v for _, v in layers)
        width, height = _full_size(image)
        return 2 * width * height * sum(h * v for h, v in layers) // max(cells, 1)
    if image.format == "TIFF":
        rows = getattr(image, "tag_v2", {}).get(_ROWS_PER_STRIP, image.size[1])
        rows = min(rows, image.size[1]) if isinstance(rows, int) else image.size[1]
        return len(image.getbands()) * image.size[0] * rows
    return 0


def _full_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of a JPEG before ``Image.draft`` made it smaller."""
    scale = getattr(image, "decoderconfig", ()) or (1,)
    return image.size[0] * int(scale[0] or 1), image.size[1] * int(scale[0] or 1)
