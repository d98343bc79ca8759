"""Results written while images are localized, so that a stop, a full disk or a crash costs none that was found."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from trigpoint.core.errors import OutputError
from trigpoint.core.file_errors import advice_for, reason_of
from trigpoint.core.localization import Localization
from trigpoint.core.output import is_stream, open_stream
from trigpoint.localization.results import Format, jsonl_text, write_results

_NOT_TRIED = "not tried: stopped before"


@dataclass
class Answers:
    """What was found, and where it goes. Use ``answers``.

    Attributes:
        names: of all images, in their order.
        output: file or folder; None: JSON lines on standard output.
        format: of the output.
        include_rejected: as ``write_results``.
        results: of the images so far.
    """

    names: Sequence[str]
    output: Path | None
    format: Format
    include_rejected: bool = False
    results: list[Localization] = field(default_factory=list)
    _lines: TextIO | None = None

    def add(self, result: Localization) -> None:
        """Keep a result; of JSON lines, write and flush its line.

        Raises:
            OutputError: TP-801.
        """
        self.results.append(result)
        if self._lines is not None:
            with _written_to(self.output):
                self._lines.write(jsonl_text([result], ascii_only=self.output is None and not _is_utf8(self._lines)))
                self._lines.flush()

    def kept(self) -> str:
        """A sentence about what there is after a stop."""
        count = f"{len(self.results)} of {len(self.names)} images"
        return f"Results of {count} {'were printed' if self.output is None else f'are in {self.output}'}."

    def finish(self) -> None:
        """Write the formats that are whole files; images without a result are named there as not tried.

        Raises:
            OutputError: as ``write_results``.
        """
        if self.output is not None and self.format != "jsonl" and self.results:
            units, map_id = self.results[0].units, self.results[0].map_id
            missing = [
                Localization.failure(name, _NOT_TRIED, units=units, map_id=map_id)
                for name in self.names[len(self.results) :]
            ]
            write_results(self.output, [*self.results, *missing], self.format, include_rejected=self.include_rejected)


@contextmanager
def answers(
    names: Sequence[str], output: Path | None, format: Format, *, include_rejected: bool = False
) -> Iterator[Answers]:
    """Results of images, written as they come where the format allows it, otherwise when the block ends, however it ends.

    An older file of JSON lines is emptied when the block begins.

    Raises:
        OutputError: TP-801.
    """
    found = Answers(names, output, format, include_rejected)
    with _written_to(output):
        if output is None:
            found._lines = sys.stdout
        elif format == "jsonl":
            output.parent.mkdir(parents=True, exist_ok=True)
            stream = open_stream(output) if is_stream(output) else output.open("wb")
            found._lines = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
    try:
        yield found
    finally:
        if output is not None and found._lines is not None:
            # Every line was flushed, and what a full disk refused was reported.
            with _written_to(output):
                found._lines.close()
        found.finish()


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


@contextmanager
def _written_to(output: Path | None) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # The reader of standard output went away, which is no error.
        if output is None:
            raise
        raise OutputError("TP-801", "nobody reads the pipe any more", where=output, fix="Start its reader again.") from None
    except OSError as error:
        raise OutputError(
            "TP-801",
            f"the results cannot be written ({reason_of(error)})",
            where=output or "standard output",
            fix=f"{advice_for(error)} The lines before are whole.",
        ) from error
