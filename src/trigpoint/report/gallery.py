"""The best and the worst images: each beside what the map shows from its estimated pose."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from trigpoint.core.errors import ImageError
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.localization.correspondences import Correspondences
from trigpoint.report.blocks import Figure, Figures, Picture, Section, Text
from trigpoint.report.evaluation_blocks import error_text, ranked, verdict
from trigpoint.report.formatting import duration
from trigpoint.report.keypoint_picture import keypoint_picture
from trigpoint.report.pictures import SceneDrawing, png_uri
from trigpoint.report.views import draw_points, image_view

SHOWN_WORST, SHOWN_BEST = 6, 3
_SHORT_SIDE_PX = 360
_LEGEND = (
    "Left the image, right the map from the estimated pose. Large green dots: keypoints that agree with the pose; small red"
    " ones: those that do not."
)


def gallery(scene: SceneDrawing, files: Mapping[str, Path], correspondences: Mapping[str, Correspondences]) -> list[Section]:
    """The worst images, the worst first, and the best.

    Args:
        scene: queries and map points.
        files: image file of each image name; an image without one is shown as such.
        correspondences: keypoints to draw, by image name.
    """
    worst, best = shown(scene.evaluation)
    note = [Text(_LEGEND, small=True)] if any(result.name in correspondences for result in (*worst, *best)) else []

    def pairs(results: list[FrameResult]) -> Figures:
        return Figures([_pair(result, scene, files, correspondences) for result in results], "pairs")

    return [Section("Worst images", [*note, pairs(worst)]), Section("Best images", [pairs(best)] if best else [])]


def shown(evaluation: Evaluation) -> tuple[list[FrameResult], list[FrameResult]]:
    """The worst images, worst first, and the best, best first, of those that remain."""
    order = ranked(evaluation)
    worst = order[::-1][:SHOWN_WORST]
    return worst, order[: min(SHOWN_BEST, len(order) - len(worst))]


def _pair(
    result: FrameResult, scene: SceneDrawing, files: Mapping[str, Path], correspondences: Mapping[str, Correspondences]
) -> Figure:
    answer, evaluation = result.localization, scene.evaluation
    error = [] if result.error is None else [f"off by {error_text(result.error, evaluation.units)}"]
    counted = f"{answer.inliers} of {answer.points} keypoints agree"
    # Most reasons begin with these numbers.
    reason = answer.reason if counted in answer.reason else "; ".join(filter(None, (counted, answer.reason)))
    caption = [*error, f"confidence {answer.confidence:.2f}, {duration(result.total_ms)}", reason]
    pictures = [_image(result.name, files.get(result.name), correspondences.get(result.name)), _rendering(result, scene)]
    return Figure(pictures, caption, name=result.name, verdict=verdict(result, evaluation))


def _image(name: str, file: Path | None, pairs: Correspondences | None) -> Picture:
    """The image itself, with its keypoints where they are known."""
    if file is None:
        return Picture(alt="no image file")
    try:
        picture = keypoint_picture(file, pairs, short_side_px=_SHORT_SIDE_PX)
    except ImageError as error:
        return Picture(alt=error.what)
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=82)
    data = base64.b64encode(stream.getvalue()).decode()
    return Picture(uri=f"data:image/jpeg;base64,{data}", alt=name)


def _rendering(result: FrameResult, scene: SceneDrawing) -> Picture:
    """The map points as a camera at the estimated pose would see them."""
    answer = result.localization
    if answer.cam_from_world is None:
        return Picture(alt="no pose")
    if answer.camera is None or len(scene.all_points) == 0:
        return Picture(alt="no map points")
    shrink = _SHORT_SIDE_PX / min(answer.camera.width, answer.camera.height)
    view = image_view(answer.cam_from_world, answer.camera, max(1, round(answer.camera.width * shrink)))
    image = draw_points(view, scene.all_points, scene.all_rgb, radius_px=1.4)
    return Picture(uri=png_uri(image), alt=f"The map from the estimated pose of {result.name}")
