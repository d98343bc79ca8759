"""Which image files can be read here: those that Pillow was built for, and HEIC where pillow-heif is installed.

Everything else that Pillow can open stays closed: some of it starts other programs (EPS).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

_HEIC, _AVIF, _JPEG_2000 = (".heic", ".heif", ".hif"), (".avif",), (".jp2", ".j2k", ".jpx")
_HAS_AVIF = find_spec("PIL._avif") is not None
_HAS_JPEG_2000 = hasattr(Image.core, "jpeg2k_decoder")

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"),
    *(_AVIF if _HAS_AVIF else ()),
    *(_JPEG_2000 if _HAS_JPEG_2000 else ()),
    *(_HEIC if find_spec("pillow_heif") is not None else ()),
)
# The usual ones first: Pillow loads the decoders of all when it comes to one that it does not load by itself.
_FORMATS = (
    *("JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM", "GIF"),
    *(("AVIF",) if _HAS_AVIF else ()),
    *(("JPEG2000",) if _HAS_JPEG_2000 else ()),
)
# Kinds of images that may lie beside those that can be read, by suffix.
_KINDS = {
    **dict.fromkeys(_HEIC, "HEIC"),
    **dict.fromkeys(_AVIF, "AVIF"),
    **dict.fromkeys(_JPEG_2000, "JPEG 2000"),
    ".jxl": "JPEG XL",
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"), "raw"),
}
_CONVERT = "convert them to JPEG"
INSTALL_HEIC = "run pip install '.[heic]' in the checkout"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


def pillow_formats(data: bytes) -> tuple[str, ...]:
    """The formats of Pillow that a file may have, of which ``data`` is the beginning or the whole."""
    return (*_FORMATS, "HEIF") if heic_brand(data) and _registers_heic() else _FORMATS


def heic_brand(data: bytes) -> bool:
    """Whether a file says that it is HEIC."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def avif_brand(data: bytes) -> bool:
    """Whether a file says that it is AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS


def is_unread_image(path: Path) -> bool:
    """Whether the suffix is one of images that cannot be read here."""
    return path.suffix.lower() in _KINDS and path.suffix.lower() not in IMAGE_SUFFIXES


def unread_images(paths: Iterable[Path]) -> str:
    """How many of the files are images that cannot be read here, and what to do, as sentences; ``""`` for none."""
    unread = sorted(path for path in paths if is_unread_image(path) and not path.name.startswith("."))
    counts = Counter(_KINDS[path.suffix.lower()] for path in unread)
    sentences: list[str] = []
    for kind, count in counts.items():
        first = next(path.name for path in unread if _KINDS[path.suffix.lower()] == kind)
        were = "file was" if count == 1 else "files were"
        fix = {"HEIC": f"{INSTALL_HEIC}, or {_CONVERT}", "AVIF": f"install Pillow 11.3 or later, or {_CONVERT}"}
        sentences.append(f"{count} {kind} {were} not read (first: {first}): {fix.get(kind, _CONVERT)}.")
    return " ".join(sentences)


@cache
def _registers_heic() -> bool:
    """Make Pillow open HEIC, at the first such file; False without the package."""
    try:
        import_module("pillow_heif").register_heif_opener(thumbnails=False)
    except ImportError:
        return False
    return True
