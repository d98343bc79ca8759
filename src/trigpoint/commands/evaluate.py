"""The verb ``evaluate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import UseAppendAction

from trigpoint.commands.options import MapPath, RunOptions, SceneOptions, ScenePath

if TYPE_CHECKING:
    from trigpoint.core.scene import Scene
    from trigpoint.evaluation.metrics import Threshold
    from trigpoint.evaluation.protocols import Protocol
    from trigpoint.evaluation.results import Evaluation
    from trigpoint.localization.localizer import Localizer


@dataclass(frozen=True)
class EvaluationOptions:
    """What is evaluated.

    Attributes:
        split: which images: those held out, those mapped, or all.
        threshold: count images within this distance and angle, such as 0.05,5; may be repeated.
        protocol: evaluate as papers do (7scenes, cambridge, ...; docs/datasets.md) and show their numbers beside.
        estimate_cameras: do not tell the localizer the cameras of the images.
        report: folder to write a page with pictures to.
        submission: text file for visuallocalization.net to write the poses of all test images to, instead of evaluating.
    """

    split: Literal["test", "train", "all"] = "test"
    threshold: UseAppendAction[tuple[str, ...]] = ()
    protocol: str | None = None
    estimate_cameras: bool = False
    report: Path | None = None
    submission: Path | None = None

    def chosen_protocol(self, scene: Path) -> Protocol | None:
        """The protocol that the user names.

        Raises:
            SceneError: there is none of this name (TP-263), or the truth is kept by the organisers and there is no file for
                the poses (TP-264).
        """
        from trigpoint.core.errors import SceneError
        from trigpoint.evaluation.protocols import find_protocol

        if self.protocol is None:
            return None
        protocol = find_protocol(self.protocol)
        if protocol.task.withheld and self.submission is None:
            raise SceneError(
                "TP-264",
                f"the true poses of {protocol.title} are kept by the organisers",
                where=scene,
                fix="Give --submission FILE and hand the file in at visuallocalization.net.",
            )
        return protocol

    def thresholds(self, protocol: Protocol | None) -> tuple[Threshold, ...]:
        """Those of the protocol and the user's, each once.

        Raises:
            ConfigError: TP-721.
        """
        from trigpoint.evaluation.metrics import parse_threshold

        published = () if protocol is None else protocol.thresholds
        return tuple(dict.fromkeys((*published, *map(parse_threshold, self.threshold))))


def evaluate(
    map: MapPath, scene: ScenePath, /, *, judging: EvaluationOptions, reading: SceneOptions, run: RunOptions
) -> int:
    """Localize images whose poses are known and compare.

    Args:
        map: map file.
        scene: folder with the images and their poses, as given to map.
        judging: what is evaluated.
        reading: how the scene is read.
        run: where, and what is said.
    """
    from trigpoint.core.output import Planned
    from trigpoint.evaluation.protocols import require_metres
    from trigpoint.localization.localizer import Localizer

    run.begin(Planned(judging.report, "folder"), Planned(judging.submission, "text"), inputs=[map, scene])
    protocol = judging.chosen_protocol(scene)
    thresholds = judging.thresholds(protocol)
    localizer = Localizer.load(map, device=run.query_device)
    if protocol is not None:
        require_metres(protocol, localizer.map.metric, map)
    opened = reading.open_with(scene, localizer.map)
    if judging.submission is not None:
        document = _submit(localizer, opened, judging.submission)
        evaluation = None
    else:
        evaluation = _evaluate(localizer, opened, thresholds, judging)
        document = _numbers(evaluation, opened)
    if protocol is not None:
        document["comparison"] = _compare(protocol, protocol.scene_of(scene), evaluation)
    run.write(document)
    if judging.report is not None and evaluation is not None:
        _report(judging.report, evaluation, localizer, opened, map)
    return 0


def _submit(localizer: Localizer, scene: Scene, output: Path) -> dict[str, Any]:
    from trigpoint.core.terminal import print_line
    from trigpoint.evaluation.submission import submit
    from trigpoint.localization.batch import summary_line

    results = submit(localizer, scene, output)
    written = sum(result.cam_from_world is not None for result in results)
    print_line(f"{output}: {written} poses of {len(results)} images. {summary_line(results)}")
    answers = [result.to_json() for result in results]
    return {"submission": str(output), "poses": written, "images": len(results), "results": answers}


def _evaluate(
    localizer: Localizer, scene: Scene, thresholds: tuple[Threshold, ...], judging: EvaluationOptions
) -> Evaluation:
    from trigpoint.evaluation.evaluate import evaluate
    from trigpoint.evaluation.learned import learned_text
    from trigpoint.report.blocks import Text
    from trigpoint.report.evaluation_blocks import recall_table, summary, worst_table
    from trigpoint.report.terminal import print_blocks

    known = not judging.estimate_cameras
    evaluation = evaluate(localizer, scene, thresholds=thresholds, split=judging.split, known_cameras=known)
    learned = evaluation.learned_count
    warning = [Text(f"warning: {learned_text(learned, len(evaluation.results))}.")] if learned else []
    print_blocks([*warning, summary(evaluation), recall_table(evaluation), worst_table(evaluation, 8, with_reasons=False)])
    return evaluation


def _numbers(evaluation: Evaluation, scene: Scene) -> dict[str, Any]:
    """The evaluation as JSON; of the scenes of a joint scene without their images, which stand in the whole."""
    from trigpoint.evaluation.evaluate import evaluations_by_scene
    from trigpoint.formats.joint import JOINT
    from trigpoint.report.evaluation_blocks import scenes_table
    from trigpoint.report.terminal import print_blocks

    by_scene = evaluations_by_scene(evaluation) if scene.format == JOINT else {}
    if not by_scene:
        return evaluation.to_json()
    print_blocks([scenes_table(by_scene)])
    return {**evaluation.to_json(), "scenes": {name: part.numbers_json() for name, part in by_scene.items()}}


def _compare(protocol: Protocol, scene: str, evaluation: Evaluation | None) -> dict[str, Any]:
    from trigpoint.evaluation.protocols import comparison_json, our_row
    from trigpoint.report.published import protocol_blocks
    from trigpoint.report.terminal import print_blocks

    ours = None if evaluation is None else our_row(protocol, evaluation, scene)
    print_blocks(protocol_blocks(protocol, scene, ours))
    return comparison_json(protocol, scene, ours)


def _report(folder: Path, evaluation: Evaluation, localizer: Localizer, scene: Scene, map_path: Path) -> None:
    from trigpoint.core.terminal import print_line
    from trigpoint.report.evaluation_report import Pictured, map_facts, write_report

    pictured = Pictured.of(localizer, scene, evaluation)
    title = f"{evaluation.scene_name} with {map_path.name}"
    page = write_report(folder, evaluation, title=title, facts=map_facts(localizer, map_path), pictured=pictured)
    print_line(f"report: {page}")
