"""What came out of a reconstruction, as lines for the terminal and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigpoint.core.scene import Problem
from trigpoint.reconstruction.account import Unregistered, summary

_NAMES_SHOWN = 20


@dataclass(frozen=True)
class ReconstructionReport:
    """A finished reconstruction.

    Attributes:
        output: the scene.
        images: number of images that were looked at.
        registered: names of images with a pose.
        unregistered: the others, with reasons.
        left_out: images and video frames that were not looked at, with reasons.
        mapper: ``"global"`` or ``"incremental"``.
        points: number of 3D points.
        reprojection_px: mean distance between points and where they were seen, px.
        cameras: number of different intrinsics.
        metric: whether a unit is a metre.
        scale: how that is known, as for JSON; empty otherwise.
        scale_text: the same as a sentence.
        notes: what the owner may like to know.
        image_files: how the images came into the scene: ``"hard links"``, ``"symbolic links"`` or ``"copies"``.
        seconds: wall time of each stage of this run.
        resumed: whether an interrupted run was continued.
    """

    output: Path
    images: int
    registered: tuple[str, ...]
    unregistered: tuple[Unregistered, ...]
    left_out: tuple[Problem, ...]
    mapper: str
    points: int
    reprojection_px: float
    cameras: int
    metric: bool
    scale: dict[str, Any]
    scale_text: str
    notes: tuple[str, ...]
    image_files: str
    seconds: dict[str, float]
    resumed: bool

    def lines(self) -> list[str]:
        """For the terminal."""
        total = sum(self.seconds.values())
        took = ", ".join(f"{name} {value:.0f} s" for name, value in self.seconds.items())
        lines = [
            f"{self.output}: {len(self.registered)} of {self.images} images registered in {total:.0f} s ({took})",
            f"{self.mapper} mapper, {self.points:,} points, reprojection error {self.reprojection_px:.2f} px, "
            f"{self.cameras} camera{'s' if self.cameras != 1 else ''}",
            f"metric: {self.scale_text}"
            if self.metric
            else "not metric: the scale is unknown, so positions will be in units, not metres "
            "(--scale-distance IMAGE IMAGE METRES or --gps)",
        ]
        lines += [f"{problem.severity}: {problem.message}" for problem in self.left_out]
        lines += [f"note: {text}" for text in self.notes]
        if self.unregistered:
            lines += [
                f"not registered: {len(self.unregistered)} images",
                *(f"  {line}" for line in summary(self.unregistered)),
            ]
            lines += [f"  {item.name}: {item.detail}" for item in self.unregistered[:_NAMES_SHOWN]]
            if len(self.unregistered) > _NAMES_SHOWN:
                lines.append(f"  and {len(self.unregistered) - _NAMES_SHOWN} more, all in the file of --json")
        next_command = f"trigpoint map {self.output} -o {self.output.name}.trig"
        return [*lines, f"next: {next_command} (with --holdout every:8:0 to evaluate it on images that it did not learn)"]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "output": str(self.output),
            "images": self.images,
            "registered": list(self.registered),
            "unregistered": [vars(item) for item in self.unregistered],
            "left_out": [vars(problem) for problem in self.left_out],
            "mapper": self.mapper,
            "points": self.points,
            "reprojection_px": self.reprojection_px,
            "cameras": self.cameras,
            "metric": self.metric,
            "scale": self.scale,
            "notes": list(self.notes),
            "image_files": self.image_files,
            "seconds": {**self.seconds, "total": sum(self.seconds.values())},
            "resumed": self.resumed,
        }
