"""The report of the evaluation of a map, with its points, its pictures and the keypoints of the images shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trigpoint.evaluation.circumstances import changed_settings, machine_facts
from trigpoint.evaluation.map_evaluation import MapEvaluation
from trigpoint.localization.agreement import Agreement, keypoint_agreement
from trigpoint.localization.pointcloud import implicit_points
from trigpoint.report.gallery import shown
from trigpoint.report.page_parts import Facts
from trigpoint.report.report import write_report


def report_evaluation(run: MapEvaluation, folder: Path, *, title: str) -> Path:
    """Write the page with numbers and pictures; returns its path."""
    scene_map = run.localizer.map
    mapped = run.scene.with_frames(run.scene.for_mapping())
    points = implicit_points(scene_map, run.localizer.encoder, mapped.frames)
    summary = {
        "map file": run.map_path.name,
        "map size": f"{run.map_path.stat().st_size / 1e6:.2f} MB",
        "map id": scene_map.map_id,
        "preset": scene_map.config.preset,
        "local features": scene_map.config.features.encoder,
        "mapping images": scene_map.built_from["images"],
        "seed": scene_map.built_from["seed"],
    }
    images = {frame.name: frame.image_path for frame in run.scene.frames}
    return write_report(
        folder,
        run.evaluation,
        title=title,
        scene=mapped,
        facts=Facts(summary, changed_settings(scene_map.config), machine_facts()),
        points=(points.xyz, points.rgb),
        images=images,
        agreements=_agreements(run, images),
    )


def _agreements(run: MapEvaluation, images: Mapping[str, Path]) -> dict[str, Agreement]:
    """The keypoints of the images in the gallery."""
    found: dict[str, Agreement] = {}
    for result in (result for results in shown(run.evaluation) for result in results):
        # An image that cannot be read has no pose either.
        agreement = keypoint_agreement(run.localizer, images[result.name], result.localization)
        if agreement is not None:
            found[result.name] = agreement
    return found
