"""An evaluation in numbers: tables and facts for every medium."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.evaluation.learned import learned_text
from trigpoint.evaluation.metrics import PoseError, recall_interval
from trigpoint.evaluation.reliability import Reliability
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.report.blocks import Cell, Fact, Facts, Mark, Table, Text
from trigpoint.report.formatting import angle, duration, length, percent, threshold

UNKNOWN_SCALE = "scale unknown: lengths are in units of the scene, not in metres"
# The page stays small enough for a browser; report.json has all images.
MAX_ROWS = 3000
_MARKS: dict[str, Mark] = {OK: "ok", REJECTED: "rejected", FAILED: "failed"}


def subtitle(evaluation: Evaluation) -> str:
    """What was evaluated, in one line; says so where lengths are not in metres."""
    parts = [f"{evaluation.scene_name}, {len(evaluation.results)} images"]
    parts += [f"map {evaluation.map_id}"] if evaluation.map_id else []
    parts += [] if evaluation.units == "m" else [UNKNOWN_SCALE]
    learned = evaluation.learned_count
    parts += [learned_text(learned, len(evaluation.results))] if learned else []
    return " · ".join(parts)


def ranked(evaluation: Evaluation) -> list[FrameResult]:
    """The images from best to worst: by the error in multiples of the first threshold, those without a pose last."""
    limit = evaluation.thresholds[0] if evaluation.thresholds else evaluation.gross_error

    def badness(result: FrameResult) -> float:
        if result.error is None:
            return math.inf
        return max(result.error.translation / limit.translation, result.error.rotation_deg / limit.rotation_deg)

    return sorted(evaluation.results, key=badness)


def summary(evaluation: Evaluation) -> Facts:
    """The numbers that an evaluation comes to."""
    units, counts, total = evaluation.units, evaluation.counts, len(evaluation.results)
    answers = ", ".join(f"{count} {status}" for status, count in counts.items())
    parts: list[tuple[Mark, int]] = [(_mark(status), count) for status, count in counts.items()]
    facts = [
        Fact("median error", error_text(evaluation.medians(), units), "infinite for an image without a pose"),
        Fact("median error of ok answers", error_text(evaluation.medians_ok(), units)),
        Fact("answers", f"{counts[OK]} of {total} ok", answers, parts),
        Fact(
            "called ok but wrong",
            f"{evaluation.wrong_ok()} of {counts[OK]}",
            f"by more than {threshold(evaluation.gross_error, units)}",
        ),
        Fact("time for an image", duration(evaluation.median_ms()), "median, reading the file included"),
    ]
    if evaluation.learned_count:
        text = learned_text(evaluation.learned_count, total)
        facts.insert(0, Fact("learned images", f"{evaluation.learned_count} of {total}", text))
    if evaluation.thresholds:
        label = f"within {threshold(evaluation.thresholds[0], units)}"
        facts.insert(
            bool(evaluation.learned_count), Fact(label, percent(evaluation.recall()[0]), "of all images, every pose counted")
        )
    return Facts(facts, f"Evaluation of {evaluation.scene_name}", prominent=True)


def recall_table(evaluation: Evaluation) -> Table:
    """The fraction of all images within each threshold, with every pose and with trusted ones."""
    rows = []
    fractions = zip(evaluation.thresholds, evaluation.recall(), evaluation.recall(only_ok=True), strict=True)
    for limit, every, trusted in fractions:
        low, high = recall_interval(every, len(evaluation.results))
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        cells = (Cell(percent(every), fraction=every), interval, Cell(percent(trusted), "ok", trusted))
        rows.append((threshold(limit, evaluation.units), *cells))
    return Table(("error below", "every pose", "95 % interval", "ok answers only"), rows, "Fraction of all images localized")


def worst_table(evaluation: Evaluation, count: int, *, with_reasons: bool = True) -> Table:
    """The worst images, and what the localizer said about them; ``with_reasons`` where there is room for sentences."""
    rows = []
    for result in ranked(evaluation)[::-1][:count]:
        answer = result.localization
        row = (
            result.name,
            verdict(result, evaluation),
            "-" if result.error is None else error_text(result.error, evaluation.units),
            f"{answer.inliers} of {answer.points}",
            f"{answer.confidence:.2f}",
        )
        rows.append((*row, answer.reason) if with_reasons else row)
    header = ("image", "answer", "error", "inliers", "confidence", *(("reason",) if with_reasons else ()))
    return Table(header, rows, "Worst images", (0, 1, 5))


def images_table(evaluation: Evaluation) -> Table:
    """Every image by name, or the first ``MAX_ROWS``."""
    rows = []
    for result in sorted(evaluation.results, key=lambda result: result.name)[:MAX_ROWS]:
        error, answer = result.error, result.localization
        rows.append(
            (
                result.name,
                verdict(result, evaluation),
                "-" if error is None else length(error.translation, evaluation.units),
                "-" if error is None else angle(error.rotation_deg),
                f"{answer.inliers} of {answer.points}",
                f"{answer.confidence:.2f}",
                duration(result.total_ms),
            )
        )
    rest = len(evaluation.results) - len(rows)
    more = f"{rest} more images are in report.json." if rest else ""
    header = ("image", "answer", "translation error", "rotation error", "inliers", "confidence", "time")
    return Table(header, rows, "Every image", (0, 1), more)


def scenes_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """A line for each scene of a joint scene."""
    first = next(iter(evaluations.values()))
    header = ("scene", "images", "median error", *(threshold(limit, first.units) for limit in first.thresholds))
    rows = [
        (name, str(len(part.results)), error_text(part.medians(), part.units), *map(percent, part.recall()))
        for name, part in evaluations.items()
    ]
    return Table(header, rows, "Scene by scene")


def reliability_text(reliability: Reliability, units: str) -> Text:
    """How well the confidence of the answers is calibrated."""
    if not reliability.answers:
        return Text("No image has a pose: the confidence cannot be judged.")
    return Text(
        f"Expected calibration error {reliability.ece:.3f} over {reliability.answers} answers; correct are those within"
        f" {threshold(reliability.correct_within, units)}."
    )


def reliability_table(reliability: Reliability) -> Table:
    """The answers in bins by their confidence."""
    rows = [
        (f"{part.low:g} to {part.high:g}", str(part.count), f"{part.confidence:.3f}", percent(part.correct))
        for part in reliability.bins
        if part.count
    ]
    return Table(("confidence", "answers", "mean confidence", "correct"), rows, "Reliability of the confidence")


def reading(evaluation: Evaluation) -> list[Text]:
    """How the numbers are defined."""
    gross_error = threshold(evaluation.gross_error, evaluation.units)
    return [
        Text(
            "The translation error is the distance between the estimated and the true camera centre, the rotation error the"
            " angle between the two orientations. An image is within a threshold if both errors are smaller (not equal)."
        ),
        Text(
            "Every fraction is one of all images; those without a pose are failures. “Every pose” also counts poses that"
            " were rejected; “ok answers only” treats them as failures, which is what an application gets that trusts the"
            f" verdict. “Wrong” is a pose further off than {gross_error}."
        ),
        Text("The 95 % interval (Wilson) takes images as independent. Images of one walk are not: the true one is wider."),
    ]


def verdict(result: FrameResult, evaluation: Evaluation) -> Cell:
    """The verdict, and whether it trusts a pose that is wrong."""
    if result.trusted_error is not None and evaluation.is_wrong(result):
        return Cell("ok, wrong", "wrong")
    return Cell(result.status, _mark(result.status))


def error_text(error: PoseError, units: str) -> str:
    """The error of a pose, its translation in ``units``, as people read it."""
    return f"{length(error.translation, units)}, {angle(error.rotation_deg)}"


def _mark(status: str) -> Mark:
    return _MARKS.get(status, "")
