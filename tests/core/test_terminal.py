"""Messages and progress on standard error: off for a library, on for the command line, and never control characters."""

from __future__ import annotations

import logging

import pytest

from trigpoint.cli import run
from trigpoint.core.progress import progress
from trigpoint.core.terminal import printable, set_quiet, shown_on_terminal

LOGGER = logging.getLogger("trigpoint.core.imagined")


def finish_a_stage():
    LOGGER.info("a [bold]message[/bold]")
    with progress("reading [red]images", 3) as advance:
        for _ in range(3):
            advance(note="loss [1]")


@pytest.fixture
def slow_clock(monkeypatch):
    """Each look at the clock finds ten seconds gone, so that every stage is long enough to be told."""
    seconds = iter(range(0, 10_000, 10))
    monkeypatch.setattr("trigpoint.core.progress.time.monotonic", lambda: next(seconds))


def test_a_library_writes_nothing(slow_clock, capsys):
    finish_a_stage()
    LOGGER.warning("a warning")
    assert capsys.readouterr() == ("", "")


def test_the_command_line_shows_messages_and_progress(slow_clock, capsys):
    with shown_on_terminal():
        finish_a_stage()
    printed = capsys.readouterr()
    assert printed.out == ""
    first, *others = printed.err.splitlines()
    assert first == "a [bold]message[/bold]"
    assert others[-1].startswith("reading [red]images: 3/3") and others[-1].endswith("loss [1]")
    finish_a_stage()
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_titles_and_notes_as_they_are(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown_on_terminal():
        finish_a_stage()
    printed = capsys.readouterr().err
    assert "reading [red]images" in printed and "3/3" in printed and "loss [1]" in printed


def test_quiet_hides_both(slow_clock, capsys):
    with shown_on_terminal():
        set_quiet(True)
        finish_a_stage()
    assert capsys.readouterr() == ("", "")


def test_the_level_of_a_program_stays(monkeypatch):
    logger = logging.getLogger("trigpoint")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    set_quiet(True)
    assert logger.level == logging.DEBUG


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Küche 1/raum.jpg", "Küche 1/raum.jpg"),
        ("ok\nerror: faked\t\u2028", "ok\\nerror: faked\\t\\u2028"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("back\rforth\b", "back\\rforth\\x08"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("bytes \udcff", "bytes \\udcff"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert printable(text) == shown


def test_messages_and_errors_escape_what_names_contain(tmp_path, capsys):
    with shown_on_terminal():
        LOGGER.info("\x1b[31mred")
    assert capsys.readouterr().err == "\\x1b[31mred\n"
    assert run(["info", str(tmp_path / "\x1b[31m[red]kitchen")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error TP-201") and "\\x1b[31m[red]kitchen" in printed and "\x1b" not in printed
