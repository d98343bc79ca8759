"""An evaluation beside the published numbers."""

from __future__ import annotations

from trigpoint.evaluation.protocols import Protocol, Published
from trigpoint.report.blocks import Block, Cell, Table, Text
from trigpoint.report.formatting import angle, length, percent, threshold


def protocol_blocks(protocol: Protocol, scene: str, ours: Published | None) -> list[Block]:
    """Our numbers beside the published ones, with their sources.

    Args:
        protocol: how papers evaluate.
        scene: the scene of it; ``""`` for the mean over its scenes.
        ours: None where the organisers keep the truth.
    """
    # A benchmark of several groups of images is judged elsewhere: all that is published is shown.
    published = protocol.published if ours is None else (ours, *protocol.published_for(scene))
    citations = [f"{row.source}; {row.note}" if row.note else row.source for row in published]
    sources = list(dict.fromkeys(citations))
    limits = [threshold(limit, "m") for limit in protocol.thresholds]
    rows = []
    for row, citation in zip(published, citations, strict=True):
        median = "-" if row.median_m is None else f"{length(row.median_m, 'm')}, {angle(row.median_deg)}"
        fractions = [percent(fraction) for fraction in row.recall]
        missing = ["-"] * (len(limits) - len(fractions))
        cells = [row.method, row.scene or "all", median, *fractions, *missing, f"[{sources.index(citation) + 1}]"]
        rows.append([Cell(cell, "strong" if row is ours else "") for cell in cells])
    title = f"{protocol.title}{f', {scene}' if scene else ''}: median error, and fraction of the images within"
    table = Table(("method", "scene", "median", *limits, "source"), rows, title, (0, 1))
    notes = [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    notes += [f"Ground truth: {protocol.task.truth}. Split: {protocol.task.split}.", protocol.note]
    return [table, *(Text(note) for note in notes if note)]
