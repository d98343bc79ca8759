"""Blocks on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich import table, text
from rich.console import Console

from trigpoint.core.terminal import printable, shown_by
from trigpoint.report.blocks import Block, Cell, Facts, Table, Text

_STYLES = {"": "", "ok": "green", "rejected": "yellow", "failed": "red", "wrong": "bold red", "strong": "bold"}


def print_blocks(blocks: Iterable[Block], console: Console | None = None) -> None:
    """Print tables, facts and text; figures are left out.

    Args:
        blocks: in order.
        console: where to; None: standard output.
    """
    console = console or Console(highlight=False)
    for block in blocks:
        if isinstance(block, Table):
            console.print(_table(block))
        elif isinstance(block, Facts):
            _print_facts(block, console)
        elif isinstance(block, Text):
            # Not wrapped, so that paths and addresses stay whole.
            console.print(_plain(block.text), soft_wrap=True)


def _table(block: Table) -> table.Table:
    drawn = table.Table(title=_plain(block.title) if block.title else None, caption=_plain(block.caption) or None)
    for index, name in enumerate(block.header):
        is_text = index in block.text_columns
        # The first column names the row: it stays whole where there is little room.
        drawn.add_column(_plain(name), justify="left" if is_text else "right", no_wrap=index == 0)
    for row in block.cells():
        drawn.add_row(*map(_cell, row))
    return drawn


def _print_facts(block: Facts, console: Console) -> None:
    """A line for each fact, not wrapped, so that it can be searched for."""
    width = max(len(fact.label) for fact in block.facts) + 2
    lines = [f"{fact.label:<{width}}{fact.value}{f' ({fact.note})' if fact.note else ''}" for fact in block.facts]
    for line in [*([block.title] if block.title else []), *lines]:
        console.print(_plain(line), soft_wrap=True)


def _cell(cell: Cell) -> text.Text:
    return _plain(cell.text, _STYLES[cell.mark])


def _plain(content: str, style: str = "") -> text.Text:
    """Text whose brackets are no markup and whose control characters, those of file names for instance, are escaped."""
    return text.Text(shown_by(printable(content), sys.stdout), style=style)
