"""The texts of the viewer's side panel as HTML. Names come from files and uploads, so everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trigpoint.core.localization import OK
from trigpoint.report.formatting import angle, duration, length
from trigpoint.report.html import escaped
from trigpoint.viewer.query import UNKNOWN_COLOUR, VERDICT_COLOURS, Colour, ErrorScale, Query

_STYLE = "font-size:0.8em;line-height:1.45;padding:0.2em 0.75em 0.5em;overflow-wrap:anywhere"


def facts_html(facts: Mapping[str, str], missing: Sequence[str]) -> str:
    """About the map, and what is not shown."""
    notes = "".join(f'<p style="margin:0.5em 0 0">{escaped(line)}</p>' for line in missing)
    return _box(_table(facts.items()) + notes)


def query_html(query: Query, units: str) -> str:
    """Status, reason and numbers of one image."""
    answer = query.answer
    badge = (
        f'<b style="color:#fff;background:{_css(VERDICT_COLOURS[answer.status])};border-radius:0.7em;padding:0.1em 0.7em">'
        f"{escaped(answer.status)}</b>"
    )
    rows: list[tuple[str, str]] = []
    if query.error is not None:
        rows.append(("off by", f"{length(query.error.translation, units)}, {angle(query.error.rotation_deg)}"))
    elif query.true_pose is None:
        rows.append(("off by", "not known: no true pose"))
    if answer.points:
        rows.append(("agree", f"{answer.inliers} of {answer.points} keypoints"))
    rows += [("confidence", f"{answer.confidence:.2f}"), ("time", duration(query.total_ms))]
    if answer.camera is not None:
        focal = ", ".join(f"{value:.0f}" for value in dict.fromkeys(answer.camera.pinhole_params()[:2]))
        rows.append(("camera", f"focal length {focal} px, {answer.camera_source}"))
    reason = f'<p style="margin:0.4em 0">{escaped(answer.reason)}</p>' if answer.reason else ""
    title = f'<p style="margin:0 0 0.4em">{badge} &nbsp;<b>{escaped(query.name)}</b></p>'
    return _box(title + reason + _table(rows))


def legend_html(scale: ErrorScale | None) -> str:
    """What the colours of the localized cameras mean; ``scale`` is None where they show the verdict."""
    if scale is None:
        return _box(" &nbsp; ".join(f"{_dot(colour)} {escaped(status)}" for status, colour in VERDICT_COLOURS.items()))
    steps = ", ".join(_css(scale.colour(step / 8)) for step in range(9))
    good, wrong = scale.ends()
    bar = f'<div style="height:0.6em;border-radius:0.3em;background:linear-gradient(to right, {steps})"></div>'
    ends = (
        f'<div style="display:flex;justify-content:space-between"><span>{escaped(good)} or less</span>'
        f"<span>{escaped(wrong)} or more</span></div>"
    )
    return _box(bar + ends + f"{_dot(UNKNOWN_COLOUR)} true pose not known")


def hint_html(text: str) -> str:
    """One plain sentence."""
    return _box(escaped(text))


def locating_text(query: Query) -> str:
    """What to say in a few words about an image that was just dropped in."""
    return "Found." if query.answer.status == OK else query.answer.reason


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><td style="opacity:0.65;padding-right:1em;vertical-align:top;white-space:nowrap">{escaped(label)}</td>'
        f"<td>{escaped(value)}</td></tr>"
        for label, value in rows
    )
    return f'<table style="border-collapse:collapse">{lines}</table>'


def _box(content: str) -> str:
    return f'<div style="{_STYLE}">{content}</div>'


def _dot(colour: Colour) -> str:
    return f'<span style="color:{_css(colour)}">&#9679;</span>'


def _css(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
