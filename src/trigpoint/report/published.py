"""An evaluation beside the published numbers, or the poses for a benchmark that keeps the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from trigpoint.core.errors import SceneError
from trigpoint.evaluation.evaluate import Evaluation
from trigpoint.evaluation.protocols import Protocol, comparison_json, find_protocol, our_row, require_metres
from trigpoint.evaluation.submission import submit
from trigpoint.localization.batch import summary_line
from trigpoint.mapping.scene_map import load_map
from trigpoint.report.tables import print_protocol


@dataclass(frozen=True)
class Comparison:
    """A protocol and the scene of it that is evaluated, ``""`` if the folder's name says none."""

    protocol: Protocol
    scene: str

    @staticmethod
    def prepare(name: str | None, map_path: Path, scene: Path, submission: Path | None) -> Comparison | None:
        """What ``--protocol`` asks for, before anything is computed; None without it.

        Raises:
            SceneError: unknown protocol (TP-263); a map of unknown scale (TP-262); the truth is kept by the organisers and
                there is no file for the poses (TP-264).
            MapFileError: the map cannot be used.
        """
        if name is None:
            return None
        protocol = find_protocol(name)
        if protocol.withheld and submission is None:
            raise SceneError(
                "TP-264",
                f"the true poses of {protocol.title} are kept by the organisers",
                where=scene,
                fix="Give --submission FILE and hand the file in at visuallocalization.net.",
            )
        require_metres(protocol, load_map(map_path).metric, map_path)
        return Comparison(protocol, protocol.scene_of(scene))

    def thresholds(self, more: Sequence[str]) -> tuple[str, ...]:
        """The protocol's thresholds and the user's, as ``--threshold`` takes them."""
        return tuple(dict.fromkeys((*self.protocol.threshold_texts(), *more)))

    def show(self, evaluation: Evaluation | None, console: Console) -> None:
        """Print the table."""
        ours = None if evaluation is None else our_row(self.protocol, evaluation, self.scene)
        print_protocol(self.protocol, self.scene, ours, console)

    def to_json(self, evaluation: Evaluation | None) -> dict[str, Any]:
        """Plain values for JSON."""
        ours = None if evaluation is None else our_row(self.protocol, evaluation, self.scene)
        return comparison_json(self.protocol, self.scene, ours)


def submit_and_compare(
    comparison: Comparison | None,
    map_path: Path,
    scene: Path,
    output: Path,
    *,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Write the file for the benchmark; (what to say, document for JSON). Raises as ``submit``."""
    results = submit(map_path, scene, output, device=device, format=format, skip_invalid=skip_invalid)
    written = sum(result.cam_from_world is not None for result in results)
    text = f"{output}: {written} poses of {len(results)} images. {summary_line(results)}"
    document = {
        "submission": str(output),
        "poses": written,
        "images": len(results),
        "results": [result.to_json() for result in results],
        "comparison": None if comparison is None else comparison.to_json(None),
    }
    return text, document
