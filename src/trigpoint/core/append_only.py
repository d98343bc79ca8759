"""Arrays on disk that grow item by item: appended, flushed with a record of what is complete, cut back to it on resumption.

Each column is a plain file, used through a memory map, so that the arrays may be larger than memory.
"""

from __future__ import annotations

import json
import logging
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError
from trigpoint.core.file_errors import advice_for, reason_of
from trigpoint.core.interrupt import Interrupted

_LOGGER = logging.getLogger(__name__)
_BLOCK_BYTES = 1 << 20


class AppendOnlyArrays:
    """Columns of rows in a folder. Appending happens in a ``with`` block, which begins at the last recorded item.

    Args:
        folder: of the files: ``NAME.json``, the record, and ``COLUMN.bin`` for each column.
        name: of the arrays, in messages and of the record.
        columns: dtype of one row by column, with a subarray for rows that are vectors: ``np.dtype((np.float32, (3,)))``.
        advice: what helps when the disk is full, beside free space.

    Attributes:
        items: number of complete items; an item has any number of rows in each column.
    """

    # Seconds between records: what a kill costs at most.
    INTERVAL_S: ClassVar[float] = 10.0

    def __init__(self, folder: Path, name: str, columns: Mapping[str, np.dtype[Any]], advice: str = "") -> None:
        self.folder, self.name, self.columns, self.advice = folder, name, dict(columns), advice
        self.items = 0
        self._rows = dict.fromkeys(columns, 0)
        self._checksums = dict.fromkeys(columns, 0)
        self._complete_rows, self._complete_checksums = dict(self._rows), dict(self._checksums)
        self._streams: dict[str, BinaryIO] = {}
        self._recorded = time.monotonic()
        self._read_record()

    def __enter__(self) -> AppendOnlyArrays:
        """Cut off what was written after the last record, and open the files.

        Raises:
            OutputError: the files cannot be written (TP-801).
        """
        try:
            with self._writing():
                for column, dtype in self.columns.items():
                    path = self._path(column)
                    path.touch()
                    os.truncate(path, self._rows[column] * dtype.itemsize)
                    self._streams[column] = path.open("ab")
        except OutputError:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Record the complete items, unless an error other than ``Interrupted`` ended the block, and close the files."""
        try:
            if kind is None or issubclass(kind, Interrupted):
                self.record()
        finally:
            self._close()

    def _close(self) -> None:
        for stream in self._streams.values():
            # After an error a full disk may refuse what is left, which would hide the error.
            with suppress(OSError):
                stream.close()

    def append(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Add (N, ...) rows of the current item, an array for each column, without unit: each is cast to the column's dtype.

        Raises:
            OutputError: they cannot be written (TP-801).
        """
        with self._writing():
            for column, values in rows.items():
                data = np.ascontiguousarray(values, self.columns[column].base).tobytes()
                self._streams[column].write(data)
                self._rows[column] += len(values)
                self._checksums[column] = zlib.crc32(data, self._checksums[column])

    def complete_item(self) -> None:
        """The rows appended since the last call are one item; a record is made every ten seconds.

        Raises:
            OutputError: as ``append``.
        """
        self.items += 1
        self._complete_rows, self._complete_checksums = dict(self._rows), dict(self._checksums)
        if time.monotonic() - self._recorded > self.INTERVAL_S:
            self.record()

    def record(self) -> None:
        """Flush the files to disk, then record how many items and rows are complete.

        Raises:
            OutputError: as ``append``.
        """
        with self._writing():
            for stream in self._streams.values():
                stream.flush()
                os.fsync(stream.fileno())
            write_json(self._record_path, self._document())
        self._recorded = time.monotonic()

    def load(self, column: str) -> NDArray[Any]:
        """The (N, ...) rows of a column, as appended, in any unit: a copy-on-write memory map, as torch wants it."""
        dtype = self.columns[column]
        shape = (self._complete_rows[column], *dtype.shape)
        if 0 in shape:
            # There is no memory map of nothing.
            return np.zeros(shape, dtype=dtype.base)
        return np.memmap(self._path(column), dtype=dtype.base, mode="c", shape=shape)

    def _document(self) -> dict[str, Any]:
        checksums = {name: _checksum_with(self.items, checksum) for name, checksum in self._complete_checksums.items()}
        return {"items": self.items, "rows": self._complete_rows, "crc32": checksums}

    @property
    def _record_path(self) -> Path:
        return self.folder / f"{self.name}.json"

    def _path(self, column: str) -> Path:
        return self.folder / f"{column}.bin"

    def _read_record(self) -> None:
        if not self._record_path.exists():
            return
        try:
            record = json.loads(self._record_path.read_bytes())
            items, rows, recorded = record["items"], record["rows"], record["crc32"]
            checksums = {name: self._checksum_of(name, rows[name]) for name in self.columns}
            if recorded != {name: _checksum_with(items, checksum) for name, checksum in checksums.items()}:
                raise ValueError("another checksum")
        except (ValueError, LookupError, TypeError):
            _LOGGER.warning("The %s in %s are damaged and are made again", self.name, self.folder)
            return
        self.items, self._rows, self._checksums = items, rows, checksums
        self._complete_rows, self._complete_checksums = dict(rows), dict(checksums)

    def _checksum_of(self, column: str, rows: int) -> int:
        """CRC-32 of the first rows of a column. Raises ValueError where there are fewer, and TypeError for no number."""
        path, left, checksum = self._path(column), rows * self.columns[column].itemsize, 0
        if not path.exists() or not 0 <= left <= path.stat().st_size:
            raise ValueError(f"there are no {rows} rows")
        with path.open("rb") as stream:
            while left > 0:
                block = stream.read(min(left, _BLOCK_BYTES))
                checksum, left = zlib.crc32(block, checksum), left - max(len(block), 1)
        return checksum

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                "TP-801",
                f"the {self.name} cannot be written ({reason_of(error)})",
                where=self.folder,
                fix=f"{advice_for(error)} The same command continues. {self.advice}".rstrip(),
            ) from error


def _checksum_with(items: int, checksum: int) -> int:
    """The checksum of a column and of the number of items, which a damaged record could say wrong."""
    return zlib.crc32(str(items).encode(), checksum)
