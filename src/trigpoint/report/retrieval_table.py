"""The evaluation of global descriptors as a table."""

from __future__ import annotations

from trigpoint.evaluation.retrieval import SceneRetrieval
from trigpoint.report.blocks import Table


def retrieval_table(result: SceneRetrieval) -> Table:
    """A row for each descriptor on one scene."""
    rows = [
        (
            score.descriptor,
            _percents(score.recall),
            _percents(score.recall_reranked),
            " ".join(map(_milliseconds, (score.describe_ms, score.search_ms, score.rerank_ms))),
            f"{score.bytes_per_image} {score.scene_bytes}",
        )
        for score in result.scores
    ]
    title = f"{result.name}: {result.queries} queries, {result.gallery} gallery images"
    caption = "recall: at 1, 5, 10 in %; ms: of a query to describe, search, re-rank; bytes: of an image, and for the scene"
    return Table(("descriptor", "recall", "re-ranked", "ms", "bytes"), rows, title, caption=caption)


def _percents(recall: dict[int, float] | None) -> str:
    return "-" if recall is None else " ".join(f"{100 * fraction:.3g}" for fraction in recall.values())


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"
