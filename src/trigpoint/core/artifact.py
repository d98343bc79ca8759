"""The one way anything is written: to a temporary file beside the target, flushed to disk, then renamed; or into a pipe.

A reader sees the old file or the whole new one, never a part. Tensor files are safetensors with one JSON document as
metadata, which includes the SHA-256 of the whole file (taken with zeros in its own place), so a file damaged anywhere is
refused, and equal content has equal bytes.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import json
import os
import platform
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from trigpoint.core.errors import MapFileError, OutputError, TrigpointError
from trigpoint.core.file_errors import advice_for, reason_of
from trigpoint.core.output import TEMPORARY, is_stream, open_stream, temporary_beside
from trigpoint.core.regular_file import open_regular

_METADATA_KEY = "trigpoint"
_NO_CHECKSUM = "0" * 64
# Lists of lists take 60 times their text in memory; the header of a map of 64 networks has half a megabyte.
_MAX_HEADER_BYTES = 8 << 20
# What code raises that puts the parts of a file together, where somebody has written parts that do not fit.
UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, TrigpointError)


@dataclass(frozen=True)
class Artifact:
    """A tensor file in memory.

    Attributes:
        tensors: by name.
        metadata: the JSON document that describes them.
        sha256: hex SHA-256 of the whole file.
        header_bytes: size of its header: what the file holds beside its tensors.
    """

    tensors: dict[str, NDArray[Any]]
    metadata: dict[str, Any]
    sha256: str
    header_bytes: int


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; pipes, terminals and standard output are written to, links followed.

    Raises:
        OutputError: TP-801.
    """
    if is_stream(path):
        _write_stream(path, data)
        return
    target = Path(os.path.realpath(path))
    temporary = temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        # Under a path that is no folder even removing fails, and would hide the error above.
        with suppress(OSError):
            temporary.unlink()


@functools.cache
def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine have left that were killed while they wrote; once for each folder and process,
    as a large folder takes long to list."""
    with suppress(OSError):
        for item in folder.glob(f".*.{glob.escape(platform.node())}-*{TEMPORARY}"):
            process = item.name.removesuffix(TEMPORARY).rpartition("-")[2]
            if process.isdecimal() and not _runs(int(process)):
                shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # Somebody else's, or a number that cannot be asked about.
        return True
    return True


def _write_stream(path: Path, data: bytes) -> None:
    try:
        with open_stream(path) as stream:
            stream.write(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    what = f"the file cannot be written ({reason_of(error)})"
    return OutputError("TP-801", what, where=path, fix=advice_for(error))


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file or nothing. Raises as ``write_bytes``."""
    write_bytes(path, text.encode())


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file, indented, NaN refused. Raises as ``write_bytes``."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def encode_artifact(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """The bytes of a file with tensors of any shape. Equal content gives equal bytes."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    checksum = hashlib.sha256(_encode(arrays, metadata, _NO_CHECKSUM)).hexdigest()
    return _encode(arrays, metadata, checksum)


def write_artifact(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write a file with tensors of any shape and any unit. Raises as ``write_bytes``."""
    write_bytes(path, encode_artifact(tensors, metadata))


def read_artifact(path: Path) -> Artifact:
    """Read and verify a tensor file.

    Raises:
        MapFileError: a file that is missing or cannot be read (TP-401), not such a file or cut short (TP-402), bytes
            changed (TP-403).
    """
    data = _whole(path)
    try:
        header = _header_bytes(data)
        if header > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {header} bytes")
        tensors = load(data)
        document = json.loads(_header(data)["__metadata__"][_METADATA_KEY])
        recorded = document.pop("sha256")
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise MapFileError(
            "TP-402",
            "this is not a trigpoint file, or it is cut short",
            where=path,
            fix="Build it again with 'trigpoint map', or copy it again.",
        ) from error
    if not isinstance(recorded, str) or len(recorded) != len(_NO_CHECKSUM) or _checksum(data, recorded) != recorded:
        raise MapFileError("TP-403", "the file is damaged: its checksum does not fit", where=path, fix="Copy it again.")
    return Artifact(tensors, document, hashlib.sha256(data).hexdigest(), header)


def _whole(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read()
    except OSError as error:
        raise MapFileError(
            "TP-401", f"the file cannot be read ({reason_of(error)})", where=path, fix=advice_for(error)
        ) from error


def typed(tensors: Mapping[str, NDArray[Any]], name: str, kind: type[np.generic]) -> NDArray[Any]:
    """One of the tensors of a file, of any shape and any unit, which must have this type.

    Raises:
        KeyError: it is missing.
        ValueError: it has another type.
    """
    if tensors[name].dtype != kind:
        raise ValueError(f"{name} has the type {tensors[name].dtype}, not {kind.__name__}")
    return tensors[name]


def part_of(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The tensors, of any shape and any unit, whose names begin with a prefix, by their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any], checksum: str) -> bytes:
    document = json.dumps({**metadata, "sha256": checksum}, sort_keys=True, allow_nan=False)
    return save(dict(arrays), metadata={_METADATA_KEY: document})


def _checksum(data: bytes, recorded: str) -> str:
    start = _header_bytes(data)
    digest = hashlib.sha256(data[:start].replace(recorded.encode(), _NO_CHECKSUM.encode()))
    digest.update(memoryview(data)[start:])
    return digest.hexdigest()


def _header_bytes(data: bytes) -> int:
    return 8 + struct.unpack("<Q", data[:8])[0]


def _header(data: bytes) -> dict[str, Any]:
    return json.loads(data[8 : _header_bytes(data)])


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8; file names need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
