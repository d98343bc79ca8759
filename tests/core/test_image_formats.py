"""Which image files are read: AVIF, JPEG 2000, HEIC where pillow-heif is there; the others are counted and named."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.image_files import encoded, image_pixels
from support.scene_files import WRITERS, error, notes, write_colmap, write_image, write_nerfstudio

from trigpoint.core import image_formats
from trigpoint.core.errors import ConfigError, ImageError, SceneError
from trigpoint.core.image import decode_image, image_size, read_image
from trigpoint.core.image_formats import IMAGE_SUFFIXES, unread_images
from trigpoint.formats.readers import open_scene
from trigpoint.localization.batch import image_files
from trigpoint.reconstruction.images import image_paths, unread_problems

SUFFIXES = {"AVIF": ".avif", "JPEG2000": ".jp2", "HEIF": ".heic"}


def data_of(kind: str, orientation: int = 1) -> bytes:
    """An image of one kind; skips the test where it cannot be written."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener(thumbnails=False)
    elif SUFFIXES[kind] not in IMAGE_SUFFIXES:
        pytest.skip(f"this Pillow was built without {kind}")
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if kind == "JPEG2000" else {"exif": exif, "quality": 95}
    return encoded(image_pixels(320, 200), kind, **options)


@pytest.mark.parametrize("kind", SUFFIXES)
def test_they_are_decoded(kind, tmp_path):
    file = tmp_path / f"a{SUFFIXES[kind]}"
    file.write_bytes(data_of(kind))
    assert image_size(file) == (320, 200)
    decoded = read_image(file, color=True)
    assert decoded.rgb is not None
    assert np.abs(decoded.rgb.astype(int) - image_pixels(320, 200)).mean() < 4


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_they_are_turned_upright_once(kind, tmp_path):
    file = tmp_path / f"a{SUFFIXES[kind]}"
    pixels = Image.fromarray(image_pixels(320, 200))
    data_of(kind)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels.save(stream, kind, exif=exif, quality=95)
    file.write_bytes(stream.getvalue())
    decoded = read_image(file)
    upright = np.asarray(pixels.transpose(Image.Transpose.ROTATE_270).convert("L")).astype(int)
    if kind == "HEIF":
        # The orientation of a HEIC file is a property of its own, which the writer of the test leaves out.
        assert decoded.gray.shape in (upright.shape, upright.shape[::-1])
        return
    assert image_size(file) == (200, 320)
    assert np.abs(decoded.gray.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("part", [0.01, 0.3, 0.97])
def test_cut_short(kind, part):
    data = data_of(kind)
    with pytest.raises(ImageError) as caught:
        decode_image(data[: int(part * len(data))], "a")
    assert caught.value.code in ("TP-102", "TP-103")


def test_heic_without_its_package(monkeypatch):
    monkeypatch.setattr(image_formats, "_registers_heic", lambda: False)
    with pytest.raises(ImageError, match=r"TP-102 this is a HEIC image.*pip install '.\[heic\]'.*or convert it to JPEG"):
        decode_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "a.heic")


@pytest.fixture
def no_heic(monkeypatch):
    """As where pillow-heif is not installed and Pillow is old."""
    monkeypatch.setattr(image_formats, "IMAGE_SUFFIXES", (".jpg", ".png"))


def test_files_that_are_not_read_are_counted(no_heic):
    names = [*(f"a/{index}.HEIC" for index in range(12)), "b.avif", "c.jxl", "d.dng", "e.CR2", "f.jpg", "g.txt", "._h.heic"]
    text = unread_images(map(Path, names))
    assert "12 HEIC files were not read (first: 0.HEIC): run pip install '.[heic]' in the checkout, or convert" in text
    assert "1 AVIF file was not read (first: b.avif): install Pillow 11.3 or later, or convert them to JPEG." in text
    assert "2 raw files were not read" in text and "1 JPEG XL file" in text
    assert unread_images([Path("f.jpg"), Path("g.txt")]) == ""


def put_unread(folder: Path, count: int = 12) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        (folder / f"IMG_{index}.jxl").write_bytes(b"\xff\x0a")


WORDS = "12 JPEG XL files were not read (first: IMG_0.jxl): convert them to JPEG."


def test_folders_of_queries(tmp_path, caplog):
    put_unread(tmp_path)
    with pytest.raises(ConfigError) as caught:
        image_files([str(tmp_path)])
    assert (caught.value.code, caught.value.fix) == ("TP-742", WORDS)
    write_image(tmp_path / "a.jpg")
    with caplog.at_level(logging.WARNING, logger="trigpoint"):
        assert image_files([str(tmp_path)]) == [tmp_path / "a.jpg"]
    assert WORDS in caplog.text


def test_folders_to_reconstruct(tmp_path):
    put_unread(tmp_path / "images")
    with pytest.raises(SceneError) as caught:
        image_paths(tmp_path)
    assert (caught.value.code, caught.value.fix) == ("TP-251", WORDS)
    write_image(tmp_path / "a.jpg")
    assert image_paths(tmp_path) == [tmp_path / "a.jpg"]
    assert [problem.message for problem in unread_problems(tmp_path)] == [WORDS]


def test_folders_without_poses(tmp_path):
    put_unread(tmp_path)
    caught = error(tmp_path)
    assert (caught.code, WORDS in caught.fix, "trigpoint reconstruct" in caught.fix) == ("TP-202", True, True)
    write_image(tmp_path / "a.jpg")
    assert WORDS in error(tmp_path).fix


def test_beside_the_images_of_a_model(tmp_path):
    write_colmap(tmp_path)
    put_unread(tmp_path / "images")
    assert WORDS in notes(open_scene(tmp_path))


@pytest.mark.parametrize("name", ["ace", "sevenscenes", "twelvescenes"])
def test_beside_poses_that_lack_an_image(name, tmp_path):
    WRITERS[name](tmp_path)
    for file in [file for file in tmp_path.rglob("*") if ".color." in file.name][:1]:
        file.rename(file.with_suffix(".jxl"))
    assert "1 JPEG XL file was not read" in error(tmp_path).fix
    assert "1 JPEG XL file was not read" in notes(open_scene(tmp_path, skip_invalid=True))


@pytest.mark.parametrize("name", ["sevenscenes", "twelvescenes"])
def test_capitals_of_suffixes(name, tmp_path):
    WRITERS[name](tmp_path)
    for file in [file for file in tmp_path.rglob("*") if ".color." in file.name]:
        file.rename(file.with_suffix(file.suffix.upper()))
    assert len(open_scene(tmp_path).frames) == 8


def test_listed_images_that_are_of_another_kind_now(tmp_path):
    write_nerfstudio(tmp_path)
    for file in list((tmp_path / "images").iterdir()):
        file.unlink()
        file.with_suffix(".jxl").write_bytes(b"\xff\x0a" + bytes(99))
    assert "But images/000.jxl has another suffix, and 1 JPEG XL file was not read" in error(tmp_path).fix
    document = json.loads((tmp_path / "transforms.json").read_text().replace(".jpg", ".jxl"))
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    assert error(tmp_path).code in ("TP-102", "TP-103")
