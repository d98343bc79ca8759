"""The best and the worst images: each beside what the map shows from its estimated pose."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from io import BytesIO
from pathlib import Path

from trigpoint.core.errors import ImageError
from trigpoint.evaluation.evaluate import Evaluation, FrameResult
from trigpoint.localization.correspondences import Correspondences
from trigpoint.report.formatting import angle, duration, length
from trigpoint.report.keypoint_picture import keypoint_picture
from trigpoint.report.pictures import SceneDrawing, png_uri
from trigpoint.report.tables import ranked
from trigpoint.report.views import draw_points, image_view

SHOWN_WORST, SHOWN_BEST = 6, 3
_SHORT_SIDE_PX = 360


def gallery_html(scene: SceneDrawing, images: Mapping[str, Path], correspondences: Mapping[str, Correspondences]) -> str:
    """Two rows of figures, the worst images first.

    Args:
        scene: queries and map points.
        images: image file of each image name; an image without one is shown as such.
        correspondences: those to draw, by image name.
    """
    worst, best = shown(scene.evaluation)
    note = _LEGEND if any(result.name in correspondences for result in (*worst, *best)) else ""
    parts = ["<section><h2>Worst images</h2>", note, _row(worst, scene, images, correspondences), "</section>"]
    if best:
        parts += ["<section><h2>Best images</h2>", _row(best, scene, images, correspondences), "</section>"]
    return "\n".join(part for part in parts if part)


_LEGEND = (
    '<p class="soft">Left the image, right the map from the estimated pose. Large green dots: keypoints that agree with the'
    " pose; small red ones: those that do not.</p>"
)


def shown(evaluation: Evaluation) -> tuple[list[FrameResult], list[FrameResult]]:
    """The worst images, worst first, and the best, best first, of those that remain."""
    order = ranked(evaluation)
    worst = order[::-1][:SHOWN_WORST]
    return worst, order[: min(SHOWN_BEST, len(order) - len(worst))]


def badge(result: FrameResult, evaluation: Evaluation) -> str:
    """The verdict, and whether it is a wrong pose that was believed."""
    text = f'<span class="badge {escape(result.status)}">{escape(result.status)}</span>'
    believed = result.trusted_error is not None and evaluation.is_wrong(result)
    return text + (' <span class="badge wrong">wrong</span>' if believed else "")


def _row(
    results: list[FrameResult],
    scene: SceneDrawing,
    images: Mapping[str, Path],
    correspondences: Mapping[str, Correspondences],
) -> str:
    figures = [
        f'<figure><div class="pair">{_image(result, images, correspondences)}{_rendering(result, scene)}</div>'
        f"<figcaption>{_caption(result, scene.evaluation)}</figcaption></figure>"
        for result in results
    ]
    return '<div class="gallery">\n' + "\n".join(figures) + "\n</div>"


def _image(result: FrameResult, images: Mapping[str, Path], correspondences: Mapping[str, Correspondences]) -> str:
    path = images.get(result.name)
    if path is None:
        return '<div class="empty">no image file</div>'
    try:
        picture = keypoint_picture(path, correspondences.get(result.name), short_side_px=_SHORT_SIDE_PX)
    except ImageError as error:
        return f'<div class="empty">{escape(error.what)}</div>'
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=82)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{escape(result.name)}" src="data:image/jpeg;base64,{data}">'


def _rendering(result: FrameResult, scene: SceneDrawing) -> str:
    answer = result.localization
    if answer.cam_from_world is None:
        return '<div class="empty">no pose</div>'
    if answer.camera is None or len(scene.all_points) == 0:
        return '<div class="empty">no map points</div>'
    shrink = _SHORT_SIDE_PX / min(answer.camera.width, answer.camera.height)
    view = image_view(answer.cam_from_world, answer.camera, max(1, round(answer.camera.width * shrink)))
    image = draw_points(view, scene.all_points, scene.all_rgb, radius_px=1.4)
    return f'<img alt="The map from the estimated pose of {escape(result.name)}" src="{png_uri(image)}">'


def _caption(result: FrameResult, evaluation: Evaluation) -> str:
    answer, error = result.localization, result.error
    lines = [f"<b>{escape(result.name)}</b> {badge(result, evaluation)}"]
    if error is not None:
        lines.append(f"off by <b>{length(error.translation, evaluation.units)}, {angle(error.rotation_deg)}</b>")
    lines.append(f"confidence {answer.confidence:.2f}, {duration(result.total_ms)}")
    counted = f"{answer.inliers} of {answer.points} keypoints agree"
    # Most reasons begin with these numbers.
    lines.append(escape(answer.reason if counted in answer.reason else "; ".join(filter(None, (counted, answer.reason)))))
    return "<br>".join(lines)
