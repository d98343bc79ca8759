"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from trigpoint.core.terminal import printable
from trigpoint.report.blocks import Block, Facts, Figure, Figures, Report, Table, Text


def markdown(report: Report) -> str:
    """The text of a Markdown file. Figures are shown where there is a file of them beside it, and left out otherwise."""
    parts = [f"# {_plain(report.title)}", _plain(report.subtitle)]
    for section in report.filled():
        blocks = [text for block in section.blocks if (text := _block(block))]
        if blocks:
            parts += [*([f"## {_plain(section.title)}"] if section.title else []), *blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Table):
        table = _table(block.header, [[cell.text for cell in row] for row in block.cells()])
        return "\n\n".join(part for part in (table, _plain(block.caption)) if part)
    if isinstance(block, Facts):
        rows = [(fact.label, f"{fact.value} ({fact.note})" if fact.note else fact.value) for fact in block.facts]
        return _table(("", ""), rows)
    if isinstance(block, Text):
        return _plain(block.text)
    figures = block.figures if isinstance(block, Figures) else (block,)
    return "\n\n".join(text for figure in figures if (text := _figure(figure)))


def _figure(figure: Figure) -> str:
    return f"![{_plain(' '.join(figure.caption))}]({figure.file})" if figure.file else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join("---" if cell == "---" else _plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that stays what it is in Markdown, also in a table: escaped, in one line."""
    text = printable(text)
    for character in "\\`*_[]<>|#":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
