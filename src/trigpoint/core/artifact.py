"""The one way anything is written: to a temporary file beside the target, flushed to disk, then renamed.

A reader sees the old file or the whole new one, never a part. Tensor files are safetensors with one JSON document as
metadata, which includes the SHA-256 of the whole file (taken with zeros in its own place), so a file damaged anywhere is
refused, and equal content has equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
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

from trigpoint.core.errors import MapFileError, OutputError

_METADATA_KEY = "trigpoint"
_NO_CHECKSUM = "0" * 64


@dataclass(frozen=True)
class Artifact:
    """A tensor file in memory: tensors by name, and the JSON document that describes them."""

    tensors: dict[str, NDArray[Any]]
    metadata: dict[str, Any]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing.

    Raises:
        OutputError: TP-801.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            "TP-801",
            f"the file cannot be written ({error.strerror})",
            where=path,
            fix="Check the folder and the free space.",
        ) from error
    finally:
        # Under a path that is no folder even removing fails, and would hide the error above.
        with suppress(OSError):
            temporary.unlink()


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
        MapFileError: missing file (TP-401), not such a file or cut short (TP-402), bytes changed (TP-403).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MapFileError(
            "TP-401", f"the file cannot be read ({error.strerror})", where=path, fix="Check the path."
        ) from error
    try:
        tensors = load(data)
        document = json.loads(_header(data)["__metadata__"][_METADATA_KEY])
        recorded = document.pop("sha256")
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise MapFileError(
            "TP-402",
            "this is not a trigpoint file, or it is cut short",
            where=path,
            fix="Build it again with 'trigpoint map', or copy it again.",
        ) from error
    if not isinstance(recorded, str) or _checksum(data, recorded) != recorded:
        raise MapFileError("TP-403", "the file is damaged: its checksum does not fit", where=path, fix="Copy it again.")
    return Artifact(tensors, document)


def part_of(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The tensors, of any shape and any unit, whose names begin with a prefix, by their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def header_bytes(path: Path) -> int:
    """Size of a tensor file's header, bytes: what the file holds beside its tensors."""
    with path.open("rb") as stream:
        return 8 + struct.unpack("<Q", stream.read(8))[0]


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any], checksum: str) -> bytes:
    document = json.dumps({**metadata, "sha256": checksum}, sort_keys=True, allow_nan=False)
    return save(dict(arrays), metadata={_METADATA_KEY: document})


def _checksum(data: bytes, recorded: str) -> str:
    start = 8 + struct.unpack("<Q", data[:8])[0]
    digest = hashlib.sha256(data[:start].replace(recorded.encode(), _NO_CHECKSUM.encode()))
    digest.update(memoryview(data)[start:])
    return digest.hexdigest()


def _header(data: bytes) -> dict[str, Any]:
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8; file names need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
