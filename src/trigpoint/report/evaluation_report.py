"""An evaluation as a folder to look at: report.html, and its numbers as report.md and report.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trigpoint.core.artifact import write_json, write_text
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Scene
from trigpoint.evaluation.circumstances import changed_settings, machine_facts
from trigpoint.evaluation.reliability import Reliability
from trigpoint.evaluation.results import Evaluation
from trigpoint.localization.correspondences import Correspondences
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pointcloud import PointCloud, implicit_points
from trigpoint.report.blocks import Block, Facts, Figure, Figures, Picture, Report, Section
from trigpoint.report.charts import confidence_chart, error_curve, reliability_chart
from trigpoint.report.evaluation_blocks import (
    images_table,
    reading,
    recall_table,
    reliability_table,
    reliability_text,
    subtitle,
    summary,
    worst_table,
)
from trigpoint.report.gallery import gallery, shown
from trigpoint.report.html import html
from trigpoint.report.markdown import markdown
from trigpoint.report.pictures import SceneDrawing, oblique_picture, outside, top_picture

WORST_LISTED = 10

# Labels and values by heading.
FactsByHeading = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class Pictured:
    """What the pictures of a report are drawn from, as far as it is there.

    Attributes:
        scene: mapping images, which are drawn as cameras, and the image files of the gallery.
        points: map points, in world.
        correspondences: keypoints to draw into the images of the gallery, by image name.
    """

    scene: Scene | None = None
    points: PointCloud | None = None
    correspondences: Mapping[str, Correspondences] = field(default_factory=dict)

    @staticmethod
    def of(localizer: Localizer, scene: Scene, evaluation: Evaluation) -> Pictured:
        """The points of the map as its mapping images show them, and the keypoints of the images in the gallery."""
        points = implicit_points(localizer, scene.for_mapping())
        files = {frame.name: frame.image_path for frame in scene.frames}
        answers = [result.localization for results in shown(evaluation) for result in results]
        correspondences = {
            answer.name: localizer.correspondences(
                files[answer.name], camera=answer.camera, cam_from_world=answer.cam_from_world
            )
            for answer in answers
            if answer.cam_from_world is not None
        }
        return Pictured(scene, points, correspondences)

    def mapping_poses(self, evaluation: Evaluation) -> list[Pose]:
        """``cam_from_world`` of the mapping images that were not evaluated themselves."""
        if self.scene is None:
            return []
        evaluated = {result.name for result in evaluation.results}
        return [frame.pose() for frame in self.scene.for_mapping() if frame.name not in evaluated]


def map_facts(localizer: Localizer, map_path: Path) -> FactsByHeading:
    """What to say about a map, its settings and the machine beside the numbers."""
    scene_map = localizer.map
    facts = {
        "map file": map_path.name,
        "map size": f"{map_path.stat().st_size / 1e6:.2f} MB",
        "map id": scene_map.map_id,
        "preset": scene_map.config.preset,
        "local features": scene_map.config.features.encoder,
        "mapping images": str(scene_map.built_from["images"]),
        "seed": str(scene_map.built_from["seed"]),
    }
    return {"map": facts, "settings": changed_settings(scene_map.config), "machine": machine_facts()}


def write_report(
    folder: Path, evaluation: Evaluation, *, title: str, facts: FactsByHeading, pictured: Pictured | None = None
) -> Path:
    """Write the report.

    Args:
        folder: made if it does not exist; files of an earlier report are replaced.
        evaluation: at least one image.
        title: heading of the page.
        facts: what to say beside the numbers.
        pictured: what to draw; None: nothing but the query cameras.

    Returns:
        The path of the HTML page.

    Raises:
        OutputError: TP-801.
    """
    page = folder / "report.html"
    pictured = pictured or Pictured()
    write_json(folder / "report.json", _document(title, evaluation, facts))
    write_text(folder / "report.md", markdown(Report(title, subtitle(evaluation), _numbers(evaluation, facts))))
    write_text(page, html(Report(title, subtitle(evaluation), _page(evaluation, facts, pictured))))
    return page


def facts_sections(facts: FactsByHeading) -> list[Section]:
    """A section for each heading that has something to say."""
    return [Section(heading.capitalize(), [Facts.of(values)]) for heading, values in facts.items() if values]


def _document(title: str, evaluation: Evaluation, facts: FactsByHeading) -> dict[str, object]:
    return {
        "title": title,
        **{heading: dict(values) for heading, values in facts.items()},
        "reliability": Reliability.of(evaluation).to_json(),
        "evaluation": evaluation.to_json(),
    }


def _numbers(evaluation: Evaluation, facts: FactsByHeading) -> list[Section]:
    reliability = Reliability.of(evaluation)
    confidence: list[Block] = [reliability_text(reliability, evaluation.units), reliability_table(reliability)]
    return [
        *_results(evaluation),
        Section("Reliability of the confidence", confidence),
        Section("Worst images", [worst_table(evaluation, WORST_LISTED)]),
        *facts_sections(facts),
        Section("How to read this", reading(evaluation)),
    ]


def _page(evaluation: Evaluation, facts: FactsByHeading, pictured: Pictured) -> list[Section]:
    drawing = SceneDrawing.of(evaluation, pictured.mapping_poses(evaluation), pictured.points)
    files = {} if pictured.scene is None else {frame.name: frame.image_path for frame in pictured.scene.frames}
    return [
        *_results(evaluation),
        Section("The scene", [_scene(drawing)]),
        Section("Errors", [_charts(evaluation)]),
        *gallery(drawing, files, pictured.correspondences),
        *facts_sections(facts),
        Section("Every image", [images_table(evaluation)]),
        Section("How to read this", reading(evaluation)),
    ]


def _results(evaluation: Evaluation) -> list[Section]:
    recall = recall_table(evaluation)
    return [Section("", [summary(evaluation)]), Section(recall.title, [recall] if recall.rows else [])]


def _scene(drawing: SceneDrawing) -> Figures:
    lost = outside(drawing)
    sentences = [
        "Red lines join true and estimated positions.",
        "What hides the cameras from above is left out." if drawing.hidden else "",
        f"Estimated positions outside of the picture: {lost}." if lost else "",
    ]
    mapping = [("mapping images", "mapping")] if drawing.mapping_poses else []
    legend = (*mapping, ("true positions", "true"), ("ok", "ok"), ("rejected", "rejected"), ("error", "failed"))
    figures = [Figure([Picture(top_picture(drawing))], [" ".join(filter(None, sentences))], legend)]
    if len(drawing.points):
        figures.append(Figure([Picture(oblique_picture(drawing))], ["The same at an angle."]))
    return Figures(figures)


def _charts(evaluation: Evaluation) -> Figures:
    curves = (("every pose", "every"), ("ok answers only (dashed)", "ok"))
    verdicts = (("ok", "ok"), ("rejected", "rejected"))
    reliability = Reliability.of(evaluation)
    below = "Fraction of all images below an error."
    confidence = (
        "Confidence of each pose: good ones belong to the top left, wrong ones to the bottom right. What is beyond the chart"
        " is drawn at its edge."
    )
    bars = (
        "Bars: fraction of the answers that is correct, with their number; an honest confidence puts the dots on the dotted"
        " line."
    )
    figures = [
        Figure([Picture(error_curve(evaluation, "translation"))], [below], curves),
        Figure([Picture(error_curve(evaluation, "rotation_deg"))], [below], curves),
        Figure([Picture(confidence_chart(evaluation))], [confidence], verdicts),
        Figure([Picture(reliability_chart(reliability))], [reliability_text(reliability, evaluation.units).text, bars]),
    ]
    return Figures(figures, "charts")
