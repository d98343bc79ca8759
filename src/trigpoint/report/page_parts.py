"""The building blocks of pages that need nothing else: no script, no address outside of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Section:
    """An addition to a report: a heading with text, a table, or both. All of it is plain text.

    Attributes:
        title: heading.
        text: paragraphs, separated by empty lines.
        header: column names of the table; the first column is left-aligned.
        rows: cells of the table.
    """

    title: str
    text: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def paragraphs(self) -> list[str]:
        """The text, one string a paragraph."""
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]


@dataclass(frozen=True)
class Facts:
    """What the report says beside the numbers, label to value.

    Attributes:
        map: about the map.
        settings: of the map, as far as they differ from the defaults.
        machine: that measured.
    """

    map: Mapping[str, Any]
    settings: Mapping[str, str]
    machine: Mapping[str, str]

    def named(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The parts that have something to say, with their headings."""
        parts = [("The map", self.map), ("Settings", self.settings), ("The machine", self.machine)]
        return [part for part in parts if part[1]]


def document_html(title: str, body: Iterable[str]) -> str:
    """A page of its own around parts that are HTML already."""
    style = resources.files("trigpoint.report").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: Sequence[int] = (0,)) -> str:
    """A table of cells that are HTML already."""
    kinds = [' class="text"' if index in text_columns else "" for index in range(len(header))]
    head = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, header, strict=True))
    lines = ("".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def figure_html(picture: str, caption: str) -> str:
    """A picture with a caption; both are HTML already."""
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def legend_html(*entries: tuple[str, str]) -> str:
    """What the colours of a picture mean: (name, variable of the style sheet) each."""
    spans = "".join(f'<span style="--swatch:var(--{colour})">{escape(name)}</span>' for name, colour in entries)
    return f'<div class="legend">{spans}</div>'


def section_html(section: Section) -> str:
    """An addition as HTML."""
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs()]
    if section.header:
        rows = [[escape(cell) for cell in row] for row in section.rows]
        table = table_html([escape(cell) for cell in section.header], rows)
        parts.append(f'<div class="card scroll">{table}</div>')
    return "".join(parts) + "</section>"


def facts_html(heading: str, values: Mapping[str, Any]) -> str:
    """A heading with a list of labels and values."""
    entries = "".join(
        f"<div><dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd></div>" for key, value in values.items()
    )
    return f'<section><h2>{escape(heading)}</h2><div class="card"><dl>{entries}</dl></div></section>'
