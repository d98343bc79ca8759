"""What the EXIF block of an image says."""

from __future__ import annotations

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from trigpoint.core.exif import NO_EXIF
from trigpoint.core.image import read_header

MAKE, MODEL, LENS, GPS = 0x010F, 0x0110, 0x8769, 0x8825


def header_of(path, *, top=None, lens=None, gps=None):
    exif = Image.Exif()
    exif.update(top or {})
    exif.get_ifd(LENS).update(lens or {})
    exif.get_ifd(GPS).update(gps or {})
    Image.new("RGB", (64, 48), "gray").save(path, exif=exif)
    return read_header(path)


def test_images_without_exif(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "plain.png")
    header = read_header(tmp_path / "plain.png")
    assert (header.width, header.height, header.exif) == (64, 48, NO_EXIF)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_device_in_words(tmp_path, suffix):
    lens = {0x920A: IFDRational(425, 100), 0xA405: 26}
    header = header_of(tmp_path / f"image.{suffix}", top={MAKE: "Maker", MODEL: "Phone 7"}, lens=lens)
    assert header.exif.device == "Maker Phone 7 4.25 26"
    assert (header.exif.focal_mm, header.exif.focal_35mm) == (4.25, 26)


@pytest.mark.parametrize(
    ("tags", "position"),
    [
        ({1: "S", 2: (33, 30, 36), 3: "W", 4: (70, 0, 0), 5: b"\x01", 6: 12.5}, (-33.51, -70.0, -12.5)),
        ({1: "N", 2: (10, 0, 0), 3: "E", 4: (20, 0, 0)}, (10, 20, None)),
        ({1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)}, None),
        ({1: "N", 2: (91, 0, 0), 3: "E", 4: (0, 0, 0)}, None),
        ({1: "N", 2: (IFDRational(0, 0), 0, 0), 3: "E", 4: (20, 0, 0)}, None),
        ({2: (10, 0), 4: (20, 0, 0)}, None),
    ],
    ids=["south-west", "no altitude", "zeros", "beyond the pole", "0/0", "no seconds"],
)
def test_positions(tmp_path, tags, position):
    found = header_of(tmp_path / "image.jpg", lens={0xA405: 26}, gps=tags).exif
    assert found.gps == (None if position is None else pytest.approx(position))
    assert found.focal_35mm == 26, "a damaged position costs nothing else"
