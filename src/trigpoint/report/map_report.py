"""The report of the evaluation of a map, with its points, its pictures and the keypoints of the images shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trigpoint.core.localization import FAILED
from trigpoint.evaluation.circumstances import changed_settings, machine_facts
from trigpoint.evaluation.map_evaluation import MapEvaluation
from trigpoint.localization.correspondences import Correspondences
from trigpoint.localization.pointcloud import implicit_points
from trigpoint.report.gallery import shown
from trigpoint.report.page_parts import Facts
from trigpoint.report.report import write_report


def report_evaluation(run: MapEvaluation, folder: Path, *, title: str) -> Path:
    """Write the page with numbers and pictures; returns its path."""
    scene_map = run.localizer.map
    mapped = run.scene.with_frames(run.scene.for_mapping())
    points = implicit_points(run.localizer, mapped.frames)
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
        correspondences=_correspondences(run, images),
    )


def _correspondences(run: MapEvaluation, images: Mapping[str, Path]) -> dict[str, Correspondences]:
    """Those of the images in the gallery that have a pose."""
    return {
        result.name: run.localizer.correspondences(images[result.name], camera=result.localization.given_camera)
        for results in shown(run.evaluation)
        for result in results
        if result.status != FAILED
    }
