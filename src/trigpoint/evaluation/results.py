"""The answers of a localizer beside the true poses of the images, and the numbers they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trigpoint.core.localization import FAILED, OK, REJECTED, Localization
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import PoseError, Threshold, finite_or_none, median, recall, recall_interval

STATUSES = (OK, REJECTED, FAILED)


@dataclass(frozen=True)
class FrameResult:
    """One image's answer beside the truth.

    Attributes:
        name: name of the image in the scene.
        localization: the answer.
        true_pose: ``cam_from_world`` of the scene.
        error: None when there is no pose.
        total_ms: wall-clock time of the whole call, reading the file included.
    """

    name: str
    localization: Localization
    true_pose: Pose
    error: PoseError | None
    total_ms: float

    @property
    def status(self) -> str:
        """``"ok"``, ``"rejected"`` or ``"failed"``."""
        return self.localization.status

    @property
    def trusted_error(self) -> PoseError | None:
        """The error of an ``ok`` answer; None for the others, as if they had no pose."""
        return self.error if self.status == OK else None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        answer, error = self.localization, self.error
        return {
            "name": self.name,
            "translation_error": None if error is None else finite_or_none(error.translation),
            "rotation_error_deg": None if error is None else finite_or_none(error.rotation_deg),
            "status": self.status,
            "reason": answer.reason,
            "inliers": answer.inliers,
            "points": answer.points,
            "confidence": finite_or_none(answer.confidence),
            "total_ms": round(self.total_ms, 3),
        }


@dataclass(frozen=True)
class Evaluation:
    """All answers about one scene.

    Attributes:
        scene_name: what the reports call the scene.
        units: ``"m"`` or ``"units"``; the unit of every distance here.
        map_id: identity of the map, ``""`` if unknown.
        thresholds: the first is the one to name when only one is named.
        gross_error: the error from which on a pose is wrong for every use.
        results: one an image, in the order of the frames.
        learned: names of images that the map learned: errors on them say nothing about other images.
    """

    scene_name: str
    units: str
    map_id: str
    thresholds: tuple[Threshold, ...]
    gross_error: Threshold
    results: tuple[FrameResult, ...]
    learned: frozenset[str] = frozenset()

    @property
    def learned_count(self) -> int:
        """Number of images here that the map learned."""
        return sum(result.name in self.learned for result in self.results)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images for each status."""
        counts = Counter(result.status for result in self.results)
        return {status: counts[status] for status in STATUSES}

    def errors(self, *, only_ok: bool = False) -> list[PoseError | None]:
        """The error of each image; None without a pose, and with ``only_ok`` also where the pose is not trusted."""
        return [result.trusted_error if only_ok else result.error for result in self.results]

    def recall(self, *, only_ok: bool = False) -> list[float]:
        """Fraction of all images within each threshold; see ``errors`` for ``only_ok``."""
        return recall(self.errors(only_ok=only_ok), self.thresholds)

    def medians(self) -> PoseError:
        """Medians of the translation and of the rotation errors over all images, infinite for those without a pose."""
        return _medians(self.errors())

    def medians_ok(self) -> PoseError:
        """Medians of the errors over the ``ok`` answers alone; NaN when there are none."""
        return _medians([result.error for result in self.results if result.status == OK])

    def median_ms(self) -> float:
        """Median wall-clock time of an image, ms."""
        return median([result.total_ms for result in self.results])

    def is_wrong(self, result: FrameResult) -> bool:
        """Whether there is a pose and it is wrong for every use, whatever the verdict."""
        error = result.error
        return error is not None and (
            error.translation > self.gross_error.translation or error.rotation_deg > self.gross_error.rotation_deg
        )

    def wrong_ok(self) -> int:
        """Number of answers that are called ``ok`` and are wrong."""
        return sum(result.status == OK and self.is_wrong(result) for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON. ``recall`` counts every pose, ``recall_ok`` only trusted ones; both are fractions of all
        images. Infinite and undefined values are null.
        """
        medians, medians_ok = self.medians(), self.medians_ok()
        return {
            "scene": self.scene_name,
            "units": self.units,
            "map_id": self.map_id,
            "images": len(self.results),
            "learned_images": self.learned_count,
            "counts": self.counts,
            "median_translation": finite_or_none(medians.translation),
            "median_rotation_deg": finite_or_none(medians.rotation_deg),
            "median_translation_ok": finite_or_none(medians_ok.translation),
            "median_rotation_deg_ok": finite_or_none(medians_ok.rotation_deg),
            "median_ms": finite_or_none(self.median_ms()),
            "recall": self._recall_json(only_ok=False),
            "recall_ok": self._recall_json(only_ok=True),
            "wrong_ok": self.wrong_ok(),
            "wrong_ok_beyond": {
                "translation": finite_or_none(self.gross_error.translation),
                "rotation_deg": self.gross_error.rotation_deg,
            },
            "frames": [{**result.to_json(), "learned": result.name in self.learned} for result in self.results],
        }

    def numbers_json(self) -> dict[str, Any]:
        """As ``to_json`` without the single images."""
        return {key: value for key, value in self.to_json().items() if key != "frames"}

    def _recall_json(self, *, only_ok: bool) -> list[dict[str, Any]]:
        fractions = self.recall(only_ok=only_ok)
        return [
            {
                "translation": threshold.translation,
                "rotation_deg": threshold.rotation_deg,
                "fraction": finite_or_none(fraction),
                "interval95": list(recall_interval(fraction, len(self.results))),
            }
            for threshold, fraction in zip(self.thresholds, fractions, strict=True)
        ]


def _medians(errors: Sequence[PoseError | None]) -> PoseError:
    return PoseError(
        median([None if error is None else error.translation for error in errors]),
        median([None if error is None else error.rotation_deg for error in errors]),
    )
