"""The scene seen from above and at an angle: map points, cameras of the map, true and estimated query cameras."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.core.randomness import numpy_generator
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.report.formatting import angle, length
from trigpoint.report.views import Array, Colours, View, draw_points, oblique_view, top_view, up_direction

WIDTH_PX = 1080
MAX_POINTS = 300_000
# Above this number of queries their camera bodies would cover each other.
_MAX_BODIES = 400
_FAR_PX = 4000.0
_BODY_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
# Used where a localized image has no camera.
_SOME_CAMERA = Camera.pinhole(4, 3, 4)


@dataclass(frozen=True, eq=False)
class SceneDrawing:
    """What the pictures show.

    Attributes:
        evaluation: the queries.
        mapping_poses: ``cam_from_world`` of the images that the map was made of.
        all_points: (N, 3) map points in world; may be empty.
        all_rgb: (N, 3) their colours.
        drawn: (N,) which of them the pictures of the whole scene show.
        hidden: whether a ceiling is among those that are left out.
    """

    evaluation: Evaluation
    mapping_poses: Sequence[Pose]
    all_points: Array
    all_rgb: Colours
    drawn: NDArray[np.bool_]
    hidden: bool

    @staticmethod
    def of(evaluation: Evaluation, mapping_poses: Sequence[Pose], points: PointCloud | None) -> SceneDrawing:
        """With the points that help: no outliers, no ceiling over the cameras, not more than ``MAX_POINTS``."""
        xyz, rgb = (np.zeros((0, 3)), np.zeros((0, 3), np.uint8)) if points is None else (points.xyz, points.rgb)
        finite = np.isfinite(xyz).all(axis=1)
        xyz, rgb = xyz[finite], rgb[finite]
        if len(xyz) > MAX_POINTS:
            chosen = np.sort(numpy_generator(0, "report", "points").choice(len(xyz), MAX_POINTS, replace=False))
            xyz, rgb = xyz[chosen], rgb[chosen]
        scene = SceneDrawing(evaluation, mapping_poses, xyz, rgb, np.ones(len(xyz), dtype=np.bool_), False)
        if len(xyz) == 0:
            return scene
        ceiling = ceiling_points(xyz, scene.centres(), scene.up())
        return replace(scene, drawn=points_near(xyz, scene.centres()) & ~ceiling, hidden=bool(ceiling.any()))

    @property
    def points(self) -> Array:
        """(N, 3) points that the pictures of the whole scene show."""
        return self.all_points[self.drawn]

    @property
    def rgb(self) -> Colours:
        """(N, 3) colours of ``points``."""
        return self.all_rgb[self.drawn]

    def true_poses(self) -> list[Pose]:
        """Of the queries."""
        return [result.true_pose for result in self.evaluation.results]

    def up(self) -> Array:
        """The (3,) vertical."""
        return up_direction([*self.mapping_poses, *self.true_poses()])

    def centres(self) -> Array:
        """(N, 3) true positions of all cameras."""
        return np.array([pose.centre() for pose in [*self.mapping_poses, *self.true_poses()]])

    def shown(self) -> Array:
        """(N, 3) positions that the pictures must hold."""
        return np.concatenate([self.points, self.centres()])


def top_picture(scene: SceneDrawing) -> str:
    """The scene from above as one SVG element."""
    view = top_view(scene.up(), scene.shown(), WIDTH_PX, max_height=760)
    return _picture(scene, view, "Seen from above", [_scale_bar(view, scene.evaluation.units)])


def oblique_picture(scene: SceneDrawing) -> str:
    """The scene at an angle as one SVG element."""
    return _picture(scene, oblique_view(scene.up(), scene.shown(), WIDTH_PX, 620), "Seen at an angle", [])


def outside(scene: SceneDrawing) -> int:
    """Number of estimated positions outside of the picture from above."""
    view = top_view(scene.up(), scene.shown(), WIDTH_PX, max_height=760)
    found = [result.localization.cam_from_world for result in scene.evaluation.results]
    centres = np.array([pose.centre() for pose in found if pose is not None]).reshape(-1, 3)
    px, _ = view.project(centres)
    return int(np.sum(~np.all((px > 0) & (px < (view.width, view.height)), axis=1)))


def png_uri(image: Colours) -> str:
    """An RGB or RGBA image as a data address."""
    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _picture(scene: SceneDrawing, view: View, label: str, extra: Iterable[str]) -> str:
    body = 0.035 * float(np.ptp(scene.centres(), axis=0).max() or 1.0)
    parts: list[str] = []
    if len(scene.points):
        points = draw_points(view, scene.points, scene.rgb, radius_px=1.5)
        parts.append(f'<image class="points" href="{png_uri(points)}" width="{view.width}" height="{view.height}"/>')
    mapping = [pose.centre() for pose in scene.mapping_poses]
    parts += [_dots("halo", view, mapping), _dots("mapping", view, mapping)]
    results = scene.evaluation.results
    parts += [_error_line(view, result) for result in results]
    if len(results) > _MAX_BODIES:
        parts.append(_dots("true", view, [pose.centre() for pose in scene.true_poses()]))
    else:
        cameras = [result.localization.camera or _SOME_CAMERA for result in results]
        parts += [
            _body("true", f"{result.name}: true position", view, each, result.true_pose, body)
            for result, each in zip(results, cameras, strict=True)
        ]
    parts += [_estimate(view, result, scene.evaluation.units, body, len(results) > _MAX_BODIES) for result in results]
    content = "\n".join(part for part in [*parts, *extra] if part)
    size = f'viewBox="0 0 {view.width} {view.height}"'
    return f'<svg class="scene" {size} role="img" aria-label="{label}">\n{content}\n</svg>'


def _dots(kind: str, view: View, centres: Sequence[Array]) -> str:
    px, _ = view.project(np.array(centres).reshape(-1, 3))
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in px if abs(x) < _FAR_PX and abs(y) < _FAR_PX)
    return f'<path class="dots {kind}" d="{path}"/>' if path else ""


def _estimate(view: View, result: FrameResult, units: str, size: float, dot: bool) -> str:
    answer, error = result.localization, result.error
    if answer.cam_from_world is None or error is None:
        return ""
    title = f"{result.name}: {result.status}, off by {length(error.translation, units)}, {angle(error.rotation_deg)}"
    kind = f"estimate {result.status}"
    return _body(kind, title, view, answer.camera or _SOME_CAMERA, answer.cam_from_world, size, dot=dot)


def _body(kind: str, title: str, view: View, camera: Camera, pose: Pose, size: float, *, dot: bool = False) -> str:
    """A camera as a pyramid from its centre to the corners of its image, which stand ``size`` away."""
    fx, fy, cx, cy = camera.pinhole_params()
    corners = [((x * camera.width - cx) / fx, (y * camera.height - cy) / fy, 1.0) for x, y in _BODY_CORNERS]
    px, _ = view.project(pose.inverse().apply(np.array([(0.0, 0.0, 0.0), *corners]) * size))
    if not np.all(np.abs(px) < _FAR_PX):
        return ""
    centre, *rim = [f"{x:.1f} {y:.1f}" for x, y in px]
    sides = f"M{'L'.join(rim)}Z" + "".join(f"M{centre}L{corner}" for corner in rim)
    drawn = "" if dot else f'<path d="{sides}"/>'
    return f'<g class="{kind}"><title>{html.escape(title)}</title>{drawn}<path class="dots" d="M{centre}h0"/></g>'


def _error_line(view: View, result: FrameResult) -> str:
    pose = result.localization.cam_from_world
    if pose is None:
        return ""
    (start, end), _ = view.project(np.array([result.true_pose.centre(), pose.centre()]))
    reach = float(np.abs(end - start).max())
    if not math.isfinite(reach) or reach < 1:
        return ""
    if reach > _FAR_PX:
        end = start + (end - start) * (_FAR_PX / reach)
    return f'<path class="error" d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"/>'


def _scale_bar(view: View, units: str) -> str:
    wanted = 0.2 * view.width / view.scale[0]
    power = 10.0 ** math.floor(math.log10(wanted))
    size = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    y, end = view.height - 16, 24 + size * view.scale[0]
    return (
        f'<path class="scale" d="M24 {y - 5}v5H{end:.1f}v-5"/>'
        f'<text class="scale" x="24" y="{y - 10}">{html.escape(length(size, units))}</text>'
    )


def points_near(points: Array, centres: Array) -> NDArray[np.bool_]:
    """Whether points lie where most points and cameras are: a few wild points would shrink all else."""
    low, high = np.percentile(points, (2, 98), axis=0)
    low, high = np.minimum(low, centres.min(axis=0)), np.maximum(high, centres.max(axis=0))
    slack = 0.1 * (high - low)
    return np.all((points >= low - slack) & (points <= high + slack), axis=1)


def ceiling_points(points: Array, centres: Array, up: Array) -> NDArray[np.bool_]:
    """Which points to leave out because they hide the cameras from above; none where the sky is open."""
    heights, top = points @ up, float((centres @ up).max())
    extent = float(np.ptp(centres, axis=0).max())
    above = heights > top + 0.05 * extent
    cell = max(extent / 10, 1e-9)
    flat = [np.floor((values - np.outer(values @ up, up)) / cell).astype(np.int64) for values in (points[above], centres)]
    covered, cameras = (set(map(tuple, cells.tolist())) for cells in flat)
    return above if len(cameras & covered) > 0.3 * len(cameras) else np.zeros(len(points), dtype=np.bool_)
