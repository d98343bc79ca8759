"""A report as one HTML page that needs nothing else: no script, no address outside of it."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from trigpoint.core.terminal import printable
from trigpoint.report.blocks import Report

if TYPE_CHECKING:
    from jinja2 import Template


def escaped(text: str) -> str:
    """Text for HTML and SVG, whose control characters, those of file names for instance, are shown as text."""
    return escape(printable(text))


def html(report: Report) -> str:
    """The text of the page, in the colours that the reader's system prefers, light or dark."""
    return _template().render(report=report)


def _finalized(value: Any) -> Any:
    # Markup, a string of another type, is what we drew ourselves.
    return printable(value) if type(value) is str else value


@cache
def _template() -> Template:
    # Not at the top: terminal output needs no templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("trigpoint.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("report.html.j2")
