"""A report as one HTML page that needs nothing else: no script, no address outside of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from trigpoint.report.blocks import Report

if TYPE_CHECKING:
    from jinja2 import Template


def html(report: Report) -> str:
    """The text of the page, in the colours that the reader's system prefers, light or dark."""
    return _template().render(report=report)


@cache
def _template() -> Template:
    # Not at the top: terminal output needs no templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("trigpoint.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("report.html.j2")
