"""The same blocks on the terminal, as Markdown and as HTML."""

from io import StringIO

import pytest
from rich.console import Console

from trigpoint.report.blocks import Cell, Fact, Facts, Figure, Figures, Picture, Report, Section, Table, Text
from trigpoint.report.html import escaped, html
from trigpoint.report.markdown import markdown
from trigpoint.report.terminal import print_blocks

HOSTILE = "[red]<script>alert(1)</script>[/nothing] a|b *c* `d`"
BLOCKS = (
    Table(("image", "error"), [(HOSTILE, Cell("3 cm", "wrong", 0.25)), ("b", "-")], "Errors", caption="all of them"),
    Facts([Fact("median", "2 cm", "of all"), Fact("answers", "1 of 2", parts=[("ok", 1), ("failed", 1)])], prominent=True),
    Facts.of({"preset": HOSTILE}),
    Text("One paragraph."),
    Figures([Figure([Picture(svg="<svg></svg>")], ["A chart."], [("day", "#0072b2"), ("night", "ok")], file="a.svg")]),
    Figure([Picture(uri="data:,", alt=HOSTILE), Picture(alt="no pose")], name=HOSTILE, verdict=Cell("ok", "ok")),
)
REPORT = Report("Title <b>", "subtitle", [Section("First", BLOCKS), Section("Empty", [])])


def printed(blocks, width=200):
    shown = StringIO()
    print_blocks(blocks, Console(file=shown, width=width))
    return shown.getvalue()


def test_control_characters_and_markup_reach_no_terminal():
    name = "\x1b[31m[red]kitchen\r"
    text = printed((Table((name,), [(name,)], name, caption=name), Facts.of({name: name}), Text(name)))
    assert "\x1b" not in text and "\r" not in text and text.count("\\x1b[31m[red]kitchen\\r") == 7


def test_control_characters_are_shown_as_text_everywhere():
    name = "\x1b[31m\u202eok\nerror: faked"
    blocks = (
        Table((name,), [(name,)], name, caption=name),
        Facts.of({name: name}),
        Text(name),
        Figure([Picture(uri="data:,", alt=name)], [name], name=name, file="a.svg"),
    )
    report = Report(name, name, [Section(name, blocks)])
    texts = {"terminal": printed(blocks), "markdown": markdown(report), "html": html(report), "svg": escaped(name)}
    for medium, text in texts.items():
        assert not {"\x1b", "\u202e"} & set(text), medium
        assert not any(line.lstrip("# ").startswith("error: faked") for line in text.splitlines()), medium
        assert "u202eok" in text and "nerror: faked" in text, medium


def test_everything_that_can_be_said_is_said_everywhere():
    texts = {"terminal": printed(BLOCKS), "markdown": markdown(REPORT), "html": html(REPORT)}
    wanted = ("image", "error", "3 cm", "all of them", "median", "2 cm", "of all", "1 of 2", "preset", "One paragraph.")
    missing = [(name, word) for name, text in texts.items() for word in wanted if word not in text]
    assert missing == []
    assert "A chart." in texts["html"] and "![A chart.](a.svg)" in texts["markdown"]
    assert "Empty" not in texts["html"] + texts["markdown"]


def test_text_of_others_is_no_markup():
    assert printed(BLOCKS).count(HOSTILE) == 2
    page = html(REPORT)
    assert "<script" not in page and page.count("&lt;script&gt;") == 4
    assert "<h1>Title &lt;b&gt;</h1>" in page
    assert "\\[red\\]\\<script\\>alert(1)\\</script\\>\\[/nothing\\] a\\|b \\*c\\* \\`d\\`" in markdown(REPORT)


def test_marks_bars_and_colours_of_the_page():
    page = html(REPORT)
    assert '<span class="bar wrong"><i style="width:25.0%"></i></span>' in page
    assert '<i class="ok" style="flex:1"></i><i class="failed" style="flex:1"></i>' in page
    assert "--swatch:#0072b2" in page and "--swatch:var(--ok)" in page
    assert '<div class="empty">no pose</div>' in page and "<svg></svg>" in page


@pytest.mark.parametrize("width", [40, 200])
def test_lines_of_facts_stay_whole(width):
    path = "/a/very/long/path/" + "x" * 100
    assert f"file  {path}\n" in printed([Facts.of({"file": path})], width)
    assert f"report: {path}\n" in printed([Text(f"report: {path}")], width)
