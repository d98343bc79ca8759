"""The cases of ``tests/faults``: each number is one damaged image, scene or archive, always the same one."""

from __future__ import annotations

import io
import os
import shutil
import struct
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from support.image_files import encoded, image_pixels
from support.layout_files import LAYOUTS
from support.mutations import WORDS, choice, mutated_bytes, mutated_file
from support.scene_files import WRITERS, write_colmap_points, write_colmap_text

from trigpoint.core.errors import SceneError, TrigpointError
from trigpoint.core.image_formats import pillow_formats

Case = Callable[[int], None]


def images() -> Case:
    """Images of every format, damaged as bytes or by a part that is put in where the format allows it."""
    from trigpoint.core.image import decode_image, image_size

    seeds = _image_seeds()
    folder = Path(tempfile.mkdtemp())

    def run(case: int) -> None:
        generator = np.random.default_rng([1, case])
        data = choice(generator, seeds)
        data = _with_part(data, generator) if generator.random() < 0.3 else data
        data = mutated_bytes(data, generator) if generator.random() < 0.8 else data
        with warnings.catch_warnings():
            # Pillow's own remarks about damaged metadata.
            warnings.simplefilter("ignore")
            if case % 8 == 0:
                (folder / "image").write_bytes(data)
                image_size(folder / "image")
            image = decode_image(
                data, "image", short_side_px=choice(generator, [None, 33]), color=bool(generator.integers(2))
            )
        assert image.gray.dtype == np.uint8 and image.gray.ndim == 2

    return run


def _image_seeds() -> list[bytes]:
    small, exif = Image.fromarray(image_pixels(48, 40)), Image.Exif()
    exif.update({0x0112: 6, 0x010F: "maker", 0x829A: 0.5})
    exif.get_ifd(0x8769).update({0xA405: 28, 0x920A: 4.2, 0xA002: 48})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 7.0, 3.0), 3: "E", 4: (11.0, 4.0, 5.0), 6: 500.0})

    def frames() -> dict[str, Any]:
        return {"save_all": True, "append_images": [small.transpose(Image.Transpose.ROTATE_180) for _ in range(3)]}

    kinds: list[tuple[str, dict[str, Any]]] = [
        *(
            ("JPEG", {"exif": exif}),
            ("JPEG", {"progressive": True}),
            ("JPEG", {"restart_marker_blocks": 2}),
            ("MPO", frames()),
        ),
        *(
            ("PNG", {"exif": exif}),
            ("PNG", frames()),
            ("WEBP", {"exif": exif}),
            ("WEBP", {"lossless": True}),
            ("WEBP", frames()),
        ),
        *(("GIF", {}), ("GIF", frames()), ("BMP", {}), ("PPM", {}), ("TIFF", {"exif": exif}), ("TIFF", frames())),
        *(("TIFF", {"compression": kind}) for kind in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd")),
    ]
    # A copy each: Pillow keeps options of one format in the image.
    result = [encoded(small.copy(), kind, **options) for kind, options in kinds]
    result += [encoded(small.convert(mode), "PNG") for mode in ("L", "LA", "RGBA", "P", "1")]
    result += [encoded(small.convert("L"), kind) for kind in ("JPEG", "PPM", "BMP", "TIFF", "GIF")]
    result += [encoded(small.copy(), kind) for kind in ("JPEG2000", "AVIF") if kind in pillow_formats(b"")]
    result.append(b"P3 40 40 255\n" + b"9 90 200\n" * 1600)
    return result


def _with_part(data: bytes, generator) -> bytes:
    """One more part, or very many, where the format allows parts."""
    content = choice(
        generator, [b"", bytes(8), generator.bytes(200), b"Exif\0\0MM\0*\0\0\0\x08" + generator.bytes(60), bytes(60_000)]
    )
    count = choice(generator, [1, 1, 3, 200, 20_000 if len(content) < 100 else 50])
    if data.startswith(b"\xff\xd8"):
        part = b"\xff" + bytes([choice(generator, [0xE0, 0xE1, 0xE2, 0xED, 0xFE, 0xDB, 0xC4, 0xDD])])
        return data[:2] + (part + struct.pack(">H", len(content) + 2) + content) * count + data[2:]
    if data.startswith(b"\x89PNG"):
        if generator.random() < 0.3:
            content = b"a\0\0" + zlib.compress(bytes(1 << 24))
            count = min(count, 200)
        name = choice(
            generator, [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"IDAT", b"acTL", b"fcTL", b"pHYs"]
        )
        part = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        return data[:33] + part * count + data[33:]
    if data.startswith(b"GIF"):
        at = 13 + (3 << ((data[10] & 7) + 1))
        return data[:at] + (b"\x21\xfe" + bytes([min(len(content), 255)]) + content[:255] + b"\0") * count + data[at:]
    if data.startswith(b"RIFF"):
        part = choice(generator, [b"EXIF", b"XMP ", b"ICCP", b"ANIM", b"ALPH"]) + struct.pack("<I", len(content)) + content
        return data[:12] + part * count + data[12:]
    if data.startswith(b"P"):
        return data[:2] + (b"\n#" + content[:50].replace(b"\n", b"")) * count + data[2:]
    return data


def scenes() -> Case:
    """Scenes of every format; one to three of their files are damaged, lost, or something else than files."""
    from trigpoint.diagnosis.inspect import describe_scene
    from trigpoint.formats.readers import open_scene

    folder = Path(tempfile.mkdtemp())
    writers = [*WRITERS.values(), *LAYOUTS.values(), write_colmap_text, write_colmap_points]
    contents: list[dict[str, bytes]] = []
    for number, write in enumerate(writers):
        root = folder / f"whole-{number}"
        write(root)
        contents.append({p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()})

    def run(case: int) -> None:
        generator = np.random.default_rng([2, case])
        files, root = contents[case % len(contents)], folder / "scene"
        shutil.rmtree(root, ignore_errors=True)
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        described = [name for name in files if Path(name).suffix in (".json", ".txt", ".bin", ".nvm", ".csv", ".yaml", "")]
        for _ in range(int(generator.integers(1, 4))):
            names = described if described and generator.random() < 0.85 else list(files)
            _damage(root, choice(generator, names), generator)
        skip_invalid = bool(generator.integers(2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = open_scene(root, skip_invalid=skip_invalid)
            assert np.isfinite(scene.centres()).all()
            _ = scene.tracks
            if case % 20 == 0:
                describe_scene(scene)

    return run


def _damage(root: Path, name: str, generator) -> None:
    path = root / name
    if not path.is_file() or path.stat().st_size > 1 << 24:
        return
    kind = generator.random()
    if kind < 0.8:
        path.write_bytes(mutated_file(name, path.read_bytes(), generator))
        return
    data = path.read_bytes()
    path.unlink()
    kind = int(generator.integers(8))
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to(choice(generator, ["/dev/zero", "/dev/urandom", "/dev/full", "/dev/stdin"]))
    elif kind == 3:
        path.symlink_to(path)
    elif kind == 4:
        path.write_bytes(b"")
    elif kind == 5:
        path.parent.joinpath(
            choice(generator, ["é", "a b", "x\x1b[31m", "-rf", path.name.upper(), f"{path.name}.1"])
        ).write_bytes(data)
    elif kind == 6:
        with path.open("wb") as stream:
            stream.write(data)
            stream.truncate(1 << 29)


def archives() -> Case:
    """Archives with strange members, damaged or not; whatever becomes of them, nothing is left beside the result."""
    from trigpoint.datasets.archive import unpack

    top = Path(tempfile.mkdtemp())

    def run(case: int) -> None:
        generator = np.random.default_rng([3, case])
        kind = choice(generator, ["zip", "tar"])
        data = _zip(generator) if kind == "zip" else _tar(generator)
        data = mutated_bytes(data, generator) if generator.random() < 0.7 else data
        folder = top / "deep" / "here"
        shutil.rmtree(top)
        folder.mkdir(parents=True)
        archive = folder / f"a.{kind}"
        archive.write_bytes(data)
        try:
            unpack(archive, kind, folder / "out")
        except TrigpointError:
            left = sorted(path.relative_to(top).as_posix() for path in top.rglob("*"))
            assert left == ["deep", "deep/here", f"deep/here/a.{kind}"], left[:5]
            raise
        left = {path.name for path in folder.iterdir()} | {path.name for path in folder.parent.iterdir()}
        assert left <= {"out", f"a.{kind}", "here"}, left
        assert not any(path.is_symlink() for path in folder.rglob("*"))

    return run


def _member_name(generator) -> str:
    names = [
        "a/b.txt",
        "a/c/d.png",
        "a",
        "a/",
        "seq-01/x",
        "a.zip/b",
        "sensors/s.txt",
        "é/ü.txt",
        "__MACOSX/x",
        "a//b",
        "./a",
        " ",
        ".",
    ]
    name = choice(generator, names)
    if generator.random() < 0.15:
        name += choice(generator, [word for word in WORDS if word.isprintable() or word == "\0"])
    return (name * int(2 ** generator.uniform(0, 6)))[:30_000] if generator.random() < 0.05 else name


def _content(generator) -> bytes:
    if generator.random() < 0.05:
        return bytes(1 << 22)
    return generator.bytes(int(2 ** generator.uniform(0, 12)))


def _zip(generator, depth: int = 0) -> bytes:
    stream = io.BytesIO()
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", choice(generator, methods)) as target:
        warnings.simplefilter("ignore")
        for _ in range(int(generator.integers(0, 6))):
            name = _member_name(generator).encode(errors="replace").decode()
            info = zipfile.ZipInfo(name, date_time=choice(generator, [(1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)]))
            info.external_attr = choice(generator, [0, 0o644 << 16, 0, 0o120777 << 16, 0x10, 0o020666 << 16])
            inner = generator.random() < 0.15 and depth < 3
            if inner:
                info.filename += ".zip"
            target.writestr(info, _zip(generator, depth + 1) if inner else _content(generator))
    return stream.getvalue()


def _tar(generator) -> bytes:
    stream = io.BytesIO()
    mode: Any = choice(generator, ["w", "w:gz", "w:xz", "w:bz2"])
    formats = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]
    with tarfile.open(fileobj=stream, mode=mode, format=choice(generator, formats)) as target:
        for _ in range(int(generator.integers(0, 6))):
            member = tarfile.TarInfo(_member_name(generator).replace("\0", "0"))
            content = _content(generator)
            types = [
                tarfile.REGTYPE,
                tarfile.DIRTYPE,
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.CHRTYPE,
                tarfile.FIFOTYPE,
                b"S",
                b"7",
            ]
            member.type = types[0] if generator.random() < 0.75 else choice(generator, types)
            member.linkname = choice(generator, ["", "a", "../..", "/etc/passwd"])
            member.size = len(content) if member.type in (tarfile.REGTYPE, b"7") else 0
            member.mtime = choice(generator, [0, 1, 2**33 - 1])
            member.mode = int(generator.integers(0o7777))
            if target.format == tarfile.PAX_FORMAT and generator.random() < 0.2:
                key = choice(
                    generator, ["mtime", "size", "path", "uid", "GNU.sparse.map", "GNU.sparse.realsize", "hdrcharset", "x"]
                )
                member.pax_headers = {
                    key: choice(generator, ["1e300", "nan", "-1", "9" * 30, "9" * 5000, "../x", "0,1,2", "é"])
                }
            target.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def faulty() -> Case:
    """What the worker must notice, for a test of itself."""

    def run(case: int) -> None:
        if case == 1:
            while True:
                pass
        if case == 2:
            bytes(4 << 30)
        if case == 3:
            os.abort()
        if case == 4:
            raise KeyError("raw")
        if case == 5:
            raise SceneError("TP-214", "named", where="file", fix="Correct it.")

    return run


KINDS: dict[str, Callable[[], Case]] = {"images": images, "scenes": scenes, "archives": archives, "faulty": faulty}
