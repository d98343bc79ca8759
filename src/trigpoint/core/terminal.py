"""What the terminal shows. Messages on standard error are off for a program that imports the package, on for the verbs."""

from __future__ import annotations

import logging
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("trigpoint")
# Control characters move the cursor or change the title of a terminal; format characters turn the direction of text;
# surrogates, which stand for undecodable bytes of file names, cannot be written at all.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs"})


def printable(text: str) -> str:
    """Text in which control characters, those of file names for instance, are escaped; lines and tabs stay."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNPRINTABLE and character not in "\n\t"
        else character
        for character in text
    )


class _StandardError(logging.Handler):
    """Log handler that writes to the standard error of the moment, which progress bars replace."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(printable(self.format(record)), file=sys.stderr)
        except Exception:
            self.handleError(record)


_HANDLER = _StandardError()


def set_quiet(quiet: bool) -> None:
    """Show messages of level INFO and progress on standard error, or neither, which is how a program begins."""
    if quiet == is_quiet():
        return
    if quiet:
        _LOGGER.removeHandler(_HANDLER)
        _LOGGER.setLevel(logging.NOTSET)
    else:
        _LOGGER.addHandler(_HANDLER)
        _LOGGER.setLevel(logging.INFO)


def is_quiet() -> bool:
    """Whether neither messages nor progress are shown."""
    return _HANDLER not in _LOGGER.handlers


@contextmanager
def shown_on_terminal() -> Iterator[None]:
    """Show messages and progress as long as a verb runs; the verb may silence them."""
    set_quiet(False)
    try:
        yield
    finally:
        set_quiet(True)


def print_line(text: str, *, flush: bool = False) -> None:
    """Write a line of the results to standard output; ``flush`` where somebody waits for it."""
    print(printable(text), flush=flush)


def print_error(text: str) -> None:
    """Write an error to standard error, also while messages are off."""
    _print_marked("error", "bold red", text)


def print_warning(text: str) -> None:
    """Write to standard error what makes a result useless, also while messages are off."""
    _print_marked("warning", "bold yellow", text)


def _print_marked(mark: str, style: str, text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    # Not wrapped, so that paths stay whole in log files.
    line = Text.assemble((mark, style), f" {printable(text)}")
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)
