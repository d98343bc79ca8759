"""What the terminal shows. Messages on standard error are off for a program that imports the package, on for the verbs."""

from __future__ import annotations

import codecs
import logging
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO

_LOGGER = logging.getLogger("trigpoint")
# Control characters move the cursor or change the title of a terminal; format characters turn the direction of text;
# surrogates, which stand for undecodable bytes of file names, cannot be written at all; line separators fake lines.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# What is not ASCII in our own texts, and in the frames that rich and tyro draw.
_PLAIN = {
    **dict.fromkeys("─━═╌\u2013\u2014\u2212", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┡┩╇╈┳┻", "+"),
    **dict.fromkeys("•·", "*"),
    **{"°": " deg", "±": "+-", "\u00d7": "x", "≤": "<=", "≥": ">=", "…": "...", "µ": "u", "²": "2", "→": "->"},
}
_PLAIN_ERRORS = "trigpoint.plain"


def printable(text: str) -> str:
    """Text in which control characters, those of file names for instance, are escaped, ends of lines and tabs included."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in _UNPRINTABLE else character
        for character in text
    )


def _plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Handler of encoding errors: what a stream cannot show becomes what it can, or an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    plain = (_PLAIN.get(character) or character.encode("unicode_escape").decode() for character in unknown)
    return "".join(plain), error.end


codecs.register_error(_PLAIN_ERRORS, _plain_characters)


def shown_by(text: str, stream: TextIO) -> str:
    """Text as a stream that does not know all characters will show it, so that columns can be counted."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, _PLAIN_ERRORS).decode(encoding)


@contextmanager
def plain_where_needed() -> Iterator[None]:
    """Let standard output and standard error show what they can instead of raising UnicodeEncodeError."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    before = [(stream, stream.errors) for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=_PLAIN_ERRORS)
    try:
        yield
    finally:
        for stream, errors in before:
            stream.reconfigure(errors=errors)


class _StandardError(logging.Handler):
    """Log handler that writes to the standard error of the moment, which progress bars replace."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            # Tracebacks have lines of their own.
            lines = text.split("\n") if record.exc_info else [text]
            print("\n".join(map(printable, lines)), file=sys.stderr)
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


def print_line(*lines: str, flush: bool = False) -> None:
    """Write lines of the results to standard output; ``flush`` where somebody waits for them."""
    print("\n".join(map(printable, lines)), flush=flush)


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
