"""What a report says, as plain values. ``terminal``, ``markdown`` and ``html`` render the same blocks.

All text is plain: each renderer escapes it as its medium needs. Pictures are the one exception, see ``Picture``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

# How a cell is set off: by its verdict, as a gross error (``wrong``), or as the row that it is about (``strong``).
Mark = Literal["", "ok", "rejected", "failed", "wrong", "strong"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says.
        mark: how it is set off.
        fraction: length of a bar beside the text, 0 to 1; None for no bar.
    """

    text: str
    mark: Mark = ""
    fraction: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        header: column names.
        rows: cells; a plain string is an unmarked cell.
        title: heading on the terminal, where tables stand alone.
        text_columns: indices of the columns that hold text and are aligned left; the others hold numbers.
        caption: small print below it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    title: str = ""
    text_columns: Sequence[int] = (0,)
    caption: str = ""

    def cells(self) -> list[list[Cell]]:
        """The rows with every cell as a ``Cell``."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Fact:
    """One value with its name.

    Attributes:
        label: name.
        value: as people read it.
        note: what to know about it.
        parts: (verdict, number of images) of a bar that shows how the value is made up.
    """

    label: str
    value: str
    note: str = ""
    parts: Sequence[tuple[Mark, int]] = ()


@dataclass(frozen=True)
class Facts:
    """A list of values.

    Attributes:
        facts: in the order to read them.
        title: heading on the terminal.
        prominent: whether these are the numbers that the report is about.
    """

    facts: Sequence[Fact]
    title: str = ""
    prominent: bool = False

    @staticmethod
    def of(values: Mapping[str, Any], title: str = "") -> Facts:
        """Of a mapping of labels to values."""
        return Facts([Fact(str(label), str(value)) for label, value in values.items()], title)


@dataclass(frozen=True)
class Text:
    """A paragraph; ``small`` print is what only some readers need."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture of a figure.

    Attributes:
        svg: an SVG element of ours, whose texts are escaped already; ``""`` for none.
        uri: a data address of an image, ``""`` for none.
        alt: what it shows, or why there is no picture.
    """

    svg: str = ""
    uri: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Figure:
    """Pictures side by side with a caption.

    Attributes:
        pictures: one or more.
        caption: lines of text.
        legend: (name, colour) of what is drawn; a colour is a CSS colour, or the name of one of the style sheet.
        name: heading of the caption.
        verdict: verdict on what is shown, beside the name.
        file: name of a file beside the report with the same figure, for media that hold no pictures.
    """

    pictures: Sequence[Picture]
    caption: Sequence[str] = ()
    legend: Sequence[tuple[str, str]] = ()
    name: str = ""
    verdict: Cell | None = None
    file: str = ""


@dataclass(frozen=True)
class Figures:
    """Figures that belong together: one below the other, as charts in columns, or as pairs of images in columns."""

    figures: Sequence[Figure]
    layout: Literal["wide", "charts", "pairs"] = "wide"


Block: TypeAlias = Table | Facts | Text | Figure | Figures


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; without one they open the report."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A document.

    Attributes:
        title: heading.
        subtitle: what it is about, in one line.
        sections: in the order to read them; those without blocks are left out.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]

    def filled(self) -> list[Section]:
        """The sections that have something to say."""
        return [section for section in self.sections if section.blocks]
