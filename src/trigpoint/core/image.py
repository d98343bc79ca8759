"""The one image decoder. Every file either decodes upright and whole, or gives a named error.

The header is read before any pixel, so a huge image costs nothing to refuse; ``image_limits.py`` says what is too much for
files of unknown origin. Images are turned upright by their EXIF
orientation: width, height, keypoints and cameras everywhere speak of the upright image.
"""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trigpoint.core.errors import ImageError
from trigpoint.core.exif import NO_EXIF, Exif, read_exif
from trigpoint.core.image_formats import INSTALL_HEIC, avif_brand, heic_brand, pillow_formats
from trigpoint.core.image_limits import MAX_FILE_BYTES, beyond, check_effort, check_scans, check_size, check_structure
from trigpoint.core.regular_file import open_regular, read_regular

_HEADER_BYTES = 1 << 18
# Rows that are freed of their transparency at a time: a whole image would need three more copies of itself.
_BAND_ROWS = 256
# Pillow keeps its limit of pixels in a global variable, which two threads must not set back in the wrong order.
_PILLOW_LIMIT = threading.Lock()
_QUARTER_TURNS = (5, 6, 7, 8)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Modes whose pixels mean 8-bit light. 16-bit and float images have no agreed way to become 8-bit.
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"}


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image, upright, possibly reduced in size.

    Attributes:
        gray: (h, w) uint8.
        rgb: (h, w, 3) uint8, or None when only gray was asked for.
        width: upright width of the file, px.
        height: upright height of the file, px.
        exif: what its EXIF block says.
    """

    gray: NDArray[np.uint8]
    rgb: NDArray[np.uint8] | None
    width: int
    height: int
    exif: Exif = NO_EXIF


@dataclass(frozen=True)
class ImageHeader:
    """What is known of an image before its pixels are decoded.

    Attributes:
        width: upright width, px.
        height: upright height, px.
        exif: what its EXIF block says.
    """

    width: int
    height: int
    exif: Exif


def image_size(path: Path) -> tuple[int, int]:
    """Upright (width, height), px, from the header alone.

    Raises:
        ImageError: as ``read_image``, except what only decoding shows.
    """
    try:
        with _open(path, _read_bytes(path, _HEADER_BYTES)) as image:
            return _upright_size(image, read_exif(image))
    except ImageError:
        # TIFF and WebP may keep what describes the image at the end of the file.
        header = read_header(path)
        return header.width, header.height


def read_header(path: Path) -> ImageHeader:
    """Size and EXIF block of an image file, wherever in the file they are. Raises as ``image_size``."""
    with _open(path, _read_bytes(path)) as image:
        exif = read_exif(image)
        return ImageHeader(*_upright_size(image, exif), exif)


def read_image(path: Path, *, short_side_px: int | None = None, color: bool = False) -> DecodedImage:
    """Decode one image, turn it upright and reduce it.

    Args:
        path: image file.
        short_side_px: length of the shorter side of the result; None keeps the size of the file. Images are never
            enlarged.
        color: whether to keep the colours beside the gray image.

    Raises:
        ImageError: missing or empty file (TP-101), not an image (TP-102), cut short or damaged (TP-103), more than 8
            bits a channel (TP-104), colours for print (TP-105), too many pixels (TP-106), too small (TP-107), beyond a
            limit for files of unknown origin (TP-109).
    """
    return decode_image(_read_bytes(path), path, short_side_px=short_side_px, color=color)


def decode_image(data: bytes, name: Path | str, *, short_side_px: int | None = None, color: bool = False) -> DecodedImage:
    """As ``read_image`` for the bytes of a file; ``name`` only appears in errors."""
    path = Path(name)
    with _open(path, data) as image:
        if image.format in ("JPEG", "MPO"):
            _check_jpeg_is_whole(data, path)
            check_scans(image, data, path)
        return _decoded(image, path, short_side_px, color, data=data)


def check_image_bytes(data: bytes, name: Path | str) -> None:
    """Refuse the bytes of a file that is not decoded here, such as a depth image, by its parts and its size.

    Raises:
        ImageError: no image (TP-102), damaged (TP-103), too large or too small (TP-106, TP-107, TP-109).
    """
    path = Path(name)
    check_size(*_opened(path, data).size, path)


def image_from_pixels(pixels: NDArray[np.uint8] | Image.Image, *, short_side_px: int | None = None) -> DecodedImage:
    """As ``read_image`` for pixels in memory.

    Args:
        pixels: (H, W) gray or (H, W, 3) RGB, uint8, upright; or a Pillow image, which is turned upright by its EXIF block.
        short_side_px: length of the shorter side of the result; None keeps the size. Images are never enlarged.

    Raises:
        ImageError: an array of another shape or type (TP-108), and as ``read_image``.
    """
    image, path = (pixels, Path("image")) if isinstance(pixels, Image.Image) else (_from_array(pixels), Path("array"))
    _check_header(image, path, b"")
    return _decoded(image, path, short_side_px, color=False)


def _from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or pixels.size == 0:
        raise ImageError(
            "TP-108",
            f"an array of shape {pixels.shape} and type {pixels.dtype} is not an image",
            fix="Give (H, W) gray or (H, W, 3) RGB of type uint8.",
        )
    return Image.fromarray(pixels)


def _decoded(
    image: Image.Image, path: Path, short_side_px: int | None, color: bool, *, data: bytes | None = None
) -> DecodedImage:
    """The open image upright and reduced; with its file's bytes it may become smaller itself while it is decoded."""
    exif = read_exif(image)
    width, height = _upright_size(image, exif)
    target = _reduced_size(width, height, short_side_px)
    turn = _TURNS.get(exif.orientation)
    size = (target[1], target[0]) if exif.orientation in _QUARTER_TURNS else target
    pixels = _pixels(image, path, size, color, data)
    if turn is not None:
        pixels = pixels.transpose(turn)
    values = np.array(pixels)
    if color:
        return DecodedImage(np.array(pixels.convert("L")), values, width, height, exif)
    return DecodedImage(values, None, width, height, exif)


def _pixels(image: Image.Image, path: Path, size: tuple[int, int], color: bool, data: bytes | None) -> Image.Image:
    mode = "RGB" if color else "L"
    full = image.size
    try:
        if data is not None:
            # JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the cost; never below the size that is wanted.
            image.draft(mode, size)
            copied = image.mode != mode or _is_transparent(image)
            flat_bytes = (4 if color else 1) if copied else 0
            check_effort(image, data, path, flat_bytes=flat_bytes, reduced=size != image.size)
        image.load()
        flat = _flat(image, mode)
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, Image.DecompressionBombError) as error:
        raise ImageError(
            "TP-103", f"the image is damaged or cut short ({error})", where=path, fix="Copy or download it again."
        ) from error
    if flat.size == size:
        return flat
    # A reduced JPEG covers ceil(full / 2^n) cells, the last of them partly outside the image: the box cuts that part off.
    step = (_draft_step(full[0], flat.size[0]), _draft_step(full[1], flat.size[1]))
    box = (0.0, 0.0, full[0] / step[0], full[1] / step[1])
    return flat.resize(
        size, Image.Resampling.BOX if _is_much_larger(flat.size, size) else Image.Resampling.BILINEAR, box=box
    )


def _draft_step(full: int, reduced: int) -> int:
    return next(step for step in (1, 2, 4, 8) if -(-full // step) == reduced)


def _is_much_larger(source: tuple[int, int], target: tuple[int, int]) -> bool:
    return min(source) > 4 * min(target)


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA") or (image.mode == "P" and "transparency" in image.info)


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """The image without transparency, in ``mode``."""
    if not _is_transparent(image):
        return image if image.mode == mode else image.convert(mode)
    result = Image.new(mode, image.size)
    for top in range(0, image.size[1], _BAND_ROWS):
        band = image.crop((0, top, image.size[0], min(top + _BAND_ROWS, image.size[1]))).convert("RGBA")
        # Transparent parts hold arbitrary colours; white is what every viewer shows there.
        background = Image.new("RGBA", band.size, "white")
        result.paste(Image.alpha_composite(background, band).convert("RGB").convert(mode), (0, top))
    return result


def _read_bytes(path: Path, first: int | None = None) -> bytes:
    """The bytes of an image file, or its ``first`` ones."""
    try:
        if first is None:
            data = read_regular(path, MAX_FILE_BYTES)
        else:
            with open_regular(path) as stream:
                data = stream.read(first)
    except FileNotFoundError:
        raise ImageError("TP-101", "there is no such image file", where=path, fix="Check the path.") from None
    except IsADirectoryError:
        raise ImageError("TP-101", "this is a folder, not an image file", where=path, fix="Name the images in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if getattr(error, "errno", None) == errno.EFBIG:
            raise beyond(reason, path) from error
        raise ImageError(
            "TP-101", f"the image file cannot be read ({reason})", where=path, fix="Check its permissions."
        ) from error
    if not data:
        raise ImageError("TP-101", "the image file is empty (0 bytes)", where=path, fix="Copy or download it again.")
    return data


def _open(path: Path, data: bytes) -> Image.Image:
    image = _opened(path, data)
    _check_header(image, path, data)
    return image


def _opened(path: Path, data: bytes) -> Image.Image:
    if not data:
        raise ImageError("TP-101", "the image file is empty (0 bytes)", where=path, fix="Copy or download it again.")
    check_structure(data, path)
    try:
        return _open_unlimited(data)
    except UnidentifiedImageError:
        what, fix = _what_it_is(data)
        raise ImageError("TP-102", what, where=path, fix=fix) from None
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        raise ImageError(
            "TP-103", f"the image is damaged ({error})", where=path, fix="Copy or download it again."
        ) from error


def _open_unlimited(data: bytes) -> Image.Image:
    with _PILLOW_LIMIT:
        limit = Image.MAX_IMAGE_PIXELS
        try:
            # Our own limit is stricter and is checked before any pixel is decoded; Pillow's would only warn.
            Image.MAX_IMAGE_PIXELS = None
            return Image.open(BytesIO(data), formats=pillow_formats(data))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_header(image: Image.Image, path: Path, data: bytes) -> None:
    check_size(*image.size, path)
    if image.mode == "CMYK":
        raise ImageError("TP-105", "the image has print colours (CMYK)", where=path, fix="Convert it to RGB.")
    if image.mode not in _EIGHT_BIT_MODES:
        raise ImageError(
            "TP-104",
            f"the image does not have 8 bits a channel (mode {image.mode})",
            where=path,
            fix="Convert it to 8 bits; depth images are not images.",
        )
    # Pillow opens 48-bit PNGs as 8-bit RGB without a word; byte 24 of a PNG is its bit depth.
    if image.format == "PNG" and len(data) > 24 and data[24] == 16:
        raise ImageError("TP-104", "the image has 16 bits a channel", where=path, fix="Convert it to 8 bits.")


def _what_it_is(data: bytes) -> tuple[str, str]:
    """What a file is that Pillow does not know, and what to do."""
    fix = "Give a JPEG, PNG, TIFF, WebP or BMP image."
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "this is a web page saved under the name of an image", fix
    if data[:4] == b"%PDF":
        return "this is a PDF document, not an image", fix
    if heic_brand(data):
        if "HEIF" in pillow_formats(data):
            return "this HEIC image is damaged or cut short", "Copy it again, or convert it to JPEG."
        return "this is a HEIC image, and pillow-heif, which reads it, is not installed", (
            f"{INSTALL_HEIC[0].upper()}{INSTALL_HEIC[1:]}, or convert it to JPEG."
        )
    if avif_brand(data):
        if "AVIF" in pillow_formats(data):
            return "this AVIF image is damaged or cut short", "Copy it again, or convert it to JPEG."
        return "this is an AVIF image, which this Pillow cannot read", "Install Pillow 11.3 or later, or convert it to JPEG."
    if data[4:8] == b"ftyp":
        return "this is a video file", fix
    return "this is not an image file", fix


def _upright_size(image: Image.Image, exif: Exif) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if exif.orientation in _QUARTER_TURNS else (width, height)


def _reduced_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    if short_side_px is None or min(width, height) <= short_side_px:
        return width, height
    scale = short_side_px / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _check_jpeg_is_whole(data: bytes, path: Path) -> None:
    """Decoders fill missing JPEG data with gray without a word, so look for the end marker after the first scan.

    Inside a scan 0xFF is always followed by 0x00 or a restart marker, so 0xFFD9 there can only be the end.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xDA and data.find(b"\xff\xd9", position) >= 0:
            return
        if marker == 0xDA:
            break
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise ImageError("TP-103", "the JPEG ends before its last line", where=path, fix="Copy or download it again.")
