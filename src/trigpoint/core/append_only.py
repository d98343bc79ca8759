"""Arrays on disk that grow item by item: appended, flushed with a record of what is complete, cut back to it on resumption.

Each column is a plain file, used through a memory map, so that the arrays may be larger than memory.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json
from trigpoint.core.errors import OutputError
from trigpoint.core.interrupt import Interrupted


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
        self._complete_rows = dict(self._rows)
        self._streams: dict[str, BinaryIO] = {}
        self._recorded = time.monotonic()
        self._read_record()

    def __enter__(self) -> AppendOnlyArrays:
        """Cut off what was written after the last record, and open the files.

        Raises:
            OutputError: the files cannot be written (TP-801).
        """
        with self._writing():
            for column, dtype in self.columns.items():
                path = self._path(column)
                path.touch()
                os.truncate(path, self._rows[column] * dtype.itemsize)
                self._streams[column] = path.open("ab")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Record the complete items, unless an error other than ``Interrupted`` ended the block, and close the files."""
        try:
            if kind is None or issubclass(kind, Interrupted):
                self.record()
        finally:
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
                self._streams[column].write(np.ascontiguousarray(values, self.columns[column].base).tobytes())
                self._rows[column] += len(values)

    def complete_item(self) -> None:
        """The rows appended since the last call are one item; a record is made every ten seconds.

        Raises:
            OutputError: as ``append``.
        """
        self.items += 1
        self._complete_rows = dict(self._rows)
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
            write_json(self._record_path, {"items": self.items, "rows": self._complete_rows})
        self._recorded = time.monotonic()

    def load(self, column: str) -> NDArray[Any]:
        """The (N, ...) rows of a column, as appended, in any unit: a copy-on-write memory map, as torch wants it."""
        dtype = self.columns[column]
        shape = (self._complete_rows[column], *dtype.shape)
        if 0 in shape:
            # There is no memory map of nothing.
            return np.zeros(shape, dtype=dtype.base)
        return np.memmap(self._path(column), dtype=dtype.base, mode="c", shape=shape)

    @property
    def _record_path(self) -> Path:
        return self.folder / f"{self.name}.json"

    def _path(self, column: str) -> Path:
        return self.folder / f"{column}.bin"

    def _read_record(self) -> None:
        if not self._record_path.exists():
            return
        record = json.loads(self._record_path.read_text(encoding="utf-8"))
        sizes = {column: record["rows"][column] * dtype.itemsize for column, dtype in self.columns.items()}
        paths = {column: self._path(column) for column in self.columns}
        # Truncating would fill up with zeros what somebody has cut or deleted.
        if all(path.exists() and path.stat().st_size >= sizes[column] for column, path in paths.items()):
            self.items, self._rows = record["items"], record["rows"]
            self._complete_rows = dict(self._rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                "TP-801",
                f"the {self.name} cannot be written ({error.strerror})",
                where=self.folder,
                fix=f"Free some space; the same command continues. {self.advice}".rstrip(),
            ) from error
